//! How a cluster is: whether it answers, how fast, and what its parts say of themselves.
//!
//! One prober for each cluster asks; everybody else reads the last snapshot without a lock.

mod judge;
mod prober;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use crate::breaker::BreakerState;

pub(crate) use self::prober::Prober;

/// How a cluster or one of its parts is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HealthStatus {
    /// All that was asked is well.
    Healthy,
    /// It answers, and a part of it is not well.
    Degraded,
    /// It does not answer, or not to us.
    Unhealthy,
    /// It was not asked yet, or does not tell us.
    Unknown,
}

impl HealthStatus {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        }
    }

    /// The same as the reason of a Kubernetes event.
    #[must_use]
    pub const fn as_reason(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Degraded => "Degraded",
            Self::Unhealthy => "Unhealthy",
            Self::Unknown => "Unknown",
        }
    }
}

/// The version of an API server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    /// Such as `v1.36.3`, or `v1.33.5-gke.1201000`.
    pub git: String,
}

/// A part of the control plane: `api_server`, `etcd`, `controller_manager`, `scheduler`, or a failing check by its
/// own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentHealth {
    pub name: String,
    pub status: HealthStatus,
    /// What it says of itself; empty when it is well.
    pub message: String,
}

/// A cluster's health at one time. A plain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthSnapshot {
    pub status: HealthStatus,
    /// One sentence for people; `None` when all is well.
    pub message: Option<String>,
    /// The API server's version. Kept while the cluster is away.
    pub version: Option<Version>,
    pub components: Vec<ComponentHealth>,
    /// Time for the API server's answer to `/version`.
    pub latency: Option<Duration>,
    /// When the cluster last answered anything to the prober.
    pub last_contact: Option<jiff::Timestamp>,
    /// When this was found out.
    pub checked_at: Option<jiff::Timestamp>,
    pub breaker: BreakerState,
}

impl HealthSnapshot {
    /// What a component says, by its name.
    #[must_use]
    pub fn component(&self, name: &str) -> Option<&ComponentHealth> {
        self.components.iter().find(|component| component.name == name)
    }

    /// Whether the two differ in more than their times.
    fn news(&self, other: &Self) -> bool {
        (self.status, &self.message, &self.version, &self.components, self.breaker)
            != (other.status, &other.message, &other.version, &other.components, other.breaker)
    }
}

/// The reading side.
#[derive(Debug)]
pub(crate) struct Health {
    latest: Arc<ArcSwapOption<HealthSnapshot>>,
    changes: watch::Receiver<Option<Arc<HealthSnapshot>>>,
}

/// The writing side; there is one.
#[derive(Debug)]
pub(crate) struct Publisher {
    latest: Arc<ArcSwapOption<HealthSnapshot>>,
    changes: watch::Sender<Option<Arc<HealthSnapshot>>>,
}

impl Health {
    pub(crate) fn new() -> (Self, Publisher) {
        let latest = Arc::new(ArcSwapOption::empty());
        let (sender, changes) = watch::channel(None);
        (Self { latest: latest.clone(), changes }, Publisher { latest, changes: sender })
    }

    pub(crate) fn latest(&self) -> Option<Arc<HealthSnapshot>> {
        self.latest.load_full()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<Option<Arc<HealthSnapshot>>> {
        self.changes.clone()
    }

    pub(crate) async fn first(&self) -> Arc<HealthSnapshot> {
        let mut changes = self.changes();
        let first = changes.wait_for(Option::is_some).await.ok().and_then(|seen| seen.clone());
        match first {
            Some(first) => first,
            // The connection was closed before anything was seen; there will be no first look.
            None => std::future::pending().await,
        }
    }
}

impl Publisher {
    fn latest(&self) -> Option<Arc<HealthSnapshot>> {
        self.latest.load_full()
    }

    fn publish(&self, snapshot: HealthSnapshot) {
        let snapshot = Arc::new(snapshot);
        self.latest.store(Some(snapshot.clone()));
        self.changes.send_if_modified(|shown| {
            let news = shown.as_ref().is_none_or(|shown| snapshot.news(shown));
            *shown = Some(snapshot);
            news
        });
    }
}
