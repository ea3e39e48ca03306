//! Label selectors as objects write them, `matchLabels` and `matchExpressions`, which many kinds share.

use async_graphql::SimpleObject;
use fleetgraph_core::{
    IndexKey, Meta,
    selector::{Operator, Requirement},
};
use serde::Deserialize;

use crate::{
    scalars::Json,
    text::{List, Part, Strings},
};

/// A label selector as the API writes it.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct SelectorText {
    #[serde(default)]
    match_labels: Strings,
    #[serde(default)]
    match_expressions: List<RequirementText>,
}

#[derive(Deserialize)]
struct RequirementText {
    #[serde(default)]
    key: Part<String>,
    #[serde(default)]
    operator: Part<String>,
    #[serde(default)]
    values: List<String>,
}

impl SelectorText {
    /// What the selector matches. `None` if one of its operators isn't known: nobody can say then.
    pub fn matcher(&self) -> Option<fleetgraph_core::LabelSelector> {
        let pairs = self.match_labels.iter().map(|(key, value)| {
            Some(Requirement { key: key.clone(), operator: Operator::In([value.clone()].into()) })
        });
        let expressions = self.match_expressions.iter().map(|text| {
            let values = || text.values.iter().cloned().collect();
            let operator = match text.operator.as_str() {
                "In" => Operator::In(values()),
                "NotIn" => Operator::NotIn(values()),
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                _ => return None,
            };
            Some(Requirement { key: text.key.0.clone(), operator })
        });
        pairs.chain(expressions).collect::<Option<_>>().map(fleetgraph_core::LabelSelector::from_requirements)
    }
}

/// Emits the key under which an object's selector is found by those that it selects.
pub fn file<'a>(
    selector: Option<&'a fleetgraph_core::LabelSelector>,
    meta: &'a Meta,
    emit: &mut dyn FnMut(IndexKey<'a>),
) {
    if let Some(selector) = selector {
        let (key, value) = selector.filed_under();
        emit(IndexKey::Selector { namespace: &meta.namespace, key, value });
    }
}

/// Which objects belong to another, by their labels. All conditions must hold.
#[derive(SimpleObject)]
pub struct LabelSelector {
    /// Pairs that must be present.
    match_labels: Json,
    match_expressions: Vec<LabelSelectorRequirement>,
}

impl From<SelectorText> for LabelSelector {
    fn from(text: SelectorText) -> Self {
        Self {
            match_labels: Json::strings(text.match_labels.iter().map(|(k, v)| (k.as_str(), v.as_str()))),
            match_expressions: text.match_expressions.into_iter().map(Into::into).collect(),
        }
    }
}

/// A condition on one label.
#[derive(SimpleObject)]
struct LabelSelectorRequirement {
    key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    operator: String,
    values: Vec<String>,
}

impl From<RequirementText> for LabelSelectorRequirement {
    fn from(text: RequirementText) -> Self {
        Self { key: text.key.0, operator: text.operator.0, values: text.values.0 }
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Labels;

    use super::*;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> Option<bool> {
        let text: SelectorText = serde_json::from_str(selector).unwrap();
        Some(text.matcher()?.matches(&Labels::from_pairs(labels.iter().copied())))
    }

    #[test]
    fn pairs_and_expressions_must_all_hold() {
        let selector = r#"{"matchLabels":{"app":"cart"},"matchExpressions":[
            {"key":"tier","operator":"In","values":["web","api"]},{"key":"canary","operator":"DoesNotExist"},
            {"key":"zone","operator":"NotIn","values":["c"]},{"key":"tier","operator":"Exists","values":null}]}"#;
        assert_eq!(matches(selector, &[("app", "cart"), ("tier", "api")]), Some(true));
        assert_eq!(matches(selector, &[("app", "cart"), ("tier", "db")]), Some(false));
        assert_eq!(matches(selector, &[("app", "cart"), ("tier", "api"), ("canary", "")]), Some(false));
        assert_eq!(matches(selector, &[("app", "cart"), ("tier", "api"), ("zone", "c")]), Some(false));
        assert_eq!(matches(selector, &[("tier", "api")]), Some(false));
    }

    #[test]
    fn an_empty_selector_matches_everything() {
        assert_eq!(matches("{}", &[]), Some(true));
        assert_eq!(matches(r#"{"matchLabels":null,"matchExpressions":null}"#, &[("a", "b")]), Some(true));
    }

    #[test]
    fn a_selector_with_an_unknown_operator_is_not_guessed() {
        let selector = r#"{"matchExpressions":[{"key":"a","operator":"Resembles","values":["b"]}]}"#;
        assert_eq!(matches(selector, &[("a", "b")]), None);
    }
}
