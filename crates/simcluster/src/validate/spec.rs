//! What the server refuses in the fields of each kind, as far as clients meet it.

use serde_json::{Value, json};

use crate::error::Cause;
use crate::resources::{Resource, Shape};

/// Faults of what is wished for.
pub(crate) fn spec(resource: &Resource, value: &Value) -> Vec<Cause> {
    if let Shape::Custom(custom) = &resource.schema {
        return super::custom::validate(&custom.raw, value);
    }
    let mut causes = Vec::new();
    match &*resource.storage {
        "pods" => pod_spec(&value["spec"], "spec", &mut causes),
        "deployments.apps" | "replicasets.apps" | "statefulsets.apps" | "daemonsets.apps" => {
            workload(value, &mut causes)
        }
        _ => {}
    }
    causes
}

fn workload(value: &Value, causes: &mut Vec<Cause>) {
    let spec = &value["spec"];
    let selector = &spec["selector"];
    let labels = &spec["template"]["metadata"]["labels"];
    if spec["replicas"].as_i64().is_some_and(|replicas| replicas < 0) {
        causes.push(Cause::invalid("spec.replicas", &spec["replicas"], "must be greater than or equal to 0"));
    }
    if selector.is_null() {
        causes.push(Cause::required("spec.selector", ""));
    } else if selector.as_object().is_some_and(serde_json::Map::is_empty) {
        let detail = "empty selector is invalid for deployment";
        causes.push(Cause::invalid("spec.selector", selector, detail));
    } else if selector["matchLabels"]
        .as_object()
        .is_some_and(|wanted| wanted.iter().any(|(key, value)| labels.get(key) != Some(value)))
    {
        let detail = "`selector` does not match template `labels`";
        causes.push(Cause::invalid(
            "spec.template.metadata.labels",
            if labels.is_null() { &Value::Null } else { labels },
            detail,
        ));
    }
    pod_spec(&spec["template"]["spec"], "spec.template.spec", causes);
}

fn pod_spec(spec: &Value, at: &str, causes: &mut Vec<Cause>) {
    let containers = spec["containers"].as_array();
    if containers.is_none_or(Vec::is_empty) {
        causes.push(Cause::required(format!("{at}.containers"), ""));
    }
    let mut names: Vec<&str> = Vec::new();
    for (index, container) in containers.into_iter().flatten().enumerate() {
        let at = format!("{at}.containers[{index}]");
        let name = container["name"].as_str().unwrap_or_default();
        if name.is_empty() {
            causes.push(Cause::required(format!("{at}.name"), ""));
        } else if let Some(problem) = super::label_problem(name) {
            causes.push(Cause::invalid(format!("{at}.name"), &json!(name), &problem));
        } else if names.contains(&name) {
            causes.push(Cause {
                field: format!("{at}.name"),
                reason: "FieldValueDuplicate",
                message: format!("Duplicate value: \"{name}\""),
            });
        }
        names.push(name);
        if container["image"].as_str().is_none_or(str::is_empty) {
            causes.push(Cause::required(format!("{at}.image"), ""));
        }
    }
}

/// Wishes that can't be changed.
pub(crate) fn spec_update(resource: &Resource, old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    match &*resource.storage {
        "configmaps" | "secrets" if old["immutable"] == true => {
            let detail = "field is immutable when `immutable` is set";
            if new["immutable"] != true {
                causes.push(Cause::forbidden("immutable", detail));
            }
            for field in ["data", "binaryData"] {
                if old.get(field) != new.get(field) {
                    causes.push(Cause::forbidden(field, detail));
                }
            }
        }
        "deployments.apps" | "replicasets.apps" | "daemonsets.apps"
            if old["spec"]["selector"] != new["spec"]["selector"] =>
        {
            causes.push(Cause::invalid("spec.selector", &new["spec"]["selector"], "field is immutable"));
        }
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io"
            if old["roleRef"] != new["roleRef"] =>
        {
            causes.push(Cause::invalid("roleRef", &new["roleRef"], "cannot change roleRef"));
        }
        _ => {}
    }
    causes
}
