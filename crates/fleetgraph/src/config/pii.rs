//! What is personal data, as the configuration file says it.

use cluster_registry::pii::{FieldPath, Pii, Rule};
use fleetgraph_core::LabelSelector;

use super::settings::settings;

settings! {
    /// Personal data. It is shown to those whom the cluster's own roles give the verb `unmask` on the object's kind, such as by
    /// `kubectl create role … --verb=unmask --resource=configmaps`; to everybody else `•••` in place of each text, nothing in
    /// place of an object, a list or a time, 0 in place of a number, and false in place of a truth value. Who isn't asked who they are sees everything.
    pub struct PiiConfig {
        /// Which fields of which objects are personal data.
        rules: Vec<PiiRuleConfig> = Vec::new(),
        /// What is personal data of an object that carries the label `fleetgraph.dev/pii` with the value `true`; by default all
        /// but what identifies it and its labels. Empty: the label means nothing.
        labelled_fields: Vec<String> =
            ["data.*", "binaryData.*", "metadata.annotations.*", "spec.*", "status.*"].map(str::to_owned).into()
    }
}

settings! {
    /// Objects, and which of their fields are personal data.
    pub struct PiiRuleConfig {
        /// Kinds, such as `configmaps`, `Deployment` or `customers.shop.example`. Empty: all.
        kinds: Vec<String> = Vec::new(),
        /// Namespaces. Empty: all, and objects that lie in none.
        namespaces: Vec<String> = Vec::new(),
        /// A label selector in Kubernetes' syntax, such as `tier in (gold,silver),!internal`. Empty: all.
        label_selector: String = String::new(),
        /// Paths of the object's JSON: `data.*`, `spec.customer.email`, `metadata.annotations.shop\.example/mail`. `*` is each
        /// key or item; a list is gone through. What lies below is masked too, and so are annotations that hold a copy of the
        /// object. What identifies objects can't be masked: `metadata` but for its annotations. Required.
        fields: Vec<String> = Vec::new(),
    }
}

impl PiiConfig {
    /// The rules, as far as they can be read: what can't was refused before.
    #[must_use]
    pub fn read(&self) -> Pii {
        let paths =
            |fields: &[String]| fields.iter().filter_map(|field| FieldPath::parse(field).ok()).collect();
        let rule = |rule: &PiiRuleConfig| Rule {
            kinds: rule.kinds.clone(),
            namespaces: rule.namespaces.iter().cloned().collect(),
            labels: LabelSelector::parse(&rule.label_selector).unwrap_or_default(),
            fields: paths(&rule.fields),
        };
        Pii { rules: self.rules.iter().map(rule).collect(), labelled: paths(&self.labelled_fields) }
    }
}
