//! Judges callers: the one place that knows the clusters, how each is judged, and the callers of late.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use cluster_registry::{Cluster, Registry};
use fleetgraph_core::{ClusterId, Principal, Scope};
use moka::sync::Cache;
use tokio_util::task::AbortOnDropHandle;

use crate::caller::{Asker, Caller};
use crate::member::Member;
use crate::mode::{AccessMode, follow};
use crate::settings::Settings;

/// How long a caller is remembered who asks nothing.
const IDLE: Duration = Duration::from_secs(300);

/// Judges what callers may see, by the rules of each cluster.
pub struct Access {
    judges: Arc<Judges>,
    /// What was found out for a principal serves all its requests. moka, since the most frequent callers must stay while
    /// any number of others pass by, and since a look takes no lock.
    callers: Cache<Arc<Principal>, Arc<Caller>>,
    _follows: AbortOnDropHandle<()>,
}

/// What all callers share.
pub(crate) struct Judges {
    pub registry: Registry,
    pub settings: Settings,
    members: ArcSwap<HashMap<ClusterId, Arc<Member>>>,
}

impl Access {
    /// Begins to look at who decides in each cluster of a registry. To be called within a runtime; the task ends with
    /// what is returned.
    #[must_use]
    pub fn new(registry: Registry, settings: Settings) -> Arc<Self> {
        let callers = Cache::builder().max_capacity(settings.callers).time_to_idle(IDLE).build();
        let judges = Arc::new(Judges { registry, settings, members: ArcSwap::default() });
        let follows = tokio::spawn(follow(Arc::downgrade(&judges)));
        Arc::new(Self { judges, callers, _follows: AbortOnDropHandle::new(follows) })
    }

    /// What a caller may see, from now on: it follows the clusters' rules. For one request, or one subscription: what
    /// is to be settled belongs to it alone.
    #[must_use]
    pub fn scope(&self, principal: impl Into<Arc<Principal>>) -> Scope {
        let principal = principal.into();
        let caller = self.callers.get(&principal).unwrap_or_else(|| {
            let caller = Arc::new(Caller::new(Arc::clone(&self.judges), Arc::clone(&principal)));
            self.callers.insert(principal, Arc::clone(&caller));
            caller
        });
        Scope::of(Arc::new(Asker::new(caller)))
    }

    /// A cluster, whoever may know of it.
    pub(crate) fn cluster(&self, id: &ClusterId) -> Option<Arc<Cluster>> {
        self.judges.registry.cluster(&Scope::everything(), id.as_str())
    }

    /// How callers are judged in a cluster, and why so; `None` if there is no such cluster.
    #[must_use]
    pub fn mode(&self, cluster: &ClusterId) -> Option<AccessMode> {
        self.judges.mode(cluster)
    }
}

impl Judges {
    pub fn mode(&self, cluster: &ClusterId) -> Option<AccessMode> {
        let (_, member) = self.member(cluster)?;
        Some(AccessMode::clone(&member.mode.load()))
    }

    /// A cluster, and what is known of it for all callers.
    pub fn member(&self, id: &ClusterId) -> Option<(Arc<Cluster>, Arc<Member>)> {
        let cluster = self.registry.cluster(&Scope::everything(), id.as_str())?;
        if let Some(member) = self.members.load().get(id)
            && member.is_of(&cluster)
        {
            return Some((cluster, Arc::clone(member)));
        }
        let fresh = Arc::new(Member::new(&cluster, &self.settings));
        let mut member = Arc::clone(&fresh);
        self.members.rcu(|all| {
            if let Some(there) = all.get(id).filter(|there| there.is_of(&cluster)) {
                member = Arc::clone(there);
                return Arc::clone(all);
            }
            member = Arc::clone(&fresh);
            let mut all = HashMap::clone(all);
            // Those of clusters that are gone go, too.
            all.retain(|id, _| self.registry.cluster(&Scope::everything(), id.as_str()).is_some());
            all.insert(id.clone(), Arc::clone(&fresh));
            Arc::new(all)
        });
        Some((cluster, member))
    }
}
