//! Daemon sets: a pod on each node that takes it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::context::{Context, Subject, is_deleting, owner_of};
use super::index::{labels, selects};
use super::kinds::kind;
use super::replica_set::from_template;
use super::scheduler::tolerates;
use super::stateful_set::revision;
use crate::cluster::{DeleteOptions, ListOptions};
use crate::object::Key;

const SETS: &str = "daemonsets.apps";
const HASH: &str = "controller-revision-hash";

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, set)) = context.get(SETS, key) else { return };
    if is_deleting(&set) {
        return;
    }
    let revision = revision(context, key, &object, &set, SETS);
    let Ok(nodes) = context.cluster.list(kind("nodes"), &ListOptions::default()) else { return };
    let template = &set["spec"]["template"];
    let wanted_labels = labels(&template["spec"]["nodeSelector"]);
    let pods = context.index.pods_of(object.uid);
    let mut by_node: BTreeMap<Arc<str>, Vec<_>> = BTreeMap::new();
    for (name, pod) in pods.iter().filter(|(_, pod)| !pod.deleting) {
        by_node.entry(Arc::clone(&pod.node)).or_default().push((name.clone(), pod.clone()));
    }
    let about = Subject::new("apps/v1", "DaemonSet", key, object.uid);
    // What the controller adds to each pod: a daemon stays on a node that ails.
    let mut daemon = json!({"spec": template["spec"]});
    let mut tolerations = template["spec"]["tolerations"].as_array().cloned().unwrap_or_default();
    for (name, effect) in [
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    ] {
        tolerations.push(
            json!({"key": format!("node.kubernetes.io/{name}"), "operator": "Exists", "effect": effect}),
        );
    }
    daemon["spec"]["tolerations"] = json!(tolerations);
    let (mut desired, mut scheduled, mut ready, mut updated) = (0_usize, 0_usize, 0_usize, 0_usize);
    let mut stale = Vec::new();
    for node in &nodes.items {
        let value = node.value();
        let own = labels(&value["metadata"]["labels"]);
        let fits = (wanted_labels.is_empty() || selects(&wanted_labels, &own))
            && tolerates(&daemon, &value["spec"]["taints"]);
        let here = by_node.remove(&node.key.name).unwrap_or_default();
        if !fits {
            continue;
        }
        desired += 1;
        let going = pods.iter().any(|(_, pod)| pod.deleting && pod.node == node.key.name);
        match here.first() {
            Some((name, pod)) => {
                scheduled += 1;
                ready += usize::from(pod.ready);
                let fresh = pod.labels.get(HASH).is_some_and(|hash| *hash == revision);
                updated += usize::from(fresh);
                if !fresh {
                    stale.push((name.clone(), pod.ready));
                }
            }
            None if !going => {
                let mut pod = from_template(
                    context,
                    template,
                    &format!("{}-", key.name),
                    owner_of("apps/v1", "DaemonSet", &key.name, object.uid),
                );
                pod["metadata"]["labels"][HASH] = json!(revision);
                pod["metadata"]["labels"]["pod-template-generation"] =
                    json!(set["metadata"]["generation"].to_string());
                pod["spec"]["tolerations"] = json!(tolerations);
                pod["spec"]["nodeName"] = json!(&*node.key.name);
                if context.create_pod(&about, pod, "daemonset-controller").is_some() {
                    scheduled += 1;
                    updated += 1;
                }
            }
            None => {}
        }
    }
    // Pods on nodes that have gone.
    for (name, _) in by_node.into_values().flatten() {
        context.delete("pods", &name, &DeleteOptions { grace: Some(0), ..DeleteOptions::default() });
    }
    // One old pod at a time.
    if desired == scheduled && set["spec"]["updateStrategy"]["type"] == "RollingUpdate" {
        let broken = stale.iter().find(|(_, ready)| !ready);
        let next = broken.or(stale.first().filter(|_| ready >= desired));
        if let Some((name, _)) = next {
            context.delete("pods", name, &DeleteOptions::default());
        }
    }
    let mut status = json!({
        "currentNumberScheduled": scheduled, "desiredNumberScheduled": desired, "numberMisscheduled": 0, "numberReady": ready,
        "observedGeneration": set["metadata"]["generation"],
    });
    for (name, count) in [
        ("numberAvailable", ready),
        ("numberUnavailable", desired - ready.min(desired)),
        ("updatedNumberScheduled", updated),
    ] {
        if count > 0 {
            status[name] = json!(count);
        }
    }
    context.status(SETS, key, &set, status);
}
