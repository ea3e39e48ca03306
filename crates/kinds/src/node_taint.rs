//! The taints of a node.

use async_graphql::SimpleObject;
use fleetgraph_core::Timestamp;
use serde::Deserialize;

use crate::scalars::DateTime;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaintText {
    #[serde(default)]
    key: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    effect: String,
    #[serde(default)]
    time_added: Option<Timestamp>,
}

/// What keeps pods away from a node that don't tolerate it.
#[derive(SimpleObject)]
pub struct NodeTaint {
    key: String,
    value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule`, or `NoExecute`, which evicts pods too.
    effect: String,
    /// When it was added; known of `NoExecute` only.
    time_added: Option<DateTime>,
}

impl From<TaintText> for NodeTaint {
    fn from(text: TaintText) -> Self {
        Self {
            key: text.key,
            value: text.value.filter(|value| !value.is_empty()),
            effect: text.effect,
            time_added: text.time_added.map(DateTime),
        }
    }
}
