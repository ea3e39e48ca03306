//! How a controller brings pods up to date, which deployments, stateful sets, daemon sets and replica sets report
//! alike. Their health follows Argo CD, which took its rules from `kubectl rollout status`.

use serde::Deserialize;

use crate::text::{IntOrString, Part};

/// The controller has not looked at the current spec yet.
pub const NOT_OBSERVED: &str = "NotObserved";
/// Pods of the current template are still to be made.
pub const PODS_UPDATING: &str = "PodsUpdating";
/// Pods of older templates are still there.
pub const OLD_PODS_TERMINATING: &str = "OldPodsTerminating";
pub const PODS_UNAVAILABLE: &str = "PodsUnavailable";
pub const PODS_NOT_READY: &str = "PodsNotReady";

/// The part of an object's metadata that says which state of the spec is the current one.
#[derive(Deserialize, Default)]
pub struct Generation {
    #[serde(default)]
    generation: Option<i64>,
}

impl Generation {
    /// Whether a status was made from the current spec.
    pub fn is_observed(&self, observed: Option<i64>) -> bool {
        observed.unwrap_or(0) >= self.generation.unwrap_or(0)
    }
}

/// `strategy` or `updateStrategy`.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct StrategyText {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    pub rolling_update: Part<RollingUpdateText>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct RollingUpdateText {
    #[serde(default)]
    pub max_surge: Option<IntOrString>,
    #[serde(default)]
    pub max_unavailable: Option<IntOrString>,
    /// Stateful sets only.
    #[serde(default)]
    pub partition: Option<i32>,
}

impl StrategyText {
    /// The strategy's type; `RollingUpdate` is the API's default for all kinds.
    pub fn kind(&self) -> &str {
        self.kind.as_deref().unwrap_or("RollingUpdate")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_current_if_it_has_seen_the_spec() {
        let generation = |number| Generation { generation: number };
        assert!(generation(Some(2)).is_observed(Some(2)));
        assert!(generation(Some(2)).is_observed(Some(3)));
        assert!(!generation(Some(2)).is_observed(Some(1)));
        assert!(!generation(Some(1)).is_observed(None));
        assert!(generation(None).is_observed(None));
    }
}
