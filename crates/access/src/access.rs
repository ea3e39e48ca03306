//! The policies of all clusters, as current as fleetgraph's copies of their roles and bindings.
//!
//! ```text
//!   four stores of a cluster ─(another snapshot?)─▶ Known { Policy } ── principal ─▶ Seen { Rights, extents }
//! ```
//!
//! Nothing waits here: a read compares four pointers, and makes anew what no longer holds. What a caller could see of an
//! older policy ends with the next look, which subscriptions take for each event.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use cluster_registry::{Cluster, Registry, Shared, Snapshot};
use fleetgraph_core::{ClusterId, Extent, Kind, KindMeta, Principal, Scope, Sight, Verb};
use kinds::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};

use crate::rbac::{Policy, Rights};
use crate::read;

/// Judges what callers may see, by the rules of each cluster.
pub struct Access {
    registry: Registry,
    known: ArcSwap<HashMap<ClusterId, Arc<Known>>>,
}

/// A cluster's policy, and the copies that it was made of.
struct Known {
    copies: Copies,
    policy: Policy,
}

struct Copies {
    roles: Arc<Snapshot<Role>>,
    cluster_roles: Arc<Snapshot<ClusterRole>>,
    bindings: Arc<Snapshot<RoleBinding>>,
    cluster_bindings: Arc<Snapshot<ClusterRoleBinding>>,
}

impl Copies {
    /// `None` until all four were listed: half a policy grants nothing.
    fn of(cluster: &Cluster) -> Option<Self> {
        fn listed<K: Kind>(cluster: &Cluster) -> Option<Arc<Snapshot<K>>> {
            let store = cluster.store::<K>()?;
            store.freshness(true).synced.then(|| store.snapshot())
        }
        Some(Self {
            roles: listed(cluster)?,
            cluster_roles: listed(cluster)?,
            bindings: listed(cluster)?,
            cluster_bindings: listed(cluster)?,
        })
    }

    fn are(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.roles, &other.roles)
            && Arc::ptr_eq(&self.cluster_roles, &other.cluster_roles)
            && Arc::ptr_eq(&self.bindings, &other.bindings)
            && Arc::ptr_eq(&self.cluster_bindings, &other.cluster_bindings)
    }

    fn policy(&self) -> Policy {
        // One that can't be read grants nothing, as one that isn't there.
        fn each<K: Kind, T>(
            snapshot: &Snapshot<K>,
            read: impl Fn(&Shared<K>, &str) -> Option<T>,
        ) -> impl Iterator<Item = T> {
            snapshot.iter().filter_map(move |entry| read(entry, &entry.json().ok()?))
        }
        let roles = each(&self.roles, |entry, json| read::role(&entry.meta, json));
        let cluster_roles = each(&self.cluster_roles, |entry, json| read::role(&entry.meta, json));
        let bindings = each(&self.bindings, |entry, json| read::binding(&entry.meta, json));
        let cluster_bindings = each(&self.cluster_bindings, |entry, json| read::binding(&entry.meta, json));
        Policy::new(roles.chain(cluster_roles), bindings.chain(cluster_bindings))
    }
}

impl Access {
    #[must_use]
    pub fn new(registry: Registry) -> Arc<Self> {
        Arc::new(Self { registry, known: ArcSwap::default() })
    }

    /// What a caller may see, from now on: it follows the clusters' rules.
    #[must_use]
    pub fn scope(self: &Arc<Self>, principal: Principal) -> Scope {
        Scope::of(Arc::new(Caller { access: Arc::clone(self), principal, seen: ArcSwap::default() }))
    }

    fn known(&self, id: &ClusterId) -> Option<Arc<Known>> {
        let cluster = self.registry.cluster(&Scope::everything(), id.as_str())?;
        let copies = Copies::of(&cluster)?;
        if let Some(known) = self.known.load().get(id)
            && known.copies.are(&copies)
        {
            return Some(Arc::clone(known));
        }
        let known = Arc::new(Known { policy: copies.policy(), copies });
        // Two that make it at the same time make the same; those of clusters that are gone go, too.
        self.known.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.retain(|id, _| self.registry.cluster(&Scope::everything(), id.as_str()).is_some());
            all.insert(id.clone(), Arc::clone(&known));
            all
        });
        Some(known)
    }
}

/// One principal's sight.
struct Caller {
    access: Arc<Access>,
    principal: Principal,
    seen: ArcSwap<HashMap<ClusterId, Arc<Seen>>>,
}

/// What a principal may do in a cluster, by one policy.
struct Seen {
    known: Arc<Known>,
    rights: Rights,
    /// Whether there is anything that may be read.
    anything: bool,
    /// As far as somebody asked.
    extents: ArcSwap<HashMap<Asked, Arc<Extent>>>,
}

/// A verb, and a kind's group and plural.
type Asked = (Verb, &'static str, &'static str);

impl Caller {
    fn seen(&self, cluster: &ClusterId) -> Option<Arc<Seen>> {
        let known = self.access.known(cluster)?;
        if let Some(seen) = self.seen.load().get(cluster)
            && Arc::ptr_eq(&seen.known, &known)
        {
            return Some(Arc::clone(seen));
        }
        let rights = known.policy.rights(&self.principal);
        let anything = rights.see_anything();
        let seen = Arc::new(Seen { known, rights, anything, extents: ArcSwap::default() });
        self.seen.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.insert(cluster.clone(), Arc::clone(&seen));
            all
        });
        Some(seen)
    }
}

impl Seen {
    fn extent(&self, verb: Verb, kind: &KindMeta) -> Arc<Extent> {
        let key = (verb, kind.group, kind.plural);
        if let Some(extent) = self.extents.load().get(&key) {
            return Arc::clone(extent);
        }
        let (group, plural, namespaced) = (kind.group, kind.plural, kind.namespaced);
        let extent = Arc::new(match verb {
            Verb::Get => self.rights.extent("get", group, plural, namespaced),
            Verb::List => self.rights.visible(group, plural, namespaced),
            Verb::Watch => self.rights.extent("watch", group, plural, namespaced),
        });
        self.extents.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.insert(key, Arc::clone(&extent));
            all
        });
        extent
    }
}

impl Sight for Caller {
    /// Who may see nothing in a cluster isn't told that there is one.
    fn has_cluster(&self, cluster: &ClusterId) -> bool {
        self.seen(cluster).is_some_and(|seen| seen.anything)
    }

    fn extent(&self, cluster: &ClusterId, verb: Verb, kind: &KindMeta) -> Arc<Extent> {
        self.seen(cluster).map(|seen| seen.extent(verb, kind)).unwrap_or_default()
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Caller").field("principal", &self.principal).finish_non_exhaustive()
    }
}
