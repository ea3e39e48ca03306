//! What is known of one cluster for all callers: who decides there, its rules, and who asks it.

use std::sync::{Arc, Weak};

use arc_swap::{ArcSwap, ArcSwapOption};
use cluster_registry::Cluster;
use cluster_registry::connection::AccessRule;

use crate::mode::{AccessKind, AccessMode, Samples};
use crate::review::Reviewer;
use crate::rules::Rules;
use crate::settings::Settings;

/// It ends with its cluster: one that is removed and added again under the same id may be another.
pub(crate) struct Member {
    cluster: Weak<Cluster>,
    pub mode: ArcSwap<AccessMode>,
    pub reviewer: Reviewer,
    /// Callers of late, for a look to ask the cluster for.
    pub samples: Samples,
    rules: ArcSwapOption<Rules>,
}

impl Member {
    pub fn new(cluster: &Arc<Cluster>, settings: &Settings) -> Self {
        let mode = match cluster.spec().access {
            AccessRule::Rbac => AccessMode::new(AccessKind::Rbac, "the configuration says so"),
            AccessRule::Reviews => AccessMode::new(AccessKind::Reviews, "the configuration says so"),
            AccessRule::Auto => AccessMode::new(AccessKind::Reviews, "who decides in it isn't known yet"),
        };
        Self {
            cluster: Arc::downgrade(cluster),
            mode: ArcSwap::from_pointee(mode),
            reviewer: Reviewer::new(settings.reviews_at_once, settings.review_patience),
            samples: Samples::default(),
            rules: ArcSwapOption::empty(),
        }
    }

    pub fn is_of(&self, cluster: &Arc<Cluster>) -> bool {
        std::ptr::eq(self.cluster.as_ptr(), Arc::as_ptr(cluster))
    }

    /// The policy of the cluster, as its copies are now.
    pub fn rules(&self, cluster: &Cluster) -> Option<Arc<Rules>> {
        let before = self.rules.load();
        let rules = Rules::of(cluster, before.as_ref())?;
        if before.as_ref().is_none_or(|before| !Arc::ptr_eq(before, &rules)) {
            // Two that make them at the same time make the same.
            self.rules.store(Some(Arc::clone(&rules)));
        }
        Some(rules)
    }
}
