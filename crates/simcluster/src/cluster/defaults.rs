//! What the server fills in where a client leaves a field out: the defaults of each kind, and what admission adds.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};

use super::pod_defaults;
use crate::clock::rfc3339;
use crate::resources::Resource;
use crate::schema;

/// Sets fields that aren't there.
pub(super) fn fill(object: &mut Value, defaults: Value) {
    let Value::Object(defaults) = defaults else { return };
    if object.is_null() {
        *object = json!({});
    }
    let Some(object) = object.as_object_mut() else { return };
    for (key, value) in defaults {
        object.entry(key).or_insert(value);
    }
}

/// Of an autoscaler that says something of how fast it goes.
fn scaling_rules(behavior: &mut Value) {
    let policy = |kind: &str, value: u32| json!({"type": kind, "value": value, "periodSeconds": 15});
    let up = json!({
        "stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [policy("Pods", 4), policy("Percent", 100)],
    });
    fill(&mut behavior["scaleUp"], up);
    fill(&mut behavior["scaleDown"], json!({"selectPolicy": "Max", "policies": [policy("Percent", 100)]}));
}

fn each<'a>(object: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    object.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten()
}

/// What a default is made from.
pub(super) struct Cause {
    pub seed: u64,
    pub now: i64,
    pub uid: String,
}

pub(super) fn on_create(resource: &Resource, value: &mut Value, cause: &Cause) {
    if let Some(status) = schema::empty_status(resource) {
        value["status"] = status;
    }
    always(resource, value);
    match &*resource.storage {
        "namespaces" => {
            value["spec"]["finalizers"] = json!(["kubernetes"]);
            value["status"] = json!({"phase": "Active"});
        }
        "nodes" => {
            let taint = json!({"effect": "NoSchedule", "key": "node.kubernetes.io/not-ready"});
            fill(&mut value["spec"], json!({"taints": [taint]}));
        }
        "pods" => pod_defaults::on_create(value),
        "services" => cluster_ip(value, cause.seed),
        "persistentvolumes" => {
            fill(&mut value["metadata"], json!({"finalizers": ["kubernetes.io/pv-protection"]}));
            value["status"] = json!({"phase": "Pending", "lastPhaseTransitionTime": rfc3339(cause.now)});
        }
        "persistentvolumeclaims" => {
            fill(&mut value["metadata"], json!({"finalizers": ["kubernetes.io/pvc-protection"]}));
            value["status"] = json!({"phase": "Pending"});
        }
        "daemonsets.apps" => {
            value["metadata"]["annotations"]["deprecated.daemonset.template.generation"] = json!("1");
        }
        "jobs.batch" => job_selector(value, &cause.uid),
        "horizontalpodautoscalers.autoscaling" => {
            value["status"] = json!({"currentMetrics": null, "desiredReplicas": 0});
        }
        _ => {}
    }
}

pub(super) fn on_update(resource: &Resource, old: &Value, value: &mut Value) {
    // What was given out once stays.
    if &*resource.storage == "services" && value["spec"]["type"] != "ExternalName" {
        let kept = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"];
        for key in kept {
            if let Some(found) = old["spec"].get(key) {
                fill(&mut value["spec"], Value::Object(Map::from_iter([(key.to_owned(), found.clone())])));
            }
        }
    }
    always(resource, value);
}

