//! Nodes: their leases, the kubelet of a new one, and what follows when a kubelet no longer answers.

use serde_json::{Value, json};

use super::context::{Context, Subject, condition};
use super::kinds::{kind, within};
use super::task::Task;
use crate::cluster::{Cluster, DeleteOptions, ListOptions, Patch, WriteOptions};
use crate::object::Key;

const NODES: &str = "nodes";
pub(super) const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
/// How long pods stay on a node that is lost, by the tolerations that the server gives them.
const EVICTION_MS: i64 = 300_000;
/// A lease that is so much older than the youngest belongs to a kubelet that is down.
const DOWN_S: i64 = 120;

/// The first internal address of a node.
pub(super) fn address(cluster: &Cluster, node: &str) -> String {
    let Ok(object) = cluster.get(kind(NODES), "", node) else { return String::new() };
    let value = object.value();
    let addresses = value["status"]["addresses"].as_array().into_iter().flatten();
    let internal = addresses
        .filter(|address| address["type"] == "InternalIP")
        .find_map(|address| address["address"].as_str());
    internal.unwrap_or("10.0.0.1").to_owned()
}

/// Renews the leases of all kubelets and leaders that are alive.
pub(super) fn renew(cluster: &Cluster, now_ms: i64) {
    let leases = kind("leases.coordination.k8s.io");
    let stamp = jiff::Timestamp::from_millisecond(now_ms)
        .unwrap_or_default()
        .strftime("%Y-%m-%dT%H:%M:%S.%6fZ")
        .to_string();
    for namespace in ["kube-node-lease", "kube-system", "ingress-nginx"] {
        let Ok(list) = cluster.list(leases, &within(namespace)) else { continue };
        let renewed: Vec<i64> = list
            .items
            .iter()
            .map(|lease| {
                lease.field("spec.renewTime").parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second)
            })
            .collect();
        let youngest = renewed.iter().copied().max().unwrap_or(0);
        for (lease, renewed) in list.items.iter().zip(&renewed) {
            if youngest - renewed > DOWN_S {
                continue;
            }
            let patch = Patch::Merge(json!({"spec": {"renewTime": stamp}}));
            let written = cluster.patch(leases, namespace, &lease.key.name, &patch, &WriteOptions::default());
            if let Err(error) = written {
                tracing::debug!(%error, "a lease was not renewed");
            }
        }
    }
}

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((_, node)) = context.get(NODES, key) else { return };
    if node["status"]["conditions"].as_array().is_none_or(Vec::is_empty) {
        return join(context, key, &node);
    }
    daemons(context);
    let pods: Vec<(Key, crate::object::Uid)> = context
        .index
        .pods
        .iter()
        .filter(|(_, pod)| pod.node == key.name && !pod.done)
        .map(|(key, pod)| (key.clone(), pod.uid))
        .collect();
    if !context.index.lost.contains(&key.name) {
        for (pod, _) in pods {
            context.soon(Task::Kubelet(pod));
        }
        return;
    }
    let taints = node["spec"]["taints"].as_array().into_iter().flatten();
    let since = taints
        .filter(|taint| taint["key"] == UNREACHABLE)
        .find_map(|taint| taint["timeAdded"].as_str()?.parse::<jiff::Timestamp>().ok());
    let left = since.map_or(EVICTION_MS, |since| since.as_millisecond() + EVICTION_MS - context.now);
    let now = context.time();
    for (pod, uid) in pods {
        let Some((_, value)) = context.get("pods", &pod) else { continue };
        let ready = value["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|c| c["type"] == "Ready" && c["status"] == "True");
        if ready {
            let mut status = value["status"].clone();
            for entry in
                status["conditions"].as_array_mut().into_iter().flatten().filter(|c| c["type"] == "Ready")
            {
                entry["status"] = json!("False");
                entry["lastTransitionTime"] = json!(now);
            }
            context.status("pods", &pod, &value, status);
            context.say(
                &Subject::pod(&pod, uid),
                true,
                "NodeNotReady",
                "Node is not ready",
                "node-controller",
            );
        }
        if left <= 0 && value["metadata"].get("deletionTimestamp").is_none() && !stays(&value) {
            let message = format!("Marking for deletion Pod {}/{}", pod.namespace, pod.name);
            context.say(
                &Subject::pod(&pod, uid),
                false,
                "TaintManagerEviction",
                &message,
                "taint-eviction-controller",
            );
            context.delete("pods", &pod, &DeleteOptions::default());
        }
    }
    if left > 0 {
        context.later(left + 500, Task::Node(key.clone()));
    }
}

