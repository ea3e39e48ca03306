//! How a custom resource is doing, by the conventions that controllers follow.
//!
//! Nobody promises a form, so each part is read on its own: one that isn't as expected says nothing, and the others
//! still do.

use fleetgraph_core::{Health, HealthState};
use serde_json::Value;

use crate::conditions::{ConditionText, condition};

/// By [kstatus](https://github.com/kubernetes-sigs/cli-utils/tree/master/pkg/kstatus), by what Argo CD and Flux write
/// into their own resources, and by the words that operators use for phases.
pub fn of(generation: Option<i64>, spec: &Value, status: &Value) -> Health {
    if ["suspend", "paused"].iter().any(|key| spec.get(key).is_some_and(|value| *value == true)) {
        return Health::suspended("Suspended");
    }
    if let Some(judged) = status.pointer("/health/status").and_then(Value::as_str) {
        return Health::new(
            match judged {
                "Healthy" => HealthState::Healthy,
                "Progressing" => HealthState::Progressing,
                "Suspended" => HealthState::Suspended,
                "Degraded" => HealthState::Degraded,
                "Missing" => HealthState::Missing,
                _ => HealthState::Unknown,
            },
            "",
        );
    }
    let conditions: Vec<ConditionText> = status
        .get("conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|value| serde_json::from_value(value.clone()).ok())
        .collect();
    let is = |kind: &str, wanted: &str| {
        let found = condition(&conditions, kind).filter(|condition| condition.status == wanted)?;
        Some(found.reason.clone().filter(|reason| !reason.is_empty()).unwrap_or_else(|| kind.to_owned()))
    };
    for kind in ["Stalled", "Failed", "Degraded"] {
        if let Some(reason) = is(kind, "True") {
            return Health::degraded(&reason);
        }
    }
    let observed = status.get("observedGeneration").and_then(Value::as_i64);
    if generation.zip(observed).is_some_and(|(wanted, seen)| seen < wanted) {
        return Health::progressing("NotObserved");
    }
    for kind in ["Reconciling", "Issuing", "Progressing"] {
        if let Some(reason) = is(kind, "True") {
            // A deployment-like condition stays `True` when it has come to its end.
            if !(kind == "Progressing" && is("Available", "True").is_some()) {
                return Health::progressing(&reason);
            }
        }
    }
    for kind in ["Ready", "Available", "Healthy", "Synced", "Succeeded"] {
        if let Some(reason) = is(kind, "False") {
            return Health::degraded(&if reason == kind { format!("Not{kind}") } else { reason });
        }
        if let Some(reason) = is(kind, "Unknown") {
            return Health::progressing(&reason);
        }
    }
    // Such as `status.health: red` of Elastic's operator.
    match status.get("health").and_then(Value::as_str) {
        Some("red") => return Health::degraded("red"),
        Some("yellow") => return Health::progressing("yellow"),
        _ => {}
    }
    let phase = ["phase", "state"].iter().find_map(|key| status.get(key).and_then(Value::as_str));
    let Some(phase) = phase else { return Health::healthy() };
    let lower = phase.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    if has(&["fail", "error", "degraded", "lost", "invalid"]) {
        Health::degraded(phase)
    } else if has(&["pending", "ing"]) && !has(&["running", "listening", "serving"]) {
        // `Creating`, `Provisioning`, `InProgress` is none of them and stays healthy: a guess would be worse.
        Health::progressing(phase)
    } else {
        Health::healthy()
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::HealthState::{Degraded, Healthy, Missing, Progressing, Suspended};
    use serde_json::json;

    use super::*;

    #[test]
    fn conventions_of_well_known_controllers_are_read_and_strange_forms_say_nothing() {
        let ready =
            |status: &str, reason: &str| json!([{"type": "Ready", "status": status, "reason": reason}]);
        for (name, object, state, reason) in [
            ("nothing", json!({}), Healthy, ""),
            ("null status", json!({"status": null}), Healthy, ""),
            ("a list as status", json!({"status": [1]}), Healthy, ""),
            ("ready", json!({"status": {"conditions": ready("True", "Ok")}}), Healthy, ""),
            ("not ready", json!({"status": {"conditions": ready("False", "NoStock")}}), Degraded, "NoStock"),
            (
                "not ready, no reason",
                json!({"status": {"conditions": ready("False", "")}}),
                Degraded,
                "NotReady",
            ),
            (
                "not known yet",
                json!({"status": {"conditions": ready("Unknown", "Waiting")}}),
                Progressing,
                "Waiting",
            ),
            (
                "a certificate that is being issued",
                json!({"status": {"conditions": [
                    {"type": "Ready", "status": "False", "reason": "DoesNotExist"},
                    {"type": "Issuing", "status": "True", "reason": "DoesNotExist"}]}}),
                Progressing,
                "DoesNotExist",
            ),
            (
                "flux, stalled",
                json!({"status": {"conditions": [{"type": "Stalled", "status": "True", "reason": "BadPath"}]}}),
                Degraded,
                "BadPath",
            ),
            ("flux, suspended", json!({"spec": {"suspend": true}}), Suspended, "Suspended"),
            (
                "argo application",
                json!({"status": {"health": {"status": "Missing"}, "conditions": ready("True", "")}}),
                Missing,
                "",
            ),
            (
                "not seen by its controller",
                json!({"metadata": {"generation": 3}, "status": {"observedGeneration": 2, "conditions": ready("True", "")}}),
                Progressing,
                "NotObserved",
            ),
            ("elastic, red", json!({"status": {"health": "red", "phase": "Ready"}}), Degraded, "red"),
            ("velero", json!({"status": {"phase": "PartiallyFailed"}}), Degraded, "PartiallyFailed"),
            ("in the making", json!({"status": {"phase": "Provisioning"}}), Progressing, "Provisioning"),
            ("running", json!({"status": {"phase": "Running"}}), Healthy, ""),
            (
                "a number as phase",
                json!({"status": {"phase": 7, "conditions": ready("False", "X")}}),
                Degraded,
                "X",
            ),
            ("conditions of another form", json!({"status": {"conditions": {"Ready": true}}}), Healthy, ""),
        ] {
            let null = Value::Null;
            let part = |key: &str| object.get(key).unwrap_or(&null);
            let generation = object.pointer("/metadata/generation").and_then(Value::as_i64);
            let found = of(generation, part("spec"), part("status"));
            assert_eq!((found.state, &*found.reason), (state, reason), "{name}");
        }
    }
}
