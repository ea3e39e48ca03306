//! Small controllers that make a simulated cluster live: what somebody applies becomes replica sets, pods, endpoints;
//! pods find nodes, start, crash, wait for images, stop; nodes are lost and come back.
//!
//! One engine ([`Engine`]) serves all clusters of a process, and does nothing for those where nothing happens: it hears
//! of changes through the clusters' taps, reads them from the store's subscriptions, and keeps its times in one agenda.
//!
//! ```text
//!   Controllers ── a thread ──▶ Engine ─▶ route.rs ─▶ deployment · replica_set · stateful_set · daemon_set · job · cron_job
//!   Churn ───────── another ──▶ Engine + churn.rs     scheduler · kubelet · endpoints · budget · autoscaler · claim
//!                                                     namespace · collector · node
//! ```

mod autoscaler;
mod budget;
mod churn;
mod claim;
mod collector;
mod context;
mod cron_job;
mod daemon_set;
mod deployment;
mod endpoints;
mod engine;
mod hub;
mod index;
mod job;
mod kinds;
mod kubelet;
mod moves;
mod namespace;
mod node;
pub(crate) mod pod_status;
mod pod_wishes;
mod replica_set;
mod route;
mod runner;
mod scheduler;
mod stateful_set;
mod task;

pub use churn::ChurnOptions;
pub use engine::Engine;
pub use runner::{Churn, Controllers};

/// How controllers run.
#[derive(Debug, Clone)]
pub struct ControllerOptions {
    /// Of times, addresses and ids.
    pub seed: u64,
    /// In a process of at most so many clusters, all are looked at from the start; with more, each when it first
    /// changes.
    pub awake: usize,
    /// How often kubelets and leaders renew their leases; 0 for never.
    pub lease_interval_ms: i64,
}

impl Default for ControllerOptions {
    fn default() -> Self {
        Self { seed: 1, awake: 16, lease_interval_ms: 10_000 }
    }
}
