//! One cluster of the fleet: its connection, its health, and a store for each kind.
//!
//! A cluster exists from the moment that it is configured, whether or not it can be reached: one with a broken
//! kubeconfig or a dead API server is listed with the reason, has empty or aged stores, and is tried again.

use std::{any::TypeId, sync::Arc, time::Duration};

use arc_swap::{ArcSwap, ArcSwapOption};
use fleetgraph_core::{Error, ErrorCode, Freshness, Kind, KindMeta, Scope, Timestamp, View, WatchState};
use tokio::{
    sync::{Semaphore, broadcast},
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    any::AnyStore,
    audit,
    connection::{ClusterSpec, Connection},
    health::HealthSnapshot,
    kinds::{KindSet, Stores},
    settings::Settings,
    store::AnyWriter,
    store::Store,
    watch::{ListSlots, Watch, WatchParts},
};

/// A configuration that could not be used is read again this often.
const REOPEN: Duration = Duration::from_secs(5);
/// How long the first watches wait to learn the server's version.
const FIRST_HEALTH: Duration = Duration::from_secs(5);
/// Servers from this minor version on stream lists without being asked to in a feature gate.
const STREAMS_LISTS_FROM: u32 = 34;

/// A cluster of the fleet.
pub struct Cluster {
    spec: Arc<ClusterSpec>,
    added: Timestamp,
    stores: Stores,
    /// In the order of the kind table.
    order: Vec<Arc<dyn AnyStore>>,
    /// Those of kinds that the cluster has besides, and that come and go.
    open: ArcSwap<Vec<Open>>,
    /// What further watches need; there once the connection is.
    parts: ArcSwapOption<WatchParts>,
    connection: ArcSwapOption<Connection>,
    /// Why there is no connection.
    config_error: ArcSwapOption<Error>,
    cancel: CancellationToken,
    tasks: TaskTracker,
}

/// The copy of a kind that is watched for as long as it is asked for.
#[derive(Clone)]
struct Open {
    store: Arc<dyn AnyStore>,
    cancel: CancellationToken,
}

/// Something happened to a cluster as a whole.
#[derive(Clone)]
pub struct ClusterDelta {
    pub at: Timestamp,
    pub change: ClusterChange,
    pub cluster: Arc<Cluster>,
    /// One word: `Added`, `Removed`, `Healthy`, `Degraded`, `Unhealthy`, `ConfigInvalid`.
    pub reason: &'static str,
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClusterChange {
    Added,
    Updated,
    Removed,
}

/// What a caller is told of a copy: an object that can't be decoded is counted, and named, where all may be seen only.
pub(crate) fn told(freshness: Freshness, view: &View) -> Freshness {
    if view.is_all() || freshness.malformed == 0 {
        return freshness;
    }
    Freshness { malformed: 0, error: None, ..freshness }
}

impl Cluster {
    pub(crate) fn start(
        spec: ClusterSpec,
        kinds: &KindSet,
        settings: &Settings,
        fleet_slots: Arc<tokio::sync::Semaphore>,
        events: broadcast::Sender<ClusterDelta>,
    ) -> Arc<Self> {
        let (order, writers): (Vec<_>, Vec<_>) =
            kinds.iter().map(|kind| kind.store(&spec.id, &settings.pii)).unzip();
        let stores = order.iter().map(|store| (store.typed().type_id(), Arc::clone(store))).collect();
        let slots = ListSlots::new(fleet_slots, settings.concurrent_lists_per_cluster);
        let cluster = Arc::new(Self {
            spec: Arc::new(spec),
            added: Timestamp::now(),
            stores,
            order,
            open: ArcSwap::default(),
            parts: ArcSwapOption::empty(),
            connection: ArcSwapOption::empty(),
            config_error: ArcSwapOption::empty(),
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        let supervisor =
            Supervisor { cluster: Arc::clone(&cluster), slots, settings: settings.clone(), events };
        cluster.tasks.spawn(supervisor.run(writers));
        cluster
    }

    #[must_use]
    pub fn spec(&self) -> &Arc<ClusterSpec> {
        &self.spec
    }

    /// When the cluster was added to this registry.
    #[must_use]
    pub fn added(&self) -> Timestamp {
        self.added
    }

    /// The store of a kind; `None` if the kind isn't watched.
    #[must_use]
    pub fn store<K: Kind>(&self) -> Option<&Store<K>> {
        self.stores.get(&TypeId::of::<Store<K>>())?.typed().downcast_ref()
    }

    /// The stores of a type: one for a kind of the table, one for each kind that it stands for otherwise.
    pub fn stores_of<K: Kind>(&self) -> impl Iterator<Item = Store<K>> {
        let one = self.store::<K>().cloned();
        let several = if one.is_none() { self.open_stores() } else { Vec::new() };
        one.into_iter()
            .chain(several.into_iter().filter_map(|store| store.typed().downcast_ref::<Store<K>>().cloned()))
    }

    /// The connection, if the cluster's configuration can be used.
    #[must_use]
    pub fn connection(&self) -> Option<Arc<Connection>> {
        self.connection.load_full()
    }

    /// Whether the cluster answers, as far as is known.
    #[must_use]
    pub fn reachable(&self) -> bool {
        self.connection.load().as_ref().is_some_and(|connection| connection.breaker().reachable())
    }

    /// The last health check; `None` if there was none yet.
    #[must_use]
    pub fn health(&self) -> Option<Arc<HealthSnapshot>> {
        self.connection.load().as_ref().and_then(|connection| connection.health())
    }

    /// Why the cluster's configuration can't be used, if it can't.
    #[must_use]
    pub fn config_error(&self) -> Option<Error> {
        if let Some(error) = self.config_error.load_full() {
            return Some(Error::clone(&error));
        }
        let problem = self.connection.load().as_ref()?.problem()?;
        Some(Error::new(problem.code(), problem.told()).of_cluster(&self.spec.id))
    }

    /// How current the copy of each kind is of which the caller may see something, in the order of the kind table.
    pub fn freshness<'a>(
        &'a self,
        scope: &'a Scope,
    ) -> impl Iterator<Item = (Arc<dyn AnyStore>, Freshness)> + 'a {
        let reachable = self.reachable();
        let silence = (!reachable).then(|| self.silence()).flatten();
        self.stores().into_iter().filter_map(move |store| {
            let view = scope.view(&self.spec.id, store.kind());
            if view.is_empty() {
                return None;
            }
            let mut freshness = told(store.freshness(reachable), &view);
            // The watch itself may not have noticed yet.
            freshness.error = freshness.error.or_else(|| silence.clone());
            Some((store, freshness))
        })
    }

