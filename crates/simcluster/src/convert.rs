//! The two places where one object is served in two forms: events of the core group and of `events.k8s.io`, and
//! autoscalers of v1 and v2. Everything else differs between versions in `apiVersion` alone.

use serde_json::{Value, json};

use crate::resources::Resource;

/// `(name in events.k8s.io, name in the core group)`
const EVENT_FIELDS: &[(&str, &str)] = &[
    ("regarding", "involvedObject"),
    ("note", "message"),
    ("reportingController", "reportingComponent"),
    ("deprecatedSource", "source"),
    ("deprecatedFirstTimestamp", "firstTimestamp"),
    ("deprecatedLastTimestamp", "lastTimestamp"),
    ("deprecatedCount", "count"),
];

fn is_new_event(resource: &Resource) -> bool {
    resource.group == "events.k8s.io" && resource.plural == "events"
}

fn is_old_autoscaler(resource: &Resource) -> bool {
    resource.group == "autoscaling" && resource.version == "v1"
}

/// Whether objects are served in another form than the stored one.
pub(crate) fn is_needed(resource: &Resource) -> bool {
    is_new_event(resource) || is_old_autoscaler(resource)
}

pub(crate) fn to_storage(resource: &Resource, value: &mut Value) {
    if is_new_event(resource) {
        rename(value, |(new, old)| (new, old));
    } else if is_old_autoscaler(resource) {
        let Some(spec) = value["spec"].as_object_mut() else { return };
        if let Some(percent) = spec.remove("targetCPUUtilizationPercentage") {
            let target = json!({"type": "Utilization", "averageUtilization": percent});
            spec.insert(
                "metrics".to_owned(),
                json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]),
            );
        }
        let Some(status) = value["status"].as_object_mut() else { return };
        if let Some(percent) = status.remove("currentCPUUtilizationPercentage") {
            let current = json!({"averageUtilization": percent});
            status.insert(
                "currentMetrics".to_owned(),
                json!([{"type": "Resource", "resource": {"name": "cpu", "current": current}}]),
            );
        }
    }
}

pub(crate) fn from_storage(resource: &Resource, value: &mut Value) {
    if is_new_event(resource) {
        rename(value, |(new, old)| (old, new));
    } else if is_old_autoscaler(resource) {
        if let Some(spec) = value["spec"].as_object_mut()
            && let Some(metrics) = spec.remove("metrics")
        {
            let percent = &metrics[0]["resource"]["target"]["averageUtilization"];
            if metrics[0]["resource"]["name"] == "cpu" && percent.is_number() {
                spec.insert("targetCPUUtilizationPercentage".to_owned(), percent.clone());
            }
        }
        if let Some(status) = value["status"].as_object_mut() {
            status.remove("conditions");
            if let Some(metrics) = status.remove("currentMetrics") {
                let percent = &metrics[0]["resource"]["current"]["averageUtilization"];
                if metrics[0]["resource"]["name"] == "cpu" && percent.is_number() {
                    status.insert("currentCPUUtilizationPercentage".to_owned(), percent.clone());
                }
            }
        }
    }
}

fn rename<'a>(value: &mut Value, direction: impl Fn((&'a str, &'a str)) -> (&'a str, &'a str)) {
    let Some(object) = value.as_object_mut() else { return };
    for (from, to) in EVENT_FIELDS.iter().copied().map(direction) {
        if let Some(value) = object.remove(from) {
            object.insert(to.to_owned(), value);
        }
    }
}
