//! The defaults of pods and of the templates of pods.

use serde_json::{Value, json};

use super::defaults::fill;

/// Of a pod itself, beyond what its template would have.
pub(super) fn on_create(pod: &mut Value) {
    let spec = &mut pod["spec"];
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(limits) = container["resources"].get("limits").cloned() {
                fill(&mut container["resources"]["requests"], limits);
            }
        }
    }
    fill(
        spec,
        json!({"enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority", "priority": 0}),
    );
    let tolerated = |key: &str| json!({"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300});
    let mut tolerations = spec["tolerations"].as_array().cloned().unwrap_or_default();
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        if !tolerations.iter().any(|t| t["key"] == key || t.get("key").is_none() && t["operator"] == "Exists")
        {
            tolerations.push(tolerated(key));
        }
    }
    spec["tolerations"] = json!(tolerations);
    let class = quality(spec);
    pod["status"] = json!({"phase": "Pending", "qosClass": class});
}

fn quality(spec: &Value) -> &'static str {
    let containers = || {
        ["containers", "initContainers"]
            .into_iter()
            .flat_map(|list| spec[list].as_array().into_iter().flatten())
    };
    let asks = |container: &Value, kind: &str| {
        container["resources"][kind].as_object().is_some_and(|r| !r.is_empty())
    };
    if !containers().any(|c| asks(c, "requests") || asks(c, "limits")) {
        return "BestEffort";
    }
    let full = |container: &Value| {
        let (requests, limits) = (&container["resources"]["requests"], &container["resources"]["limits"]);
        ["cpu", "memory"].into_iter().all(|r| limits.get(r).is_some() && requests.get(r) == limits.get(r))
    };
    if containers().all(full) { "Guaranteed" } else { "Burstable" }
}

pub(super) fn spec(spec: &mut Value) {
    fill(
        spec,
        json!({
            "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "securityContext": {}, "terminationGracePeriodSeconds": 30,
        }),
    );
    if let Some(account) = spec.get("serviceAccountName").cloned() {
        fill(spec, json!({"serviceAccount": account}));
    }
    for list in ["containers", "initContainers"] {
        for one in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container(one);
        }
    }
    for volume in spec.get_mut("volumes").and_then(Value::as_array_mut).into_iter().flatten() {
        for source in ["secret", "configMap", "projected", "downwardAPI"] {
            if volume.get(source).is_some() {
                fill(&mut volume[source], json!({"defaultMode": 420}));
            }
        }
        if volume.get("hostPath").is_some() {
            fill(&mut volume["hostPath"], json!({"type": ""}));
        }
    }
}

fn container(container: &mut Value) {
    let image = container["image"].as_str().unwrap_or_default();
    let tag = image.rsplit('/').next().unwrap_or_default().split_once(':').map(|(_, tag)| tag);
    let latest = !image.contains('@') && tag.is_none_or(|tag| tag == "latest");
    let policy = if latest { "Always" } else { "IfNotPresent" };
    fill(
        container,
        json!({
            "imagePullPolicy": policy, "terminationMessagePath": "/dev/termination-log",
            "terminationMessagePolicy": "File", "resources": {},
        }),
    );
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container.get(probe).is_none() {
            continue;
        }
        let probe = &mut container[probe];
        fill(
            probe,
            json!({"failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1}),
        );
        if probe.get("httpGet").is_some() {
            fill(&mut probe["httpGet"], json!({"path": "/", "scheme": "HTTP"}));
        }
    }
    for variable in container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten() {
        if variable["valueFrom"].get("fieldRef").is_some() {
            fill(&mut variable["valueFrom"]["fieldRef"], json!({"apiVersion": "v1"}));
        }
    }
}
