//! Horizontal autoscalers, simply: as many replicas as bring the present load to the target. The load is what the
//! status says; the churn changes it.

use serde_json::{Value, json};

use super::context::{Context, Subject, condition};
use crate::object::Key;

const SCALERS: &str = "horizontalpodautoscalers.autoscaling";

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, scaler)) = context.get(SCALERS, key) else { return };
    let spec = &scaler["spec"];
    let target = &spec["scaleTargetRef"];
    if target["kind"] != "Deployment" {
        return;
    }
    let at =
        Key { namespace: key.namespace.clone(), name: target["name"].as_str().unwrap_or_default().into() };
    let Some((_, deployment)) = context.get("deployments.apps", &at) else { return };
    let now_wanted = deployment["spec"]["replicas"].as_i64().unwrap_or(1);
    let goal = spec["metrics"][0]["resource"]["target"]["averageUtilization"].as_i64().unwrap_or(80).max(1);
    let metric = &scaler["status"]["currentMetrics"][0]["resource"]["current"];
    let load = metric["averageUtilization"].as_i64().unwrap_or(goal * 3 / 4);
    let least = spec["minReplicas"].as_i64().unwrap_or(1).max(1);
    let most = spec["maxReplicas"].as_i64().unwrap_or(least).max(least);
    let raw = (now_wanted * load + goal - 1) / goal;
    // A load within a tenth of the goal changes nothing, and little load is let be.
    let wished = if load > goal * 11 / 10 || load < goal * 2 / 5 { raw } else { now_wanted };
    let wished = wished.clamp(least, most);
    let mut status = scaler["status"].clone();
    let now = context.time();
    if wished != now_wanted && now_wanted > 0 {
        context.patch("deployments.apps", &at, json!({"spec": {"replicas": wished}}));
        status["lastScaleTime"] = json!(now);
        let why = if wished > now_wanted { "above" } else { "below" };
        let message = format!(
            "New size: {wished}; reason: cpu resource utilization (percentage of request) {why} target"
        );
        context.say(
            &Subject::new("autoscaling/v2", "HorizontalPodAutoscaler", key, object.uid),
            false,
            "SuccessfulRescale",
            &message,
            "horizontal-pod-autoscaler",
        );
    }
    let settled = if wished == now_wanted { load } else { (load * now_wanted / wished.max(1)).max(1) };
    let mut current = metric.as_object().cloned().unwrap_or_default();
    current.insert("averageUtilization".to_owned(), json!(settled));
    status["currentMetrics"] =
        json!([{"type": "Resource", "resource": {"name": "cpu", "current": Value::Object(current)}}]);
    status["currentReplicas"] = json!(now_wanted);
    status["desiredReplicas"] = json!(wished);
    if status.get("conditions").is_none_or(Value::is_null) {
        status["conditions"] = json!([
            condition(
                &Value::Null,
                "AbleToScale",
                true,
                "ReadyForNewScale",
                "recommended size matches current size",
                &now
            ),
            condition(
                &Value::Null,
                "ScalingActive",
                true,
                "ValidMetricFound",
                "the HPA was able to successfully calculate a replica count",
                &now
            ),
        ]);
    }
    context.status(SCALERS, key, &scaler, status);
}
