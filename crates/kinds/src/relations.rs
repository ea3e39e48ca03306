//! Every relation, as the documentation shows it.

use std::fmt::Write as _;

use fleetgraph_core::{EdgeType, Kind, Relation};

use crate::{CustomResource, for_each_kind, graph::edge_name, table::*};

macro_rules! relations {
    (
        cluster_scoped { $(($cluster_kind:ident, $($_c:ident),*),)* }
        namespaced { $(($kind:ident, $($_n:ident),*),)* }
    ) => {
        /// The declared relations, with the kind that has them, in the order of the table of kinds.
        #[must_use]
        pub fn relations() -> Vec<(&'static str, &'static Relation)> {
            let mut all = Vec::new();
            $(all.extend(of::<$cluster_kind>());)*
            $(all.extend(of::<$kind>());)*
            all.extend(of::<CustomResource>());
            all
        }
    };
}

for_each_kind!(relations);

fn of<K: Kind>() -> impl Iterator<Item = (&'static str, &'static Relation)> {
    K::RELATIONS.iter().chain(K::SELECTS).map(|relation| (K::META.kind, relation))
}

/// `docs/relations.md`.
#[must_use]
pub fn relations_markdown() -> String {
    let mut out = String::from(
        "# Relations\n\n\
         <!-- Written by `cargo xtask relations` from the kinds' declarations; a test compares. -->\n\n\
         An edge points from the object that refers to the one that is referred to, and has the type that \
         `resourceGraph`, `related`, `impact` and `dependencies` show. Each is found both ways by an index, in the \
         object's own cluster. A reference to an object that isn't there is an edge to a node that is `MISSING`.\n\n\
         | edge | from | to | written in |\n|---|---|---|---|\n\
         | `OWNED_BY` | any kind | any kind | `metadata.ownerReferences` |\n",
    );
    for (from, Relation { edge, to, field, .. }) in relations() {
        let to = if to.is_empty() { "any kind".to_owned() } else { format!("`{to}`") };
        let _ = writeln!(out, "| `{}` | {from} | {to} | `{field}` |", edge_name(*edge));
    }
    for (to, mark) in crate::graph::managers() {
        let _ = writeln!(out, "| `{}` | any kind | `{to}` | `{mark}` |", edge_name(EdgeType::ManagedBy));
    }
    out.push_str(
        "| `REFERS_TO` | custom resources | any kind | as `custom_resource_references` of the configuration says |\n\n\
         A walk makes no U-turn: from an object that was reached along a relation it does not go back along the same \
         relation to the others that have it, so that a config map's graph has its pods and their node, and not the \
         node's other pods. Against one relation, 100 objects are followed at most. Both are said in the graph's `cuts`.\n",
    );
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_written_table_is_the_one_of_the_code() {
        let written = include_str!("../../../docs/relations.md");
        assert!(written == relations_markdown(), "docs/relations.md is old; run `cargo xtask relations`");
    }

    #[test]
    fn relations_have_names_of_their_own_and_lead_to_kinds_that_exist() {
        let mut names = BTreeSet::new();
        let kinds = crate::KINDS;
        for (from, relation) in relations() {
            assert!(names.insert(relation.name), "two relations are called {}", relation.name);
            let known = relation.to.is_empty() || kinds.iter().any(|kind| kind.is_resource(relation.to));
            assert!(
                known,
                "{from}'s {} leads to {}, which is no kind of the table",
                relation.name, relation.to
            );
        }
    }
}
