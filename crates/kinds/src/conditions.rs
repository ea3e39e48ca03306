//! Conditions, which have the same form in every kind.

use async_graphql::SimpleObject;
use fleetgraph_core::Timestamp;
use serde::Deserialize;

use crate::scalars::DateTime;

/// A condition as the API writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionText {
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub message: Option<String>,
    #[serde(default)]
    pub last_transition_time: Option<Timestamp>,
    #[serde(default)]
    pub last_update_time: Option<Timestamp>,
}

macro_rules! condition {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub struct $name {
            /// What is judged, such as `Ready`.
            #[graphql(name = "type")]
            kind: String,
            /// `True`, `False` or `Unknown`.
            status: String,
            /// One word for the last transition's cause.
            reason: Option<String>,
            message: Option<String>,
            last_transition_time: Option<DateTime>,
        }

        impl From<ConditionText> for $name {
            fn from(text: ConditionText) -> Self {
                Self {
                    kind: text.kind,
                    status: text.status,
                    reason: text.reason.filter(|s| !s.is_empty()),
                    message: text.message.filter(|s| !s.is_empty()),
                    last_transition_time: text.last_transition_time.map(DateTime),
                }
            }
        }
    };
}

condition!(
    /// What a node says of itself.
    NodeCondition
);
condition!(
    /// What the kubelet says of a pod.
    PodCondition
);
condition!(
    /// What the controller says of a deployment.
    DeploymentCondition
);
condition!(
    /// What the controller says of a namespace that is being deleted.
    NamespaceCondition
);
condition!(
    /// What a controller says of an object.
    Condition
);

/// The condition of a type, if it is there.
pub fn condition<'a>(conditions: &'a [ConditionText], kind: &str) -> Option<&'a ConditionText> {
    conditions.iter().find(|condition| condition.kind == kind)
}
