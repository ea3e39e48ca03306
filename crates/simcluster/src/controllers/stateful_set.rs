//! Stateful sets: pods with names and claims of their own, one after the other.

use serde_json::{Value, json};

use super::context::{Context, Subject, hash_of, is_deleting, owner_of};
use super::replica_set::from_template;
use crate::cluster::DeleteOptions;
use crate::object::{Key, Object};

const SETS: &str = "statefulsets.apps";
const HASH: &str = "controller-revision-hash";

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, set)) = context.get(SETS, key) else { return };
    if is_deleting(&set) {
        return;
    }
    let wanted = set["spec"]["replicas"].as_i64().unwrap_or(1).max(0);
    let revision = revision(context, key, &object, &set, SETS);
    let mut pods = context.index.pods_of(object.uid);
    pods.sort_by_key(|(pod, _)| ordinal(pod));
    let ordered = set["spec"]["podManagementPolicy"] != "Parallel";
    let about = Subject::new("apps/v1", "StatefulSet", key, object.uid);
    // Up: the first ordinal that is missing, when all before it are ready.
    for index in 0..wanted {
        let name = Key { namespace: key.namespace.clone(), name: format!("{}-{index}", key.name).into() };
        match pods.iter().find(|(pod, _)| *pod == name) {
            Some((_, pod)) if ordered && (!pod.ready || pod.deleting) => break,
            Some(_) => {}
            None => {
                claims(context, key, &set, &name);
                let pod = pod(context, &set, key, &object, index, &revision);
                if context.create("pods", &key.namespace, pod).is_some() {
                    let message = format!("create Pod {} in StatefulSet {} successful", name.name, key.name);
                    context.say(&about, false, "SuccessfulCreate", &message, "statefulset-controller");
                }
                if ordered {
                    break;
                }
            }
        }
    }
    // Down, and then what has an old template: the last one first, one at a time.
    let leaving = pods.iter().any(|(_, pod)| pod.deleting);
    let extra = pods.iter().rev().find(|(pod, _)| ordinal(pod) >= wanted);
    let partition = set["spec"]["updateStrategy"]["rollingUpdate"]["partition"].as_i64().unwrap_or(0);
    let all_ready = pods.iter().all(|(_, pod)| pod.ready);
    let old = pods.iter().rev().find(|(name, pod)| {
        ordinal(name) >= partition && pod.labels.get(HASH) != Some(&revision) && (all_ready || !pod.ready)
    });
    let rolls = set["spec"]["updateStrategy"]["type"] == "RollingUpdate";
    if let Some((pod, _)) = extra.or(old.filter(|_| rolls)).filter(|_| !leaving) {
        context.delete("pods", pod, &DeleteOptions::default());
        let message = format!("delete Pod {} in StatefulSet {} successful", pod.name, key.name);
        context.say(&about, false, "SuccessfulDelete", &message, "statefulset-controller");
    }
    status(context, key, &object, &set, &revision);
}

fn ordinal(pod: &Key) -> i64 {
    pod.name.rsplit_once('-').and_then(|(_, number)| number.parse().ok()).unwrap_or(i64::MAX)
}

fn pod(context: &Context<'_>, set: &Value, key: &Key, object: &Object, index: i64, revision: &str) -> Value {
    let name = format!("{}-{index}", key.name);
    let mut pod = from_template(
        context,
        &set["spec"]["template"],
        "",
        owner_of("apps/v1", "StatefulSet", &key.name, object.uid),
    );
    let metadata = &mut pod["metadata"];
    metadata["generateName"] = json!(format!("{}-", key.name));
    metadata["name"] = json!(name);
    metadata["labels"][HASH] = json!(revision);
    metadata["labels"]["statefulset.kubernetes.io/pod-name"] = json!(name);
    metadata["labels"]["apps.kubernetes.io/pod-index"] = json!(index.to_string());
    pod["spec"]["hostname"] = json!(name);
    pod["spec"]["subdomain"] = set["spec"]["serviceName"].clone();
    let mut volumes = pod["spec"]["volumes"].as_array().cloned().unwrap_or_default();
    for claim in templates(set) {
        let claim = claim["metadata"]["name"].as_str().unwrap_or_default();
        volumes.retain(|volume| volume["name"] != claim);
        volumes
            .push(json!({"name": claim, "persistentVolumeClaim": {"claimName": format!("{claim}-{name}")}}));
    }
    pod["spec"]["volumes"] = json!(volumes);
    pod
}

