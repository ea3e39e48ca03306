//! The status of disruption budgets.

use serde_json::{Value, json};

use super::context::{Context, condition};
use super::index::{labels, selects};
use super::kinds::{kind, within};
use crate::object::Key;

const BUDGETS: &str = "poddisruptionbudgets.policy";

fn share(value: &Value, of: i64) -> i64 {
    match value.as_str().and_then(|text| text.trim_end_matches('%').parse::<i64>().ok()) {
        Some(percent) => (percent * of + 99) / 100,
        None => value.as_i64().unwrap_or(0),
    }
}

/// One budget, or all of a namespace where the name is empty.
pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    if !key.name.is_empty() {
        return one(context, key);
    }
    let Ok(list) = context.cluster.list(kind(BUDGETS), &within(&key.namespace)) else { return };
    for budget in list.items {
        one(context, &budget.key);
    }
}

fn one(context: &mut Context<'_>, key: &Key) {
    let Some((_, budget)) = context.get(BUDGETS, key) else { return };
    let selector = labels(&budget["spec"]["selector"]["matchLabels"]);
    let pods: Vec<bool> = context
        .index
        .pods_in(&key.namespace)
        .filter(|(_, pod)| selects(&selector, &pod.labels) && !pod.done && !pod.deleting)
        .map(|(_, pod)| pod.ready)
        .collect();
    let expected = i64::try_from(pods.len()).unwrap_or(0);
    let healthy = i64::try_from(pods.iter().filter(|ready| **ready).count()).unwrap_or(0);
    let spec = &budget["spec"];
    let wanted = match spec.get("minAvailable") {
        Some(least) => share(least, expected),
        None => (expected - share(&spec["maxUnavailable"], expected)).max(0),
    };
    let allowed = (healthy - wanted).max(0);
    let reason = if allowed > 0 { "SufficientPods" } else { "InsufficientPods" };
    let now = context.time();
    let mut condition =
        condition(&budget["status"]["conditions"], "DisruptionAllowed", allowed > 0, reason, "", &now);
    condition["observedGeneration"] = budget["metadata"]["generation"].clone();
    let status = json!({
        "observedGeneration": budget["metadata"]["generation"], "currentHealthy": healthy, "desiredHealthy": wanted, "expectedPods": expected,
        "disruptionsAllowed": allowed, "conditions": [condition],
    });
    context.status(BUDGETS, key, &budget, status);
}
