//! What was found out for one principal in one cluster.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use cluster_registry::Cluster;
use fleetgraph_core::{Extent, KindMeta, Principal, Verb};

use crate::bounds;
use crate::member::Member;
use crate::rbac::Rights;
use crate::review::Decisions;

pub(crate) struct Local {
    member: Arc<Member>,
    seen: ArcSwapOption<Seen>,
    pub decisions: Decisions,
}

/// What a principal may do in a cluster, by one policy, within the principal's bounds.
pub(crate) struct Seen {
    version: u64,
    rights: Rights,
    /// Whether there is anything that may be read.
    pub anything: bool,
    /// As far as somebody asked.
    extents: ArcSwap<HashMap<(Of, KindMeta), Arc<Extent>>>,
}

/// Which part of the rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Of {
    /// What a caller sees who does this.
    Verb(Verb),
    /// What may be had by its name, where rows of lists are asked for one by one.
    ByName(Verb),
}

impl Local {
    pub fn new(member: Arc<Member>) -> Self {
        Self { member, seen: ArcSwapOption::empty(), decisions: Decisions::default() }
    }

    pub fn member(&self) -> &Arc<Member> {
        &self.member
    }

    pub fn is_of(&self, member: &Arc<Member>) -> bool {
        Arc::ptr_eq(&self.member, member)
    }

    /// What the cluster's roles and bindings give; `None` where not all of them were ever listed.
    pub fn seen(&self, cluster: &Cluster, principal: &Principal) -> Option<Arc<Seen>> {
        let rules = self.member.rules(cluster)?;
        if let Some(seen) = self.seen.load().as_ref().filter(|seen| seen.version == rules.version) {
            return Some(Arc::clone(seen));
        }
        let rights = rules.policy.rights(principal);
        let anything = rights.see_anything(principal.bounds.namespaces.as_deref());
        let extents = ArcSwap::default();
        let seen = Arc::new(Seen { version: rules.version, rights, anything, extents });
        self.seen.store(Some(Arc::clone(&seen)));
        Some(seen)
    }
}

impl Seen {
    /// `None` if nobody asked for it yet.
    pub fn known(&self, of: Of, kind: &KindMeta) -> Option<Arc<Extent>> {
        self.extents.load().get(&(of, *kind)).map(Arc::clone)
    }

    pub fn extent(&self, of: Of, kind: &KindMeta, principal: &Principal) -> Arc<Extent> {
        if let Some(extent) = self.known(of, kind) {
            return extent;
        }
        let key = (of, *kind);
        let (group, plural, namespaced) = (kind.group, kind.plural, kind.namespaced);
        let extent = match of {
            Of::Verb(Verb::List) => self.rights.visible(group, plural, namespaced),
            Of::Verb(Verb::Watch) | Of::ByName(Verb::Watch) => {
                self.rights.extent("watch", group, plural, namespaced)
            }
            Of::Verb(Verb::Unmask) | Of::ByName(Verb::Unmask) => {
                self.rights.extent("unmask", group, plural, namespaced)
            }
            Of::Verb(Verb::Get) | Of::ByName(_) => self.rights.extent("get", group, plural, namespaced),
        };
        let extent = Arc::new(match &principal.bounds.namespaces {
            Some(namespaces) => bounds::cut(&extent, kind, namespaces),
            None => extent,
        });
        self.extents.rcu(|all| {
            let mut all = HashMap::clone(all);
            all.insert(key, Arc::clone(&extent));
            all
        });
        extent
    }
}
