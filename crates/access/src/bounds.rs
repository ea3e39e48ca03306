//! What a principal stays within, whatever a cluster's rules give.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use fleetgraph_core::{Extent, KindMeta, Principal, Within};

/// The one resource whose objects are, to authorizers, in the namespace of their own name, where a path names one.
pub(crate) fn are_namespaces(kind: &KindMeta) -> bool {
    kind.group.is_empty() && kind.plural == "namespaces"
}

/// Whether a cluster of a tenant is there for a principal.
pub(crate) fn has_cluster(principal: &Principal, tenant: &str, id: &str) -> bool {
    principal.tenants.contains(tenant)
        && principal.bounds.clusters.as_ref().is_none_or(|clusters| clusters.contains(id))
}

/// Whether an object of a kind lies within namespaces: one in such a namespace, or such a namespace itself. Nothing
/// else that is cluster-scoped does.
pub(crate) fn has(namespaces: &BTreeSet<Arc<str>>, kind: &KindMeta, namespace: &str, name: &str) -> bool {
    if kind.namespaced {
        namespaces.contains(namespace)
    } else {
        are_namespaces(kind) && namespaces.contains(name)
    }
}

/// What of an extent of a kind lies within namespaces.
pub(crate) fn cut(extent: &Extent, kind: &KindMeta, namespaces: &BTreeSet<Arc<str>>) -> Extent {
    if !kind.namespaced {
        let names = namespaces.iter().filter(|name| are_namespaces(kind) && extent.has("", name));
        return Extent { names: names.map(|name| Box::from(&**name)).collect(), ..Extent::default() };
    }
    let within = |namespace: &Arc<str>| {
        let mut names = extent.names.clone();
        names.extend(extent.namespaces.get(namespace).into_iter().flat_map(|here| here.names.clone()));
        (Arc::clone(namespace), Within { whole: extent.has_all_of(namespace), names })
    };
    let namespaces: HashMap<_, _> = namespaces.iter().map(within).collect();
    Extent { namespaces, ..Extent::default() }.tidied()
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Kind;
    use kinds::{Namespace, Node, Pod};
    use proptest::collection::{btree_set, hash_map, hash_set};
    use proptest::prelude::*;

    use super::*;

    const WORDS: [&str; 4] = ["north", "south", "east", "one"];

    fn word() -> impl Strategy<Value = &'static str> {
        prop::sample::select(&WORDS)
    }

    fn names() -> impl Strategy<Value = std::collections::HashSet<Box<str>>> {
        hash_set(word().prop_map(Box::from), 0..3)
    }

    fn extents() -> impl Strategy<Value = Extent> {
        let within = (any::<bool>(), names()).prop_map(|(whole, names)| Within { whole, names });
        let namespaces = hash_map(word().prop_map(Arc::from), within, 0..4);
        (prop::bool::weighted(0.2), names(), namespaces)
            .prop_map(|(everywhere, names, namespaces)| Extent { everywhere, names, namespaces }.tidied())
    }

    proptest! {
        #[test]
        fn a_cut_extent_has_what_it_had_of_the_namespaces_and_nothing_else(
            extent in extents(),
            bound in btree_set(word().prop_map(Arc::<str>::from), 0..3),
        ) {
            for kind in [Pod::META, Namespace::META, Node::META] {
                let cut = cut(&extent, &kind, &bound);
                for namespace in if kind.namespaced { &WORDS[..] } else { &[""] } {
                    for name in WORDS {
                        let within = match kind.plural {
                            "pods" => bound.contains(*namespace),
                            "namespaces" => bound.contains(name),
                            _ => false,
                        };
                        prop_assert_eq!(has(&bound, &kind, namespace, name), within);
                        prop_assert_eq!(cut.has(namespace, name), within && extent.has(namespace, name));
                    }
                }
                prop_assert!(!cut.everywhere);
            }
        }

        #[test]
        fn a_cluster_is_there_for_its_tenants_within_their_bounds(
            tenants in btree_set(word(), 0..3),
            clusters in prop::option::of(btree_set(word(), 0..3)),
            tenant in word(),
            id in word(),
            admin in any::<bool>(),
        ) {
            let mut principal = Principal::new("ann").of_tenants(tenants.iter().copied());
            principal.admin = admin;
            principal.bounds.clusters =
                clusters.as_ref().map(|ids| Arc::new(ids.iter().copied().map(Arc::from).collect()));
            let obvious = tenants.contains(tenant) && clusters.is_none_or(|ids| ids.contains(id));
            prop_assert_eq!(has_cluster(&principal, tenant, id), obvious);
        }
    }
}