    /// Why it doesn't answer, as the last health check found.
    fn silence(&self) -> Option<Error> {
        let message = self.health()?.message.clone()?;
        Some(Error::new(ErrorCode::ClusterUnavailable, message).of_cluster(&self.spec.id))
    }

    /// The copies of all kinds: those of the kind table in its order, then those that are known at run time only.
    #[must_use]
    pub fn stores(&self) -> Vec<Arc<dyn AnyStore>> {
        self.stores_where(&|_| true)
    }

    /// Those of some kinds.
    #[must_use]
    pub fn stores_where(&self, wanted: &dyn Fn(&KindMeta) -> bool) -> Vec<Arc<dyn AnyStore>> {
        let open = self.open.load();
        let all = self.order.iter().chain(open.iter().map(|open| &open.store));
        all.filter(|store| wanted(store.kind())).map(Arc::clone).collect()
    }

    /// The copies of the kinds that a type stands for which is known at run time only.
    #[must_use]
    pub fn open_stores(&self) -> Vec<Arc<dyn AnyStore>> {
        self.open.load().iter().map(|open| Arc::clone(&open.store)).collect()
    }

    /// Starts to watch a kind. `false` if that can't be yet, because there is no connection.
    pub(crate) fn open(&self, store: Arc<dyn AnyStore>, writer: Box<dyn AnyWriter>) -> bool {
        let Some(parts) = self.parts.load_full().filter(|_| !self.cancel.is_cancelled()) else {
            return false;
        };
        let cancel = self.cancel.child_token();
        let parts = WatchParts::clone(&parts);
        self.open.rcu(|open| {
            let mut open = Vec::clone(open);
            open.push(Open { store: Arc::clone(&store), cancel: cancel.clone() });
            open
        });
        self.tasks.spawn(Watch::new(self.spec.id.clone(), parts, writer).run(cancel));
        true
    }

    /// Ends the watch of a kind that was opened; its copy is gone from every answer at once.
    pub(crate) fn close(&self, kind: &'static KindMeta, namespace: Option<&str>) {
        let is_it =
            |open: &Open| std::ptr::eq(open.store.kind(), kind) && open.store.namespace() == namespace;
        let closed =
            self.open.rcu(|open| open.iter().filter(|open| !is_it(open)).cloned().collect::<Vec<_>>());
        closed.iter().filter(|open| is_it(open)).for_each(|open| open.cancel.cancel());
    }