/// Whether a pod tolerates a lost node for ever.
fn stays(pod: &Value) -> bool {
    let tolerations = pod["spec"]["tolerations"].as_array().into_iter().flatten();
    tolerations.into_iter().any(|toleration| {
        let about = toleration.get("key").is_none_or(|key| key == UNREACHABLE);
        about && toleration["operator"] == "Exists" && toleration.get("tolerationSeconds").is_none()
    })
}

/// The kubelet of a node that somebody has just made.
fn join(context: &mut Context<'_>, key: &Key, node: &Value) {
    let now = context.time();
    let conditions: Vec<Value> = [
        ("MemoryPressure", false, "KubeletHasSufficientMemory"),
        ("DiskPressure", false, "KubeletHasNoDiskPressure"),
        ("PIDPressure", false, "KubeletHasSufficientPID"),
        ("Ready", true, "KubeletReady"),
    ]
    .into_iter()
    .map(|(name, status, reason)| {
        let mut condition = condition(&Value::Null, name, status, reason, "", &now);
        condition["lastHeartbeatTime"] = json!(now);
        condition
    })
    .collect();
    let mut status = node["status"].clone();
    status["conditions"] = json!(conditions);
    if status.get("allocatable").is_none() {
        let room = json!({"cpu": "8", "memory": "32Gi", "pods": "110"});
        status["capacity"] = room.clone();
        status["allocatable"] = room;
    }
    if status.get("addresses").is_none() {
        status["addresses"] = json!([{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": &*key.name}]);
    }
    context.status(NODES, key, node, status);
    let mut taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    taints.retain(|taint| taint["key"] != "node.kubernetes.io/not-ready");
    let taints = if taints.is_empty() { Value::Null } else { json!(taints) };
    context.patch(NODES, key, json!({"spec": {"taints": taints}}));
}

fn daemons(context: &mut Context<'_>) {
    let Ok(list) = context.cluster.list(kind("daemonsets.apps"), &ListOptions::default()) else { return };
    for set in list.items {
        context.soon(Task::DaemonSet(set.key.clone()));
    }
}

/// Its kubelet stops to answer, or answers again.
pub(super) fn set_lost(context: &mut Context<'_>, key: &Key, lost: bool) {
    let Some((object, node)) = context.get(NODES, key) else { return };
    let now = context.time();
    let mut status = node["status"].clone();
    for entry in status["conditions"].as_array_mut().into_iter().flatten() {
        let ready = entry["type"] == "Ready";
        entry["status"] = json!(if lost {
            "Unknown"
        } else if ready {
            "True"
        } else {
            "False"
        });
        entry["lastTransitionTime"] = json!(now);
        let (reason, message) = match (lost, entry["type"].as_str().unwrap_or_default()) {
            (true, _) => ("NodeStatusUnknown", "Kubelet stopped posting node status."),
            (false, "Ready") => ("KubeletReady", "kubelet is posting ready status"),
            (false, "MemoryPressure") => {
                ("KubeletHasSufficientMemory", "kubelet has sufficient memory available")
            }
            (false, "DiskPressure") => ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
            (false, _) => ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        };
        entry["reason"] = json!(reason);
        entry["message"] = json!(message);
        if !lost {
            entry["lastHeartbeatTime"] = json!(now);
        }
    }
    let mut taints = node["spec"]["taints"].as_array().cloned().unwrap_or_default();
    taints.retain(|taint| taint["key"] != UNREACHABLE);
    if lost {
        taints.extend(
            ["NoSchedule", "NoExecute"]
                .map(|effect| json!({"key": UNREACHABLE, "effect": effect, "timeAdded": now})),
        );
    }
    let taints = if taints.is_empty() { Value::Null } else { json!(taints) };
    context.patch(NODES, key, json!({"spec": {"taints": taints}}));
    if let Some((_, node)) = context.get(NODES, key) {
        context.status(NODES, key, &node, status);
    }
    let about = Subject::new("v1", "Node", key, object.uid);
    let (reason, state) = if lost { ("NodeNotReady", "NodeNotReady") } else { ("NodeReady", "NodeReady") };
    context.say(
        &about,
        false,
        reason,
        &format!("Node {} status is now: {state}", key.name),
        "node-controller",
    );
}