fn always(resource: &Resource, value: &mut Value) {
    match &*resource.storage {
        "namespaces" => {
            let name = value["metadata"]["name"].clone();
            value["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
        }
        "secrets" => secret(value),
        "pods" => pod_defaults::spec(&mut value["spec"]),
        "podtemplates" => pod_defaults::spec(&mut value["template"]["spec"]),
        "services" => {
            service(value);
            for ingress in each(&mut value["status"]["loadBalancer"], "ingress") {
                if ingress.get("ip").is_some() {
                    fill(ingress, json!({"ipMode": "VIP"}));
                }
            }
        }
        "endpoints" => {
            for subset in each(value, "subsets") {
                for port in each(subset, "ports") {
                    fill(port, json!({"protocol": "TCP"}));
                }
            }
        }
        "persistentvolumes" => {
            let defaults = json!({"persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem"});
            fill(&mut value["spec"], defaults);
            if value["spec"].get("hostPath").is_some() {
                fill(&mut value["spec"]["hostPath"], json!({"type": ""}));
            }
        }
        "persistentvolumeclaims" => fill(&mut value["spec"], json!({"volumeMode": "Filesystem"})),
        "replicationcontrollers" => {
            fill(&mut value["spec"], json!({"replicas": 1}));
            pod_defaults::spec(&mut value["spec"]["template"]["spec"]);
        }
        "deployments.apps" => {
            let spec = &mut value["spec"];
            fill(spec, json!({"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600}));
            fill(&mut spec["strategy"], json!({"type": "RollingUpdate"}));
            if spec["strategy"]["type"] == "RollingUpdate" {
                fill(
                    &mut spec["strategy"]["rollingUpdate"],
                    json!({"maxSurge": "25%", "maxUnavailable": "25%"}),
                );
            }
            pod_defaults::spec(&mut spec["template"]["spec"]);
        }
        "replicasets.apps" => {
            fill(&mut value["spec"], json!({"replicas": 1}));
            pod_defaults::spec(&mut value["spec"]["template"]["spec"]);
        }
        "statefulsets.apps" => stateful_set(&mut value["spec"]),
        "daemonsets.apps" => {
            let spec = &mut value["spec"];
            fill(spec, json!({"revisionHistoryLimit": 10}));
            fill(&mut spec["updateStrategy"], json!({"type": "RollingUpdate"}));
            if spec["updateStrategy"]["type"] == "RollingUpdate" {
                fill(
                    &mut spec["updateStrategy"]["rollingUpdate"],
                    json!({"maxSurge": 0, "maxUnavailable": 1}),
                );
            }
            pod_defaults::spec(&mut spec["template"]["spec"]);
        }
        "jobs.batch" => {
            let labels = value["spec"]["template"]["metadata"]["labels"].clone();
            if labels.is_object() && value["metadata"].get("labels").is_none() {
                value["metadata"]["labels"] = labels;
            }
            let spec = &mut value["spec"];
            if spec.get("completions").is_none() && spec.get("parallelism").is_none() {
                fill(spec, json!({"completions": 1}));
            }
            fill(
                spec,
                json!({"parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": false, "manualSelector": false, "podReplacementPolicy": "TerminatingOrFailed"}),
            );
            pod_defaults::spec(&mut spec["template"]["spec"]);
        }
        "cronjobs.batch" => {
            let spec = &mut value["spec"];
            fill(
                spec,
                json!({"concurrencyPolicy": "Allow", "suspend": false, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1}),
            );
            pod_defaults::spec(&mut spec["jobTemplate"]["spec"]["template"]["spec"]);
        }
        "networkpolicies.networking.k8s.io" => network_policy(&mut value["spec"]),
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            binding(value)
        }
        "horizontalpodautoscalers.autoscaling" => {
            fill(&mut value["spec"], json!({"minReplicas": 1}));
            if value["spec"].get("metrics").is_none() {
                let target = json!({"type": "Utilization", "averageUtilization": 80});
                value["spec"]["metrics"] =
                    json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
            }
            if value["spec"].get("behavior").is_some() {
                scaling_rules(&mut value["spec"]["behavior"]);
            }
        }
        "endpointslices.discovery.k8s.io" => {
            for port in each(value, "ports") {
                fill(port, json!({"name": "", "protocol": "TCP"}));
            }
        }
        "storageclasses.storage.k8s.io" => {
            fill(value, json!({"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"}));
        }
        "priorityclasses.scheduling.k8s.io" => {
            fill(value, json!({"preemptionPolicy": "PreemptLowerPriority"}))
        }
        "customresourcedefinitions.apiextensions.k8s.io" => {
            let spec = &mut value["spec"];
            fill(spec, json!({"conversion": {"strategy": "None"}}));
            let kind = spec["names"]["kind"].as_str().unwrap_or_default().to_owned();
            fill(
                &mut spec["names"],
                json!({"listKind": format!("{kind}List"), "singular": kind.to_lowercase()}),
            );
        }
        _ => {}
    }
}

fn stateful_set(spec: &mut Value) {
    fill(
        spec,
        json!({"replicas": 1, "revisionHistoryLimit": 10, "podManagementPolicy": "OrderedReady", "persistentVolumeClaimRetentionPolicy": {}}),
    );
    fill(
        &mut spec["persistentVolumeClaimRetentionPolicy"],
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
    );
    fill(&mut spec["updateStrategy"], json!({"type": "RollingUpdate"}));
    if spec["updateStrategy"]["type"] == "RollingUpdate" {
        fill(&mut spec["updateStrategy"]["rollingUpdate"], json!({"partition": 0}));
    }
    pod_defaults::spec(&mut spec["template"]["spec"]);
    for claim in each(spec, "volumeClaimTemplates") {
        fill(claim, json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim"}));
        fill(&mut claim["spec"], json!({"volumeMode": "Filesystem"}));
        fill(&mut claim["status"], json!({"phase": "Pending"}));
    }
}

fn secret(value: &mut Value) {
    fill(value, json!({"type": "Opaque"}));
    let Some(Value::Object(texts)) = value.as_object_mut().and_then(|o| o.remove("stringData")) else {
        return;
    };
    for (key, text) in texts {
        value["data"][key] = json!(BASE64_STANDARD.encode(text.as_str().unwrap_or_default()));
    }
}

fn service(value: &mut Value) {
    let spec = &mut value["spec"];
    fill(spec, json!({"type": "ClusterIP", "sessionAffinity": "None"}));
    for port in each(spec, "ports") {
        let number = port["port"].clone();
        fill(port, json!({"protocol": "TCP", "targetPort": number}));
    }
    if spec["sessionAffinity"] == "ClientIP" {
        fill(&mut spec["sessionAffinityConfig"], json!({"clientIP": {"timeoutSeconds": 10800}}));
    }
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    if kind != "ExternalName" {
        fill(spec, json!({"internalTrafficPolicy": "Cluster"}));
    }
    let given = spec["externalIPs"].as_array().is_some_and(|ips| !ips.is_empty());
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") || kind == "ClusterIP" && given {
        fill(spec, json!({"externalTrafficPolicy": "Cluster"}));
    }
    if kind == "LoadBalancer" {
        fill(spec, json!({"allocateLoadBalancerNodePorts": true}));
    }
}

/// An address that follows from the name; two services may get the same one, which nothing here minds.
fn cluster_ip(value: &mut Value, seed: u64) {
    let spec = &mut value["spec"];
    let kind = spec["type"].as_str().unwrap_or_default().to_owned();
    if kind == "ExternalName" {
        return;
    }
    let address = format!("10.0.{}.{}", (seed >> 8) & 0xff, seed % 254 + 1);
    fill(spec, json!({"clusterIP": address}));
    let address = spec["clusterIP"].clone();
    if address == "None" && spec["selector"].as_object().is_none_or(Map::is_empty) {
        // Whoever gives the endpoints himself may give any.
        fill(spec, json!({"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "RequireDualStack"}));
    }
    fill(spec, json!({"clusterIPs": [address], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack"}));
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
        for (index, port) in each(spec, "ports").enumerate() {
            let index = u64::try_from(index).unwrap_or(0);
            fill(port, json!({"nodePort": 30000 + (seed + index) % 2768}));
        }
    }
}

fn job_selector(value: &mut Value, uid: &str) {
    if value["spec"]["manualSelector"] == true {
        return;
    }
    let name = value["metadata"]["name"].clone();
    let labels = json!({
        "batch.kubernetes.io/controller-uid": uid, "batch.kubernetes.io/job-name": name,
        "controller-uid": uid, "job-name": name,
    });
    fill(&mut value["spec"]["template"]["metadata"]["labels"], labels);
    value["spec"]["selector"] = json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}});
}

fn network_policy(spec: &mut Value) {
    for direction in ["ingress", "egress"] {
        if spec.get(direction).is_none() {
            continue;
        }
        for rule in each(spec, direction) {
            if rule.get("ports").is_some() {
                for port in each(rule, "ports") {
                    fill(port, json!({"protocol": "TCP"}));
                }
            }
        }
    }
    let types = if spec.get("egress").is_some() { json!(["Ingress", "Egress"]) } else { json!(["Ingress"]) };
    fill(spec, json!({"policyTypes": types}));
}

fn binding(value: &mut Value) {
    const GROUP: &str = "rbac.authorization.k8s.io";
    if value["roleRef"]["apiGroup"].as_str().is_none_or(str::is_empty) {
        value["roleRef"]["apiGroup"] = json!(GROUP);
    }
    if value.get("subjects").is_none() {
        return;
    }
    for subject in each(value, "subjects") {
        if subject["kind"] != "ServiceAccount" {
            fill(subject, json!({"apiGroup": GROUP}));
        }
    }
}
