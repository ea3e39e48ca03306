//! One rule of a role.

use serde::Deserialize;

use crate::read::or_default;

/// What may be done to what; `*` stands for anything. The API server writes null for a missing list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    #[serde(deserialize_with = "or_default")]
    pub verbs: Vec<Box<str>>,
    /// The core group is the empty string.
    #[serde(deserialize_with = "or_default")]
    pub api_groups: Vec<Box<str>>,
    /// `pods`, `pods/log`, `*/scale`.
    #[serde(deserialize_with = "or_default")]
    pub resources: Vec<Box<str>>,
    /// Any, if empty.
    #[serde(deserialize_with = "or_default")]
    pub resource_names: Vec<Box<str>>,
    /// `/healthz`, `/metrics/*`.
    #[serde(rename = "nonResourceURLs", deserialize_with = "or_default")]
    pub non_resource_urls: Vec<Box<str>>,
}

const ANY: &str = "*";

fn has(list: &[Box<str>], wanted: &str) -> bool {
    list.iter().any(|entry| **entry == *ANY || **entry == *wanted)
}

impl Rule {
    pub fn has_verb(&self, verb: &str) -> bool {
        has(&self.verbs, verb)
    }

    /// Whether the rule is for a resource, and for its subresource if one is asked for, whatever the names.
    pub fn has_resource(&self, group: &str, resource: &str, subresource: &str) -> bool {
        let matches = |entry: &str| match entry.split_once('/') {
            None => entry == ANY || subresource.is_empty() && entry == resource,
            // `pods/*` is a name like any other; `*/*` isn't a pattern either.
            Some((of, sub)) => !subresource.is_empty() && sub == subresource && (of == ANY || of == resource),
        };
        has(&self.api_groups, group) && self.resources.iter().any(|entry| matches(entry))
    }

    /// A request without a name is not for a rule that has names.
    pub fn has_name(&self, name: &str) -> bool {
        self.resource_names.is_empty() || self.resource_names.iter().any(|entry| **entry == *name)
    }

    /// Whether the rule is for a path of the API server.
    pub fn has_path(&self, path: &str) -> bool {
        self.non_resource_urls.iter().any(|entry| match entry.strip_suffix(ANY) {
            Some(prefix) => path.starts_with(prefix),
            None => **entry == *path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(resources: &[&str]) -> Rule {
        let list = |entries: &[&str]| entries.iter().map(|entry| Box::from(*entry)).collect();
        Rule { verbs: list(&["get"]), api_groups: list(&[""]), resources: list(resources), ..Rule::default() }
    }

    #[test]
    fn a_resource_is_without_its_subresources_and_a_star_with_them() {
        assert!(rule(&["pods"]).has_resource("", "pods", ""));
        assert!(!rule(&["pods"]).has_resource("", "pods", "log"));
        assert!(rule(&["*"]).has_resource("", "pods", "log"));
        assert!(rule(&["*/log"]).has_resource("", "pods", "log"));
        assert!(!rule(&["*/log"]).has_resource("", "pods", ""));
        assert!(!rule(&["pods/*"]).has_resource("", "pods", "log"));
        assert!(!rule(&["pods"]).has_resource("apps", "pods", ""));
    }

    #[test]
    fn a_rule_with_names_is_for_no_list() {
        let named = Rule { resource_names: vec![Box::from("one")], ..rule(&["pods"]) };
        assert!(named.has_name("one") && !named.has_name("two") && !named.has_name(""));
        assert!(rule(&["pods"]).has_name(""));
    }

    #[test]
    fn null_is_an_empty_list() {
        let rule: Rule = serde_json::from_str(r#"{"verbs": ["get"], "apiGroups": null}"#).unwrap();
        assert!(rule.has_verb("get") && rule.api_groups.is_empty());
    }
}
