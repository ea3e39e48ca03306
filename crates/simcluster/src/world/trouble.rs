//! What is broken at the start, and where: each trouble in one of the first clusters, and here and there in others.

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::json;

use super::catalogue::APPS;
use super::custom;
use super::events::{self, Said, Subject};
use super::site::Site;
use super::space;
use super::workload::Trouble;

/// Objects that are kept free for [`add`].
pub(super) const RESERVE: usize = 16;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Troubles {
    pub crash_loop: bool,
    pub stuck_rollout: bool,
    pub no_room: bool,
    pub lost_node: bool,
    pub failed_job: bool,
    pub pending_claim: bool,
    pub expired_certificate: bool,
}

impl Troubles {
    /// The first clusters share all of them; of the others, each has one with a small probability.
    pub fn of(index: usize, clusters: usize, rng: &mut StdRng) -> Self {
        let spread = clusters.clamp(1, 3);
        let mut has = |number: usize| {
            index < spread && number % spread == index || index >= spread && rng.random_range(0..14) == 0
        };
        Self {
            crash_loop: has(0),
            stuck_rollout: has(1),
            no_room: has(2),
            lost_node: has(0),
            failed_job: has(1),
            pending_claim: has(2),
            expired_certificate: has(0),
        }
    }

    /// What is wrong with an application, by its place in the catalogue.
    pub fn of_app(&self, index: usize) -> Trouble {
        match APPS[index].name {
            "payment-api" if self.crash_loop => Trouble::CrashLoop,
            "cart" if self.stuck_rollout => Trouble::StuckRollout,
            "query-service" if self.no_room => Trouble::NoRoom,
            _ => Trouble::None,
        }
    }
}

/// What belongs to no application.
pub(super) fn add(site: &mut Site<'_>, troubles: &Troubles) {
    if troubles.expired_certificate {
        space::namespace(
            site,
            "legacy-shop",
            &json!({"acme.example/team": "storefront", "acme.example/environment": site.place.environment}),
        );
        let host = format!("legacy.{}.acme.example", site.place.name);
        custom::certificate(site, "legacy-shop", "legacy", &host, true);
    }
    let lost: Vec<_> =
        site.machines.iter().filter(|machine| machine.lost).map(|m| (m.name.clone(), m.uid)).collect();
    for (name, uid) in lost {
        let subject = Subject { api_version: "v1", kind: "Node", name: name.clone(), uid };
        let message = format!("Node {name} status is now: NodeNotReady");
        events::add(site, "default", &subject, &Said::normal("NodeNotReady", &message, "node-controller"));
    }
}
