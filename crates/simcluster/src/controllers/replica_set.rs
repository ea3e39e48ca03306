//! Replica sets: as many pods as are wished for, and a count of them.

use serde_json::{Value, json};

use super::context::{Context, Subject, is_deleting, owner_of};
use super::index::Pod;
use crate::cluster::DeleteOptions;
use crate::object::Key;
use crate::world::admit;

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, set)) = context.get("replicasets.apps", key) else { return };
    if is_deleting(&set) {
        return;
    }
    let mut pods = context.index.pods_of(object.uid);
    pods.retain(|(_, pod)| !pod.deleting && !pod.done);
    let wanted = usize::try_from(set["spec"]["replicas"].as_i64().unwrap_or(1)).unwrap_or(0);
    let about = Subject::new("apps/v1", "ReplicaSet", key, object.uid);
    let mut made = 0;
    for _ in pods.len()..wanted {
        let pod = from_template(
            context,
            &set["spec"]["template"],
            &format!("{}-", key.name),
            owner_of("apps/v1", "ReplicaSet", &key.name, object.uid),
        );
        if context.create_pod(&about, pod, "replicaset-controller").is_none() {
            break;
        }
        made += 1;
    }
    if pods.len() > wanted {
        pods.sort_by_key(|(_, pod)| worth(pod));
        for (pod, _) in pods.drain(..pods.len() - wanted) {
            context.delete("pods", &pod, &DeleteOptions::default());
            context.say(
                &about,
                false,
                "SuccessfulDelete",
                &format!("Deleted pod: {}", pod.name),
                "replicaset-controller",
            );
        }
    }
    let ready = pods.iter().filter(|(_, pod)| pod.ready).count();
    let mut status =
        json!({"replicas": pods.len() + made, "observedGeneration": set["metadata"]["generation"]});
    for (name, count) in
        [("fullyLabeledReplicas", pods.len() + made), ("readyReplicas", ready), ("availableReplicas", ready)]
    {
        if count > 0 {
            status[name] = json!(count);
        }
    }
    context.status("replicasets.apps", key, &set, status);
}

/// What is worth less goes first: without a node, not ready, young.
fn worth(pod: &Pod) -> (bool, bool, i64) {
    (!pod.node.is_empty(), pod.ready, -pod.created)
}

/// A pod of a template, with what admission adds: the account's token, the priority of its class.
pub(super) fn from_template(context: &Context<'_>, template: &Value, prefix: &str, owners: Value) -> Value {
    let mut metadata = template["metadata"].clone();
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.remove("creationTimestamp");
    }
    metadata["generateName"] = json!(prefix);
    metadata["ownerReferences"] = owners;
    let mut spec = template["spec"].clone();
    admit(&mut spec, prefix);
    if let Some(class) = spec["priorityClassName"].as_str()
        && let Some((_, class)) = context.get("priorityclasses.scheduling.k8s.io", &Key::new("", class))
    {
        spec["priority"] = class["value"].clone();
        spec["preemptionPolicy"] = class["preemptionPolicy"].clone();
    }
    json!({"metadata": metadata, "spec": spec})
}
