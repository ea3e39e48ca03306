//! The policy of a cluster, as current as fleetgraph's copies of its roles and bindings.
//!
//! ```text
//!   four stores of a cluster ─(another snapshot?)─▶ Rules { Policy, version }
//! ```
//!
//! Nothing waits here: a read compares four pointers, and makes anew what no longer holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cluster_registry::{Cluster, Pulse, Shared, Snapshot, Store};
use fleetgraph_core::{Kind, WatchState};
use kinds::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};

use crate::rbac::Policy;
use crate::read;

/// A cluster's policy, and the copies that it was made of.
pub(crate) struct Rules {
    copies: Copies,
    pub policy: Policy,
    /// Another for each policy. Who remembers what follows from a policy need not hold its copies for that.
    pub version: u64,
}

static VERSIONS: AtomicU64 = AtomicU64::new(0);

struct Copies {
    roles: Arc<Snapshot<Role>>,
    cluster_roles: Arc<Snapshot<ClusterRole>>,
    bindings: Arc<Snapshot<RoleBinding>>,
    cluster_bindings: Arc<Snapshot<ClusterRoleBinding>>,
}

impl Rules {
    /// Those of before, if they still are the cluster's. `None` until all four kinds were listed: half a policy grants
    /// nothing.
    pub fn of(cluster: &Cluster, before: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        let copies = Copies::of(cluster)?;
        if let Some(before) = before.filter(|before| before.copies.are(&copies)) {
            return Some(Arc::clone(before));
        }
        let version = VERSIONS.fetch_add(1, Ordering::Relaxed);
        Some(Arc::new(Self { policy: copies.policy(), copies, version }))
    }
}

impl Copies {
    fn of(cluster: &Cluster) -> Option<Self> {
        fn listed<K: Kind>(cluster: &Cluster) -> Option<Arc<Snapshot<K>>> {
            let store = cluster.store::<K>()?;
            store.pulse().synced.then(|| store.snapshot())
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

/// The watches of the four kinds, with their plurals; `None` for a kind that isn't watched.
fn pulses(cluster: &Cluster) -> [(&'static str, Option<Pulse>); 4] {
    fn of<K: Kind>(cluster: &Cluster) -> (&'static str, Option<Pulse>) {
        (K::META.plural, cluster.store::<K>().map(Store::pulse))
    }
    [
        of::<Role>(cluster),
        of::<ClusterRole>(cluster),
        of::<RoleBinding>(cluster),
        of::<ClusterRoleBinding>(cluster),
    ]
}

/// How far the copies of a cluster's rules can be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Copied {
    /// As the cluster last reported them, moments ago.
    Live,
    /// All were listed once, and a watch is broken: they are this old.
    Aged(Duration),
    /// Not all were listed yet.
    Coming,
    /// There is none, for a reason that stays.
    Never(String),
}

/// What the watches of the rules say. A watch that nobody knows to be broken counts as live only while the cluster answers.
pub(crate) fn copied(cluster: &Cluster) -> Copied {
    let reachable = cluster.reachable();
    let mut copied = Copied::Live;
    for (plural, pulse) in pulses(cluster) {
        let Some(pulse) = pulse else {
            return Copied::Never(format!("{plural} aren't watched"));
        };
        copied = match (copied, of_one(plural, pulse, reachable)) {
            (never @ Copied::Never(_), _) | (_, never @ Copied::Never(_)) => never,
            (Copied::Coming, _) | (_, Copied::Coming) => Copied::Coming,
            (Copied::Aged(one), Copied::Aged(other)) => Copied::Aged(one.max(other)),
            (aged @ Copied::Aged(_), Copied::Live) | (Copied::Live, aged) => aged,
        };
    }
    copied
}

fn of_one(plural: &str, pulse: Pulse, reachable: bool) -> Copied {
    match pulse.state {
        WatchState::Forbidden => {
            Copied::Never(format!("the cluster does not let fleetgraph list and watch {plural}"))
        }
        WatchState::Absent => Copied::Never(format!("the cluster does not serve {plural}")),
        _ if !pulse.synced => Copied::Coming,
        WatchState::Live if reachable => Copied::Live,
        _ => Copied::Aged(pulse.heard.map_or(Duration::MAX, |heard| heard.elapsed())),
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Timestamp;

    use super::*;

    fn pulse(state: WatchState, synced: bool, age: u64) -> Pulse {
        Pulse { state, synced, heard: Some(Timestamp::now().minus(Duration::from_secs(age))) }
    }

    #[test]
    fn a_watch_is_live_only_while_its_cluster_answers() {
        let live = pulse(WatchState::Live, true, 40);
        assert_eq!(of_one("roles", live, true), Copied::Live);
        let Copied::Aged(age) = of_one("roles", live, false) else { panic!("an age") };
        assert!(age >= Duration::from_secs(40));
    }

    #[test]
    fn what_was_never_listed_or_may_not_be_read_is_no_copy() {
        assert_eq!(of_one("roles", pulse(WatchState::Syncing, false, 0), true), Copied::Coming);
        assert_eq!(of_one("roles", pulse(WatchState::Stale, false, 0), true), Copied::Coming);
        for state in [WatchState::Forbidden, WatchState::Absent] {
            assert!(matches!(of_one("roles", pulse(state, true, 0), true), Copied::Never(_)), "{state:?}");
        }
        let silent = Pulse { state: WatchState::Stale, synced: true, heard: None };
        assert_eq!(of_one("roles", silent, true), Copied::Aged(Duration::MAX));
    }
}
