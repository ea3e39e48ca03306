//! Pods: what their controllers make of a template, and the status that the kubelets have written.

use std::sync::Arc;

use rand::RngExt;
use serde_json::{Value, json};

use super::nodes;
use super::site::{At, Site, hex, safe, text};
use crate::controllers::pod_status::{self, Facts, Stage};
use crate::object::{Slot, Uid};

/// Who owns a pod.
pub(super) struct Owner {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub name: Arc<str>,
    pub uid: Uid,
}

/// A set of equal pods.
pub(super) struct Set<'a> {
    /// Names the form: equal for equal templates.
    pub form: &'a str,
    pub namespace: &'a str,
    pub owner: &'a Owner,
    /// The template's `metadata` and `spec`, with the placeholder `${tag}` in images.
    pub template: &'a Value,
    pub tag: &'a str,
    /// Milli-CPUs and MiB of one pod.
    pub needs: (i64, i64),
    /// Further labels, with their slots.
    pub labels: Value,
    pub slots: Vec<(&'static str, Slot)>,
    /// Names the service account's volume and digests.
    pub seed: &'a str,
    /// The value of its priority class.
    pub priority: Option<(&'static str, i64)>,
}

/// A pod that was made, for endpoints.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub name: Arc<str>,
    pub uid: Uid,
    pub address: Arc<str>,
    pub machine: Option<usize>,
    pub ready: bool,
}

