//! Connections to clusters: everything between a line of configuration and a [`kube::Client`] that keeps working.
//!
//! ```text
//!   ClusterSpec ──resolve──► credentials, addresses ──build──► Transport ◄──swap── reloader (files, 401s)
//!                                                                 │
//!   kube::Client ──► breaker ► qps, burst ► time-out ─────────────┘──► one HTTP/2 connection, all streams
//!                       ▲
//!   health prober ──────┘ probes, closes it again, publishes HealthSnapshots
//! ```
//!
//! A connection owns its tasks and ends them when its last handle is dropped. Opening one asks the cluster nothing,
//! so a cluster that is down has a connection too, whose calls fail at once and say why, and which comes back by
//! itself.

mod actor;
mod answer;
mod classify;
mod discover;
mod error;
mod files;
pub mod guard;
mod kubeconfig;
mod lane;
mod lanes;
mod limiter;
mod metrics;
mod refusal;
mod reload;
mod request;
mod resolve;
mod service;
mod spec;
mod transport;
pub mod trial;
pub mod upload;

use std::{fmt, sync::Arc};

use arc_swap::ArcSwapOption;
use fleetgraph_core::ClusterId;
use tokio::{sync::watch, time::Instant};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

pub use self::{
    actor::{Actor, Unspeakable, WriteAs},
    classify::{Classify, ClusterError, classify, classify_watch, is_ahead},
    discover::{DiscoverOptions, Discovery, discover},
    error::{CallError, ConnectError},
    refusal::refusal,
    spec::{AccessRule, Auth, ClusterSpec, DEFAULT_TENANT, TlsSpec, Token, Tuning},
};
pub(crate) use self::{
    metrics::Metrics,
    request::{PROBE_PATIENCE, Probe},
};
use self::{
    reload::{Attempt, Reloader},
    service::{ClusterService, Shared},
};
use crate::{
    breaker::Breaker,
    health::{Health, HealthSnapshot, Prober},
};

/// A cluster that can be asked. Cheap to clone; its tasks end with the last clone.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    client: kube::Client,
    health: Health,
    problem: Arc<ArcSwapOption<ConnectError>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("cluster", self.id())
            .field("breaker", &self.breaker().state())
            .finish()
    }
}

impl Connection {
    /// Makes a connection and starts the tasks that keep its credentials and health up to date.
    ///
    /// # Errors
    /// When the settings contradict each other, when a file that they name can't be read or used, or when a
    /// credential plugin fails. It may be tried again: files and plugins get repaired.
    pub async fn open(spec: impl Into<Arc<ClusterSpec>>) -> Result<Self, ConnectError> {
        let spec = spec.into();
        resolve::check(&spec)?;
        let Attempt { files, outcome } = reload::attempt(spec.clone(), None).await;
        let problem = Arc::new(ArcSwapOption::empty());
        let shared = Arc::new(Shared::new(spec, outcome?));
        let client = kube::Client::new(ClusterService { shared: shared.clone(), actor: None }, "default");
        let (health, publisher) = Health::new();
        let reloader =
            Reloader { shared: shared.clone(), files, problem: problem.clone(), built: Instant::now() };
        let prober = Prober {
            client: client.clone(),
            breaker: shared.breaker.clone(),
            metrics: shared.metrics.clone(),
            problem: problem.clone(),
            interval: shared.spec.tuning.health_interval,
            publisher,
        };
        let inner = Inner {
            client,
            health,
            problem,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            shared,
        };
        inner.spawn("cluster.reload", reloader.run());
        inner.spawn("cluster.health", prober.run());
        inner.tasks.close();
        Ok(Self(Arc::new(inner)))
    }

    #[must_use]
    pub fn id(&self) -> &ClusterId {
        &self.0.shared.spec.id
    }

    #[must_use]
    pub fn spec(&self) -> &ClusterSpec {
        &self.0.shared.spec
    }

    /// The client for everything. It stays the same while credentials change behind it.
    #[must_use]
    pub fn client(&self) -> kube::Client {
        self.0.client.clone()
    }

    /// A client for what is sent in a caller's name. How the cluster is told of it must be as its
    /// [`write_as`](ClusterSpec::write_as) says.
    #[must_use]
    pub fn client_as(&self, actor: Actor) -> kube::Client {
        let service = ClusterService { shared: self.0.shared.clone(), actor: Some(actor) };
        kube::Client::new(service, "default")
    }

    #[must_use]
    pub fn breaker(&self) -> &Breaker {
        &self.0.shared.breaker
    }

    /// The cluster's health as it was last seen; `None` before the first look has ended.
    #[must_use]
    pub fn health(&self) -> Option<Arc<HealthSnapshot>> {
        self.0.health.latest()
    }

    /// Each change of health. A slow reader sees the last one only.
    #[must_use]
    pub fn health_changes(&self) -> watch::Receiver<Option<Arc<HealthSnapshot>>> {
        self.0.health.changes()
    }

    /// Waits for the first look at the cluster's health, however it comes out.
    pub async fn first_health(&self) -> Arc<HealthSnapshot> {
        self.0.health.first().await
    }

    /// Why the newest credentials can't be used, if they can't; the ones of before stay in use.
    #[must_use]
    pub fn problem(&self) -> Option<ConnectError> {
        self.0.problem.load().as_deref().cloned()
    }

    /// Ends the connection's tasks and waits for them. Requests that run are not cut off.
    pub async fn close(&self) {
        self.0.stop.cancel();
        self.0.tasks.wait().await;
    }
}

impl Inner {
    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        let span = tracing::info_span!("task", name, cluster = %self.shared.spec.id);
        self.tasks.spawn(
            async move {
                stop.run_until_cancelled_owned(task).await;
            }
            .instrument(span),
        );
    }
}
