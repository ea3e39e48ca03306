//! The scheduler: a node for each pod, by room, taints, selectors and readiness.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::context::{Context, Subject, condition, is_deleting};
use super::index::{labels, mebibytes, millis, selects};
use super::kinds::kind;
use crate::cluster::ListOptions;
use crate::object::Key;

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, pod)) = context.get("pods", key) else { return };
    if is_deleting(&pod) || pod["spec"]["nodeName"].as_str().is_some_and(|node| !node.is_empty()) {
        return;
    }
    let about = Subject::pod(key, object.uid);
    match choose(context, key, &pod) {
        Ok((node, place)) => {
            let patch = json!({"metadata": {"labels": place}, "spec": {"nodeName": node}});
            let now = context.time();
            if context.patch("pods", key, patch) {
                let mut status = pod["status"].clone();
                status["conditions"] = json!([condition_of(&status, true, "", "", &now)]);
                if let Some((_, bound)) = context.get("pods", key) {
                    context.status("pods", key, &bound, status);
                }
                let message = format!("Successfully assigned {}/{} to {node}", key.namespace, key.name);
                context.say(&about, false, "Scheduled", &message, "default-scheduler");
            }
        }
        Err(why) => {
            let now = context.time();
            let mut status = pod["status"].clone();
            let condition = condition_of(&status, false, "Unschedulable", &why, &now);
            let known = pod["status"]["conditions"]
                .as_array()
                .is_some_and(|all| all.iter().any(|c| c["reason"] == "Unschedulable"));
            if known {
                // Said before; a change of the numbers alone is no news.
                return;
            }
            status["conditions"] = json!([condition]);
            context.status("pods", key, &pod, status);
            context.say(&about, true, "FailedScheduling", &why, "default-scheduler");
        }
    }
}

fn condition_of(status: &Value, ok: bool, reason: &str, message: &str, now: &str) -> Value {
    let mut condition = condition(&status["conditions"], "PodScheduled", ok, reason, message, now);
    if let Some(condition) = condition.as_object_mut() {
        condition.insert("lastProbeTime".to_owned(), Value::Null);
        condition.insert("observedGeneration".to_owned(), json!(1));
        condition.retain(|key, value| !(matches!(key.as_str(), "reason" | "message") && value == ""));
    }
    condition
}

/// The node with the most room that takes the pod, and the labels of its place.
fn choose(context: &Context<'_>, key: &Key, pod: &Value) -> Result<(String, Value), String> {
    let mine = context.index.pods.get(key).ok_or("the pod has gone")?;
    unbound(context, key, pod)?;
    let mut used: HashMap<&Arc<str>, (i64, i64, i64)> = HashMap::new();
    for other in context.index.pods.values().filter(|other| !other.done && !other.node.is_empty()) {
        let sum = used.entry(&other.node).or_default();
        *sum = (sum.0 + other.cpu, sum.1 + other.memory, sum.2 + 1);
    }
    let Ok(nodes) = context.cluster.list(kind("nodes"), &ListOptions::default()) else {
        return Err("no nodes available to schedule pods".to_owned());
    };
    let mut refused: Vec<(&'static str, usize)> = Vec::new();
    let mut best: Option<(i64, String, Value)> = None;
    let wanted = labels(&pod["spec"]["nodeSelector"]);
    for node in &nodes.items {
        let value = node.value();
        let own = labels(&value["metadata"]["labels"]);
        let (cpu, memory, count) = used.get(&node.key.name).copied().unwrap_or_default();
        let room = &value["status"]["allocatable"];
        let most = millis(&room["pods"]) / 1000;
        let free = millis(&room["cpu"]) - cpu - mine.cpu;
        let why = if !wanted.is_empty() && !selects(&wanted, &own) {
            "node(s) didn't match Pod's node affinity/selector"
        } else if value["spec"]["unschedulable"] == true {
            "node(s) were unschedulable"
        } else if !tolerates(pod, &value["spec"]["taints"]) {
            "node(s) had untolerated taint(s)"
        } else if free < 0 {
            "Insufficient cpu"
        } else if mebibytes(&room["memory"]) - memory - mine.memory < 0 {
            "Insufficient memory"
        } else if most > 0 && count >= most {
            "Too many pods"
        } else {
            if best.as_ref().is_none_or(|(most, _, _)| free > *most) {
                let place: serde_json::Map<String, Value> =
                    ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"]
                        .into_iter()
                        .filter_map(|key| Some((key.to_owned(), json!(own.get(key)?))))
                        .collect();
                best = Some((free, node.key.name.to_string(), Value::Object(place)));
            }
            continue;
        };
        match refused.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += 1,
            None => refused.push((why, 1)),
        }
    }
    match best {
        Some((_, name, place)) => Ok((name, place)),
        None if refused.is_empty() => Err("no nodes available to schedule pods".to_owned()),
        None => {
            refused.sort();
            let reasons: Vec<String> = refused.iter().map(|(why, count)| format!("{count} {why}")).collect();
            Err(format!("0/{} nodes are available: {}.", nodes.items.len(), reasons.join(", ")))
        }
    }
}

/// A claim that is there, and has no volume after its provisioner had its turn.
fn unbound(context: &Context<'_>, key: &Key, pod: &Value) -> Result<(), String> {
    let claims = pod["spec"]["volumes"].as_array().into_iter().flatten();
    for claim in claims.filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str()) {
        let at = Key { namespace: Arc::clone(&key.namespace), name: claim.into() };
        match context.get("persistentvolumeclaims", &at) {
            None => return Err(format!("persistentvolumeclaim \"{claim}\" not found")),
            Some((_, claim)) if claim["status"]["phase"] == "Bound" => {}
            Some(_) => return Err("pod has unbound immediate PersistentVolumeClaims".to_owned()),
        }
    }
    Ok(())
}

/// Whether a pod may run in spite of a node's taints.
pub(super) fn tolerates(pod: &Value, taints: &Value) -> bool {
    let tolerations = || pod["spec"]["tolerations"].as_array().into_iter().flatten();
    let taints = taints.as_array().into_iter().flatten();
    taints.filter(|taint| taint["effect"] != "PreferNoSchedule").all(|taint| {
        tolerations().any(|toleration| {
            let effect = toleration.get("effect").is_none_or(|effect| *effect == taint["effect"]);
            let key = toleration.get("key").is_none_or(|key| *key == taint["key"]);
            let exists = toleration["operator"] == "Exists";
            let value = toleration["value"].as_str().unwrap_or_default()
                == taint["value"].as_str().unwrap_or_default();
            effect && key && (exists || value)
        })
    })
}
