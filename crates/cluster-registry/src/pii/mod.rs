//! Personal data: which parts of which objects only those may see who may `unmask` them.
//!
//! ```text
//!   rules, label ─▶ paths of an object ─▶ mask(text) ─▶ a second entry, its twin: text, metadata and columns of what is left
//!                                                           │
//!   every read: may the caller unmask this object? ─ yes ─▶ the entry
//!                                                  └ no ──▶ the twin
//! ```
//!
//! An object that a rule is for is masked once, when it is stored. What follows from it (columns, health, references, words)
//! is read from the masked text, so that no reader has to know of masks, and none can forget them. An object that no rule is
//! for has no twin, and costs a look at an empty field.

mod copies;
mod mask;
mod path;
mod shown;

use std::{collections::BTreeSet, sync::Arc};

use fleetgraph_core::{KindMeta, LabelSelector, Meta};

pub use copies::names_a_copy;
pub use mask::metadata_only;
pub(crate) use mask::{Masked, Way, mask};
pub use path::{FieldPath, PathError};
pub use shown::{Shown, shown};

/// The label by which whoever makes an object marks it; its value must be `true`.
pub const LABEL: &str = "fleetgraph.dev/pii";

/// What stands in place of a text that is masked.
pub const PLACEHOLDER: &str = "•••";

/// Which parts of which objects are personal data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pii {
    pub rules: Vec<Rule>,
    /// What is masked of objects that carry [`LABEL`].
    pub labelled: Vec<FieldPath>,
}

/// Objects, and what is masked of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    /// As `watch_resources` names them; all if empty.
    pub kinds: Vec<String>,
    /// All, and cluster-scoped objects, if empty.
    pub namespaces: BTreeSet<String>,
    pub labels: LabelSelector,
    pub fields: Vec<FieldPath>,
}

impl Pii {
    /// What concerns a kind.
    #[must_use]
    pub fn of(&self, kind: &KindMeta) -> Arc<Self> {
        let is_for =
            |rule: &&Rule| rule.kinds.is_empty() || rule.kinds.iter().any(|name| kind.answers_to(name));
        Arc::new(Self {
            rules: self.rules.iter().filter(is_for).cloned().collect(),
            labelled: self.labelled.clone(),
        })
    }

    /// What is to be masked of an object of a kind that all rules here are for.
    pub(crate) fn paths(&self, meta: &Meta) -> BTreeSet<&FieldPath> {
        let is_for = |rule: &&Rule| {
            (rule.namespaces.is_empty() || rule.namespaces.contains(&*meta.namespace))
                && rule.labels.matches(&meta.labels)
        };
        let labelled = (meta.labels.get(LABEL) == Some("true")).then_some(&self.labelled);
        let of_rules = self.rules.iter().filter(is_for).flat_map(|rule| &rule.fields);
        of_rules.chain(labelled.into_iter().flatten()).collect()
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::{Istr, Labels};

    use super::*;

    const CONFIG_MAPS: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "ConfigMap",
        plural: "configmaps",
        singular: "configmap",
        namespaced: true,
        rules: &[],
    };

    fn meta(namespace: &str, labels: &[(&str, &str)]) -> Meta {
        Meta {
            namespace: Istr::new(namespace),
            name: "one".into(),
            uid: "u".into(),
            resource_version: "1".into(),
            generation: 0,
            labels: Labels::from_pairs(labels.iter().copied()),
            owners: Box::default(),
            created: None,
            deleted: None,
            application: None,
        }
    }

    fn rule(kinds: &[&str], namespaces: &[&str], labels: &str, field: &str) -> Rule {
        Rule {
            kinds: kinds.iter().map(ToString::to_string).collect(),
            namespaces: namespaces.iter().map(ToString::to_string).collect(),
            labels: LabelSelector::parse(labels).unwrap(),
            fields: vec![FieldPath::parse(field).unwrap()],
        }
    }

    #[test]
    fn a_rule_is_for_the_objects_whose_kind_namespace_and_labels_it_names() {
        let pii = Pii {
            rules: vec![
                rule(&["configmaps"], &[], "", "data.kind"),
                rule(&["widgets.shop.example"], &[], "", "data.other"),
                rule(&[], &["shop"], "", "data.namespace"),
                rule(&["ConfigMap"], &[], "tier in (gold)", "data.label"),
            ],
            labelled: vec![FieldPath::parse("data.*").unwrap()],
        };
        let of_kind = pii.of(&CONFIG_MAPS);
        let paths =
            |meta: &Meta| of_kind.paths(meta).into_iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(paths(&meta("bank", &[])), ["data.kind"]);
        assert_eq!(paths(&meta("shop", &[])), ["data.kind", "data.namespace"]);
        assert_eq!(paths(&meta("bank", &[("tier", "gold")])), ["data.kind", "data.label"]);
        assert_eq!(paths(&meta("bank", &[(LABEL, "true")])), ["data.*", "data.kind"]);
        assert_eq!(paths(&meta("bank", &[(LABEL, "false")])), ["data.kind"]);
        assert!(Pii::default().of(&CONFIG_MAPS).paths(&meta("shop", &[(LABEL, "true")])).is_empty());
    }
}