fn templates(set: &Value) -> impl Iterator<Item = &Value> {
    set["spec"]["volumeClaimTemplates"].as_array().into_iter().flatten()
}

fn claims(context: &mut Context<'_>, key: &Key, set: &Value, pod: &Key) {
    for template in templates(set) {
        let name = format!("{}-{}", template["metadata"]["name"].as_str().unwrap_or_default(), pod.name);
        let at = Key { namespace: key.namespace.clone(), name: name.as_str().into() };
        if context.get("persistentvolumeclaims", &at).is_some() {
            continue;
        }
        let labels = set["spec"]["selector"]["matchLabels"].clone();
        let claim = json!({"metadata": {"name": name, "labels": labels}, "spec": template["spec"]});
        context.create("persistentvolumeclaims", &key.namespace, claim);
    }
}

/// The name of the present template among the controller's revisions, made where it is new.
pub(super) fn revision(
    context: &mut Context<'_>,
    key: &Key,
    object: &Object,
    set: &Value,
    place: &str,
) -> String {
    const REVISIONS: &str = "controllerrevisions.apps";
    let mut template = set["spec"]["template"].clone();
    template["$patch"] = json!("replace");
    let data = json!({"spec": {"template": template}});
    let mut latest = 0;
    let prefix = if place == SETS { format!("{}-", key.name) } else { String::new() };
    for known in context.index.owned_by(object.uid, REVISIONS) {
        let Some((_, value)) = context.get(REVISIONS, &known) else { continue };
        if value["data"] == data {
            let hash = value["metadata"]["labels"][HASH].as_str().unwrap_or_default();
            return format!("{prefix}{hash}");
        }
        latest = latest.max(value["revision"].as_i64().unwrap_or(0));
    }
    let hash = hash_of(&format!("{}{data}", object.uid));
    let mut labels = set["spec"]["template"]["metadata"]["labels"].clone();
    labels[HASH] = json!(hash);
    let kind = if place == SETS { "StatefulSet" } else { "DaemonSet" };
    let value = json!({
        "metadata": {"name": format!("{}-{hash}", key.name), "labels": labels, "ownerReferences": owner_of("apps/v1", kind, &key.name, object.uid)},
        "revision": latest + 1, "data": data,
    });
    context.create(REVISIONS, &key.namespace, value);
    format!("{prefix}{hash}")
}

fn status(context: &mut Context<'_>, key: &Key, object: &Object, set: &Value, revision: &str) {
    let pods = context.index.pods_of(object.uid);
    let live = pods.iter().filter(|(_, pod)| !pod.deleting);
    let (count, ready) = (live.clone().count(), live.clone().filter(|(_, pod)| pod.ready).count());
    let updated = live.filter(|(_, pod)| pod.labels.get(HASH).is_some_and(|hash| hash == revision)).count();
    let before = &set["status"];
    let done = updated == count && ready == count;
    let current = if done {
        json!(revision)
    } else {
        before.get("currentRevision").cloned().unwrap_or(json!(revision))
    };
    let mut status = json!({
        "observedGeneration": set["metadata"]["generation"], "replicas": count, "availableReplicas": ready, "currentRevision": current,
        "updateRevision": revision, "collisionCount": 0,
    });
    let of_current = if current == *revision { updated } else { count - updated };
    for (name, count) in
        [("readyReplicas", ready), ("currentReplicas", of_current), ("updatedReplicas", updated)]
    {
        if count > 0 {
            status[name] = json!(count);
        }
    }
    context.status(SETS, key, set, status);
}
