//! One principal's sight of the clusters, and one request's part in it.
//!
//! ```text
//!   Asker (a request) ─▶ Caller (a principal) ─▶ Local (in a cluster) ─┬─ Seen: rights and extents, by one policy
//!      └─ Wants: what it waits for                                     └─ Decisions: what the cluster said of late
//! ```

mod asker;
mod decider;
mod local;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use cluster_registry::Cluster;
use fleetgraph_core::{AccessMode, ClusterId, Principal};

pub(crate) use self::asker::Asker;
use self::local::{Local, Seen};
use crate::access::Judges;
use crate::bounds;
use crate::mode::AccessKind;
use crate::review::Subject;

/// Kubelets: the Node authorizer grants them what no role does.
const NODES: &str = "system:nodes";

/// One principal, and what was found out for it.
pub(crate) struct Caller {
    judges: Arc<Judges>,
    principal: Arc<Principal>,
    subject: Arc<Subject>,
    is_node: bool,
    clusters: ArcSwap<HashMap<ClusterId, Arc<Local>>>,
}

/// A cluster that is there for a caller.
struct Here {
    cluster: Arc<Cluster>,
    local: Arc<Local>,
    judged: Judged,
}

/// How the caller is judged there.
enum Judged {
    ByRules(Arc<Seen>),
    ByReviews,
}

impl Caller {
    pub fn mode(&self, cluster: &ClusterId) -> Option<AccessMode> {
        self.judges.mode(cluster)
    }

    pub fn new(judges: Arc<Judges>, principal: Arc<Principal>) -> Self {
        Self {
            judges,
            subject: Arc::new(Subject::of(&principal)),
            is_node: principal.groups.iter().any(|group| **group == *NODES),
            principal,
            clusters: ArcSwap::default(),
        }
    }

    /// `None` for a cluster that isn't there for the caller, or in which nobody can be judged.
    fn here(&self, id: &ClusterId) -> Option<Here> {
        let (cluster, member) = self.judges.member(id)?;
        if !bounds::has_cluster(&self.principal, &cluster.spec().tenant, id.as_str()) {
            return None;
        }
        let kind = member.mode.load().kind;
        let local = self.local(id, member);
        let judged = match kind {
            AccessKind::Nothing => return None,
            AccessKind::Rbac if !self.is_node => Judged::ByRules(local.seen(&cluster, &self.principal)?),
            AccessKind::Rbac | AccessKind::Reviews => Judged::ByReviews,
        };
        Some(Here { cluster, local, judged })
    }

    fn local(&self, id: &ClusterId, member: Arc<crate::member::Member>) -> Arc<Local> {
        if let Some(local) = self.clusters.load().get(id)
            && local.is_of(&member)
        {
            return Arc::clone(local);
        }
        let fresh = Arc::new(Local::new(member));
        let mut chosen = Arc::clone(&fresh);
        self.clusters.rcu(|all| {
            if let Some(there) = all.get(id).filter(|there| there.is_of(fresh.member())) {
                chosen = Arc::clone(there);
                return Arc::clone(all);
            }
            chosen = Arc::clone(&fresh);
            let mut all = HashMap::clone(all);
            all.retain(|id, local| self.judges.member(id).is_some_and(|(_, member)| local.is_of(&member)));
            all.insert(id.clone(), Arc::clone(&fresh));
            Arc::new(all)
        });
        chosen
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Caller").field("principal", &self.principal).finish_non_exhaustive()
    }
}
