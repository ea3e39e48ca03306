//! How an object is doing, as GraphQL shows it.

use async_graphql::{Enum, SimpleObject};
use fleetgraph_core::Health;

/// How an object is doing, by one rule set for all kinds.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[graphql(name = "ObjectHealthStatus", remote = "fleetgraph_core::HealthState")]
pub enum HealthState {
    /// It is as it is wanted.
    Healthy,
    /// Work on it was stopped on purpose.
    Suspended,
    /// It is on its way to what is wanted.
    Progressing,
    /// Nothing is known of it.
    Unknown,
    /// It is referred to, and isn't there.
    Missing,
    /// It failed, or can't become what is wanted by itself.
    Degraded,
}

/// How an object is doing, and why.
#[derive(SimpleObject)]
pub struct ObjectHealth {
    pub status: HealthState,
    /// One word, such as `CrashLoopBackOff`; null where there is nothing to say.
    pub reason: Option<String>,
}

impl From<Health> for ObjectHealth {
    fn from(health: Health) -> Self {
        let reason = Some(health.reason.to_string()).filter(|reason| !reason.is_empty());
        Self { status: health.state.into(), reason }
    }
}