    /// Whether the cluster answers, and each kind was listed once, as far as the cluster has it and lets us.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.config_error().is_none()
            && self.reachable()
            && self.order.iter().map(|store| store.freshness(true)).all(|freshness| {
                freshness.synced || matches!(freshness.state, WatchState::Absent | WatchState::Forbidden)
            })
    }

    /// Whether there is nothing left to wait for at the start: each kind was listed once, or failed to be.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.config_error().is_some()
            || (self.connection.load().is_some()
                && (!self.reachable() || self.order.iter().all(|store| store.settled())))
    }

    /// Ends all tasks of the cluster and waits for them; its stores are empty then.
    pub(crate) async fn stop(&self) {
        self.cancel.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Room for the audits of a cluster: one lists at a time.
fn audits() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(1))
}

/// The task that owns everything that runs for a cluster.
struct Supervisor {
    cluster: Arc<Cluster>,
    slots: ListSlots,
    settings: Settings,
    events: broadcast::Sender<ClusterDelta>,
}

impl Supervisor {
    async fn run(self, writers: Vec<Box<dyn AnyWriter>>) {
        let cancel = self.cluster.cancel.clone();
        let Some(connection) = cancel.run_until_cancelled(self.connect()).await else { return };
        self.cluster.connection.store(Some(Arc::clone(&connection)));
        self.cluster.config_error.store(None);
        // The version decides how lists are asked for; a cluster that doesn't answer in time gets pages.
        let first = tokio::time::timeout(FIRST_HEALTH, connection.first_health());
        let Some(health) = cancel.run_until_cancelled(first).await else { return };
        let streamed = health
            .ok()
            .and_then(|health| health.version.as_ref().map(|v| (v.major, v.minor)))
            .is_some_and(|version| version >= (1, STREAMS_LISTS_FROM));
        // So that the series are there before the first audit.
        audit::count(&self.cluster.spec.id, 0, 0);
        let parts = WatchParts {
            client: connection.client(),
            breaker: connection.breaker().clone(),
            slots: self.slots.clone(),
            resync: self.settings.resync_period,
            audit: self.settings.audit_period,
            audits: audits(),
            streamed,
            metadata_only: false,
            open: false,
        };
        // Lists and audits of custom resources have places of their own, so that the table's never wait for them.
        let slots = ListSlots::new(Arc::clone(&self.slots.fleet), self.settings.concurrent_lists_per_cluster);
        self.cluster.parts.store(Some(Arc::new(WatchParts {
            slots,
            audits: audits(),
            open: true,
            ..parts.clone()
        })));
        for writer in writers {
            let metadata_only = self.settings.metadata_only.iter().any(|name| writer.kind().answers_to(name));
            let parts = WatchParts { metadata_only, ..parts.clone() };
            let watch = Watch::new(self.cluster.spec.id.clone(), parts, writer);
            self.cluster.tasks.spawn(watch.run(cancel.clone()));
        }
        let _ = cancel.run_until_cancelled(self.announce_health(&connection)).await;
        connection.close().await;
    }

    /// Opens the connection. A configuration that can't be used is tried again: a file may come, a plugin recover.
    async fn connect(&self) -> Arc<Connection> {
        let mut last = String::new();
        loop {
            let error = match Connection::open(Arc::clone(&self.cluster.spec)).await {
                Ok(connection) => return Arc::new(connection),
                Err(error) => error,
            };
            let logged = error.to_string();
            if logged != last {
                tracing::error!(cluster = %self.cluster.spec.id, code = %error.code(), "{error}");
                let told = Error::new(error.code(), error.told()).of_cluster(&self.cluster.spec.id);
                self.announce("ConfigInvalid", Some(told.message.clone()));
                self.cluster.config_error.store(Some(Arc::new(told)));
                last = logged;
            }
            sleep(REOPEN).await;
        }
    }

    async fn announce_health(&self, connection: &Connection) {
        let mut changes = connection.health_changes();
        let mut known = None;
        loop {
            if let Some(health) = connection.health() {
                let now = (health.status, health.message.clone());
                if known.as_ref() != Some(&now) {
                    self.announce(health.status.as_reason(), now.1.clone());
                    known = Some(now);
                }
            }
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    fn announce(&self, reason: &'static str, message: Option<String>) {
        // No receiver is no error: there are no subscribers.
        let _ = self.events.send(ClusterDelta {
            at: Timestamp::now(),
            change: ClusterChange::Updated,
            cluster: Arc::clone(&self.cluster),
            reason,
            message,
        });
    }
}
