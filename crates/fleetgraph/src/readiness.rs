//! Whether requests should be sent here: not before every cluster was read once or is known to be out of reach.
//!
//! ```text
//! GET /health/ready?verbose
//! [+]cluster/prod-eu ok
//! [-]cluster/prod-us failed: its first lists are not complete
//! [-]start failed: waits for clusters
//! ```
//!
//! Where callers are asked who they are, `start` alone is told: which clusters there are is not everybody's business.
//!
//! It matters for the start only. A cluster that is added or lost later changes what answers say of their freshness, and
//! not whether this server should be asked.

use cluster_registry::Registry;
use fleetgraph_core::Scope;
use http_api::Check;

use crate::lifecycle::{Lifecycle, Phase};

/// What the probes ask.
pub struct Readiness {
    pub life: Lifecycle,
    pub registry: Registry,
    /// Whether whoever asks may know which clusters there are. Probes ask without a credential.
    pub names: bool,
}

impl http_api::Readiness for Readiness {
    fn ready(&self) -> Vec<Check> {
        // The phase decides, so that what a probe says and what the log says is the same moment.
        let starting = self.life.phase() == Phase::Starting;
        let clusters = self.registry.clusters(&Scope::everything());
        let start = if starting { Check::failed("start", "waits for clusters") } else { Check::ok("start") };
        if !self.names {
            return vec![start];
        }
        let checks = clusters.iter().map(|cluster| {
            let name = format!("cluster/{}", cluster.spec().id);
            if starting && !cluster.settled() {
                Check::failed(name, "its first lists are not complete")
            } else {
                Check::ok(name)
            }
        });
        checks.chain([start]).collect()
    }
}