/// Where a pod runs.
pub(super) enum Room {
    /// Wherever there is room.
    Any,
    Pool(&'static str),
    Machine(usize),
    /// Nowhere.
    None,
}

/// Makes one pod. `ages` are seconds between which it was made.
pub(super) fn add(
    site: &mut Site<'_>,
    set: &Set<'_>,
    name: Arc<str>,
    room: &Room,
    stage: &Stage,
    ages: (i64, i64),
) -> Made {
    let (cpu, memory) = set.needs;
    let machine = match room {
        Room::Any => nodes::place(site, cpu, memory, None),
        Room::Pool(pool) => nodes::place(site, cpu, memory, Some(pool)),
        Room::Machine(machine) => {
            nodes::take(site, *machine, cpu, memory);
            Some(*machine)
        }
        Room::None => None,
    };
    let stage = match (machine, stage) {
        (None, Stage::Unschedulable { .. }) => stage.clone(),
        (None, _) => {
            let message = format!("0/{} nodes are available: insufficient cpu.", site.machines.len());
            Stage::Unschedulable { message }
        }
        (Some(machine), Stage::Running { ready: true }) if site.machines[machine].lost => {
            Stage::Running { ready: false }
        }
        _ => stage.clone(),
    };
    let created = site.ago(ages.0, ages.1);
    let host = set.template["spec"]["hostNetwork"] == true;
    let address = match machine {
        Some(machine) if host => Arc::clone(&site.machines[machine].address),
        _ => site.pod_address(),
    };
    let made = Made {
        name: Arc::clone(&name),
        uid: site.uid(),
        address: Arc::clone(&address),
        machine,
        ready: stage == Stage::Running { ready: true },
    };
    let mut slots = set.slots.clone();
    let restarts = match &stage {
        Stage::BackingOff { .. } => site.rng.random_range(8..60),
        Stage::Running { .. } => i64::from(site.rng.random_range(0..40) == 0),
        _ => 0,
    };
    let crashed = restarts > 0;
    let now = site.now;
    // A crash loop has waited some of its five minutes.
    let (started, finished, changed) = match &stage {
        Stage::BackingOff { .. } => {
            let finished = now - site.rng.random_range(20..240);
            (finished - 6, finished, finished)
        }
        Stage::Done { .. } => {
            let finished = (created + site.rng.random_range(20..200)).min(now - 1);
            (created + 3, finished, finished)
        }
        _ if crashed => {
            ((created + 90).min(now - 20), (created + 88).min(now - 22), (created + 99).min(now - 10))
        }
        _ => (created + 4, created + 4, (created + 12).min(now)),
    };
    let id = site.hex(64);
    slots.extend([
        ("tag", text(set.tag)),
        ("digest", text(&hex(&format!("{}:{}", set.seed, set.tag), 64))),
        ("owner", Slot::Text(Arc::clone(&set.owner.name))),
        ("owneruid", Slot::Uid(set.owner.uid)),
        ("podip", Slot::Text(address)),
        ("cid", Slot::Text(id.into())),
        ("started", Slot::Time(started)),
        ("finished", Slot::Time(finished)),
        ("changed", Slot::Time(changed)),
        ("restarts", Slot::Number(restarts)),
    ]);
    if let Some(machine) = machine {
        slots.extend(nodes::slots(&site.machines[machine]));
        slots.extend([
            ("zone", Slot::Text(Arc::clone(&site.machines[machine].zone))),
            ("region", text(site.place.region)),
        ]);
    }
    let form = format!("{}/{stage:?}/{crashed}/{}", set.form, machine.is_some());
    let at = At { namespace: set.namespace, name, created, uid: made.uid };
    site.add("v1/pods", &form, at, &slots, || body(set, &stage, machine.is_some(), crashed));
    made
}

fn body(set: &Set<'_>, stage: &Stage, bound: bool, crashed: bool) -> Value {
    let mut pod = json!({"metadata": set.template["metadata"], "spec": set.template["spec"]});
    for (key, value) in set.labels.as_object().into_iter().flatten() {
        pod["metadata"]["labels"][key] = value.clone();
    }
    let owner = set.owner;
    pod["metadata"]["ownerReferences"] = json!([{
        "apiVersion": owner.api_version, "kind": owner.kind, "name": "${owner}", "uid": "${owneruid}", "controller": true,
        "blockOwnerDeletion": true,
    }]);
    if matches!(owner.kind, "ReplicaSet" | "DaemonSet" | "Job" | "StatefulSet") {
        pod["metadata"]["generateName"] = json!("${owner}-");
    }
    if let Some((class, value)) = set.priority {
        pod["spec"]["priorityClassName"] = json!(class);
        pod["spec"]["priority"] = json!(value);
        pod["spec"]["preemptionPolicy"] = json!("PreemptLowerPriority");
    }
    if bound {
        pod["spec"]["nodeName"] = json!("${node}");
        // The server puts the node's place on its pods.
        pod["metadata"]["labels"]["topology.kubernetes.io/region"] = json!("${region}");
        pod["metadata"]["labels"]["topology.kubernetes.io/zone"] = json!("${zone}");
    }
    admit(&mut pod["spec"], set.seed);
    let restarts =
        if crashed || matches!(stage, Stage::BackingOff { .. }) { json!("${#restarts}") } else { json!(0) };
    let ended = |code: i64| Some((code, "${started}".to_owned(), "${finished}".to_owned()));
    let facts = Facts {
        created: "${created}".to_owned(),
        started: "${started}".to_owned(),
        changed: "${changed}".to_owned(),
        host_ip: "${hostip}".to_owned(),
        pod_ip: "${podip}".to_owned(),
        container_id: "containerd://${cid}".to_owned(),
        digest: "${digest}".to_owned(),
        restarts,
        last: match stage {
            Stage::BackingOff { exit_code, .. } => ended(*exit_code),
            Stage::Running { .. } if crashed => ended(137),
            _ => None,
        },
    };
    let class = quality(&pod["spec"]);
    pod["status"] = pod_status::status(&pod["spec"], class, stage, &facts);
    pod
}

/// What the service account admission adds: the token's volume.
pub(crate) fn admit(spec: &mut Value, seed: &str) {
    let name = format!("kube-api-access-{}", safe(seed, 5));
    if spec.get("serviceAccountName").is_none() {
        spec["serviceAccountName"] = json!("default");
    }
    if spec["automountServiceAccountToken"] == false {
        return;
    }
    let volume = json!({"name": name, "projected": {"sources": [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]}});
    let mount =
        json!({"name": name, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true});
    let push = |list: &mut Value, item: Value| match list.as_array_mut() {
        Some(items) => items.push(item),
        None => *list = json!([item]),
    };
    push(&mut spec["volumes"], volume);
    for key in ["initContainers", "containers"] {
        for container in spec.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten() {
            push(&mut container["volumeMounts"], mount.clone());
        }
    }
}

fn quality(spec: &Value) -> &'static str {
    let empty = Vec::new();
    let all = spec["containers"].as_array().unwrap_or(&empty);
    let asks = |c: &Value| c["resources"]["requests"].is_object() || c["resources"]["limits"].is_object();
    let full = |c: &Value| {
        let (requests, limits) = (&c["resources"]["requests"], &c["resources"]["limits"]);
        ["cpu", "memory"].into_iter().all(|r| limits[r].is_string() && requests[r] == limits[r])
    };
    match () {
        () if !all.iter().any(asks) => "BestEffort",
        () if all.iter().all(full) => "Guaranteed",
        () => "Burstable",
    }
}

/// The name of a replica set's or daemon set's pod.
pub(super) fn name(site: &mut Site<'_>, owner: &str) -> Arc<str> {
    format!("{owner}-{}", site.suffix(5)).into()
}
