//! Daemon sets: one pod on every node.

use std::sync::Arc;

use serde_json::{Value, json};

use super::pods::{self, Owner, Room, Set};
use super::site::{At, DAY, Site, safe, text};
use super::space::plain;
use super::workload::number;
use crate::cluster::settled;
use crate::controllers::pod_status::Stage;
use crate::object::{Slot, intern};
use crate::resources::Resource;

const DAEMONS: &[(&str, &str, &str, &str)] = &[
    ("kube-system", "kube-proxy", "registry.k8s.io/kube-proxy", "v1.36.3"),
    ("kube-system", "cilium", "quay.io/cilium/cilium", "v1.18.0"),
    ("monitoring", "node-exporter", "quay.io/prometheus/node-exporter", "v1.9.1"),
];

pub(super) fn add(site: &mut Site<'_>) {
    for (namespace, name, image, tag) in DAEMONS {
        daemon_set(site, namespace, name, image, tag);
    }
}

fn template(namespace: &str, name: &str, image: &str) -> Value {
    let mut spec = json!({
        "serviceAccountName": name, "hostNetwork": true,
        "containers": [{
            "name": name, "image": format!("{image}:${{tag}}"),
            "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
            "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
            "volumeMounts": [{"name": "proc", "mountPath": "/host/proc", "readOnly": true}],
        }],
        "volumes": [{"name": "proc", "hostPath": {"path": "/proc"}}],
        "tolerations": [{"operator": "Exists"}],
    });
    if namespace == "kube-system" {
        spec["priorityClassName"] = json!("system-node-critical");
    }
    json!({"metadata": {"labels": {"k8s-app": name}}, "spec": spec})
}

fn daemon_set(site: &mut Site<'_>, namespace: &str, name: &str, image: &str, tag: &str) {
    plain(site, "v1/serviceaccounts", namespace, name, &[], || json!({"metadata": {}}));
    let template = template(namespace, name, image);
    let owner = Owner { api_version: "apps/v1", kind: "DaemonSet", name: intern(name), uid: site.uid() };
    let hash = safe(&format!("{name}/{tag}"), 10);
    let form = format!("{namespace}/{name}");
    let set = Set {
        form: &form,
        namespace,
        owner: &owner,
        template: &template,
        tag,
        needs: (50, 64),
        labels: json!({"controller-revision-hash": "${hash}", "pod-template-generation": "1"}),
        slots: vec![("hash", text(&hash))],
        seed: &form,
        priority: (namespace == "kube-system").then_some(("system-node-critical", 2_000_001_000)),
    };
    let mut ready = 0;
    for machine in 0..site.machines.len() {
        let pod = pods::name(site, name);
        let made = pods::add(
            site,
            &daemon_pod(&set),
            pod,
            &Room::Machine(machine),
            &Stage::Running { ready: true },
            (DAY, 2 * DAY),
        );
        ready += usize::from(made.ready);
    }
    let count = site.machines.len();
    let slots = [
        ("tag", text(tag)),
        ("count", number(count)),
        ("ready", number(ready)),
        ("missing", number(count - ready)),
    ];
    let created = site.ago(200 * DAY, 300 * DAY);
    let at = At { namespace, name: Arc::clone(&owner.name), created, uid: owner.uid };
    site.add("apps/v1/daemonsets", &format!("{form}/{}", ready == count), at, &slots, || {
        let mut status = json!({
            "currentNumberScheduled": "${#count}", "desiredNumberScheduled": "${#count}", "numberAvailable": "${#ready}", "numberMisscheduled": 0,
            "numberReady": "${#ready}", "observedGeneration": 1, "updatedNumberScheduled": "${#count}",
        });
        if ready < count {
            status["numberUnavailable"] = json!("${#missing}");
        }
        json!({
            "metadata": {"labels": {"k8s-app": name}, "annotations": {"deprecated.daemonset.template.generation": "1"}},
            "spec": {"selector": {"matchLabels": {"k8s-app": name}}, "template": template, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}},
            "status": status,
        })
    });
    revision(site, namespace, name, ("DaemonSet", &owner), &template, &hash, tag);
}

/// A daemon's pod is bound by a node affinity to its node, and tolerates what ails the node.
fn daemon_pod<'a>(set: &Set<'a>) -> Set<'a> {
    Set { labels: set.labels.clone(), slots: set.slots.clone(), ..*set }
}

/// The template as a set's controller remembers it.
pub(super) fn revision(
    site: &mut Site<'_>,
    namespace: &str,
    name: &str,
    (kind, owner): (&str, &Owner),
    template: &Value,
    hash: &str,
    tag: &str,
) {
    let slots = [("owner", Slot::Uid(owner.uid)), ("hash", text(hash)), ("tag", text(tag))];
    let created = site.ago(100 * DAY, 200 * DAY);
    let at = At { namespace, name: intern(&format!("{name}-{hash}")), created, uid: site.uid() };
    site.add("apps/v1/controllerrevisions", &format!("{namespace}/{name}"), at, &slots, || {
        let mut labels = template["metadata"]["labels"].clone();
        labels["controller-revision-hash"] = json!("${hash}");
        let mut data = as_stored(kind, template);
        data["$patch"] = json!("replace");
        json!({
            "metadata": {
                "labels": labels,
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "${owner}", "controller": true, "blockOwnerDeletion": true}],
            },
            "revision": 1, "data": {"spec": {"template": data}},
        })
    });
}

/// A template as it stands in the set, with the server's defaults.
fn as_stored(kind: &str, template: &Value) -> Value {
    let selector = json!({"matchLabels": template["metadata"]["labels"]});
    let mut set = json!({"metadata": {"name": "set"}, "spec": {"selector": selector, "template": template}});
    let plural = if kind == "DaemonSet" { "daemonsets" } else { "statefulsets" };
    if kind == "StatefulSet" {
        set["spec"]["serviceName"] = json!("set");
    }
    let stored = Resource::built_in("apps", "v1", plural).and_then(|resource| settled(&resource, set).ok());
    stored.map_or_else(|| template.clone(), |mut set| set["spec"]["template"].take())
}
