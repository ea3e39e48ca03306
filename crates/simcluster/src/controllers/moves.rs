//! The moves of the churn, each as somebody or something would make it.

use std::sync::Arc;

use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::churn::pick;
use super::context::{Context, Subject};
use super::kinds;
use super::node;
use super::task::Task;
use crate::cluster::{DeleteOptions, ListOptions, Patch, WriteOptions};
use crate::object::{Key, Object};

/// What makes good again what a move broke.
pub(super) enum Repair {
    Image(Key, String),
    Node(Key),
}

type Made = Option<(i64, Repair)>;

/// The systems' own programs are left alone.
fn is_company(namespace: &str) -> bool {
    !matches!(
        namespace,
        "kube-system"
            | "kube-public"
            | "kube-node-lease"
            | "default"
            | "monitoring"
            | "logging"
            | "cert-manager"
            | "ingress-nginx"
            | "argocd"
    )
}

fn objects(context: &Context<'_>, place: &str) -> Vec<Arc<Object>> {
    let Some(resource) = kinds::of(context.cluster, place) else { return Vec::new() };
    context.cluster.list(&resource, &ListOptions::default()).map(|list| list.items).unwrap_or_default()
}

fn any(context: &Context<'_>, random: &mut StdRng, place: &str) -> Option<Key> {
    let keys: Vec<Key> = objects(context, place)
        .iter()
        .filter(|o| is_company(&o.key.namespace))
        .map(|o| o.key.clone())
        .collect();
    pick(random, &keys)
}

/// A deployment that is at rest.
fn deployment(context: &Context<'_>, random: &mut StdRng) -> Option<(Key, Value)> {
    let key = any(context, random, "deployments.apps")?;
    let (_, value) = context.get("deployments.apps", &key)?;
    let (wanted, status) = (&value["spec"]["replicas"], &value["status"]);
    let rests = status["updatedReplicas"] == *wanted
        && status["replicas"] == *wanted
        && status["availableReplicas"] == *wanted;
    rests.then_some((key, value))
}

/// The next version, sometimes one whose image isn't there.
pub(super) fn rollout(context: &mut Context<'_>, random: &mut StdRng, may_break: bool) -> Made {
    let (key, value) = deployment(context, random)?;
    let container = &value["spec"]["template"]["spec"]["containers"][0];
    let image = container["image"].as_str()?.to_owned();
    let (repository, tag) = image.rsplit_once(':')?;
    let (front, patch) = tag.rsplit_once('.')?;
    let next = (patch.parse::<u32>().ok()? + 1) % 40;
    let breaks = may_break && random.random_range(0..10) == 0;
    let end = if breaks { "-missing" } else { "" };
    let new = format!("{repository}:{front}.{next}{end}");
    set_image(context, &key, &image, &new);
    breaks.then(|| (random.random_range(45_000..120_000), Repair::Image(key, image)))
}

fn set_image(context: &mut Context<'_>, key: &Key, old: &str, new: &str) {
    let Some((_, value)) = context.get("deployments.apps", key) else { return };
    let spec = &value["spec"]["template"]["spec"];
    let mut patch = json!({});
    for list in ["containers", "initContainers"] {
        let Some(mut containers) = spec[list].as_array().cloned() else { continue };
        for container in containers.iter_mut().filter(|container| container["image"] == old) {
            container["image"] = json!(new);
        }
        patch[list] = json!(containers);
    }
    context.patch("deployments.apps", key, json!({"spec": {"template": {"spec": patch}}}));
}

/// One or two more or less, near four.
pub(super) fn scale(context: &mut Context<'_>, random: &mut StdRng) -> Made {
    let (key, value) = deployment(context, random)?;
    let now = value["spec"]["replicas"].as_i64()?;
    let step = if random.random_range(0..10) < now { -1 } else { 1 };
    let wanted = (now + step * random.random_range(1..=2)).clamp(1, 9);
    context.patch("deployments.apps", &key, json!({"spec": {"replicas": wanted}}));
    None
}

fn pod(context: &Context<'_>, random: &mut StdRng) -> Option<(Key, crate::object::Uid)> {
    let pods: Vec<(Key, crate::object::Uid)> = context
        .index
        .pods
        .iter()
        .filter(|(key, pod)| pod.ready && !pod.deleting && !pod.done && is_company(&key.namespace))
        .map(|(key, pod)| (key.clone(), pod.uid))
        .collect();
    if pods.is_empty() { None } else { pods.get(random.random_range(0..pods.len())).cloned() }
}

/// A pod crashes once or a few times, and recovers.
pub(super) fn crash(context: &mut Context<'_>, random: &mut StdRng) -> Made {
    let (key, uid) = pod(context, random)?;
    let times = if random.random_range(0..3) == 0 { random.random_range(2..5) } else { 1 };
    context.index.cursed.insert(uid, times);
    context.index.due.insert(uid, context.steady);
    context.soon(Task::Kubelet(key));
    None
}

pub(super) fn lose_pod(context: &mut Context<'_>, random: &mut StdRng) -> Made {
    let (key, _) = pod(context, random)?;
    context.delete("pods", &key, &DeleteOptions::default());
    None
}

/// One at a time in a cluster.
pub(super) fn lose_node(context: &mut Context<'_>, random: &mut StdRng) -> Made {
    if !context.index.lost.is_empty() {
        return None;
    }
    let keys: Vec<Key> = objects(context, "nodes").iter().map(|node| node.key.clone()).collect();
    let key = pick(random, &keys)?;
    node::set_lost(context, &key, true);
    Some((random.random_range(30_000..90_000), Repair::Node(key)))
}

/// Somebody starts a cron job by hand: `kubectl create job --from`.
pub(super) fn run_job(context: &mut Context<'_>, random: &mut StdRng) -> Made {
    let key = any(context, random, "cronjobs.batch")?;
    let (object, cron) = context.get("cronjobs.batch", &key)?;
    let template = &cron["spec"]["jobTemplate"];
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!(format!("{}-manual-{:05}", key.name, random.random_range(0..100_000)));
    metadata["annotations"]["cronjob.kubernetes.io/instantiate"] = json!("manual");
    metadata["ownerReferences"] = super::context::owner_of("batch/v1", "CronJob", &key.name, object.uid);
    context.create("jobs.batch", &key.namespace, json!({"metadata": metadata, "spec": template["spec"]}));
    None
}

/// The load of an application changes, and with it perhaps its size.
pub(super) fn load(context: &mut Context<'_>, random: &mut StdRng) -> Made {
    let place = "horizontalpodautoscalers.autoscaling";
    let key = any(context, random, place)?;
    let (_, scaler) = context.get(place, &key)?;
    let mut status = scaler["status"].clone();
    // Mostly within bounds.
    let load = if random.random_range(0..24) == 0 {
        random.random_range(20..95)
    } else {
        random.random_range(36..76)
    };
    // Without a target that exists, nothing is measured.
    let measured = status.pointer_mut("/currentMetrics/0/resource/current").and_then(Value::as_object_mut)?;
    measured.insert("averageUtilization".to_owned(), json!(load));
    context.status(place, &key, &scaler, status);
    None
}

pub(super) fn configure(context: &mut Context<'_>, random: &mut StdRng) -> Made {
    let key = any(context, random, "configmaps").filter(|key| &*key.name != "kube-root-ca.crt")?;
    let limit = random.random_range(10..100).to_string();
    context.patch("configmaps", &key, json!({"data": {"MAX_CONNECTIONS": limit}}));
    None
}

/// The company's operator notes something about a release.
pub(super) fn release(context: &mut Context<'_>, random: &mut StdRng) -> Made {
    let place = "releases.platform.acme.example";
    let key = any(context, random, place)?;
    let resource = kinds::of(context.cluster, place)?;
    let patch = Patch::Merge(
        json!({"status": {"deployedAt": super::kubelet::seconds(context.now - random.random_range(0..3_600_000))}}),
    );
    let written =
        context.cluster.patch(&resource, &key.namespace, &key.name, &patch, &WriteOptions::status());
    if let Err(error) = written {
        tracing::debug!(%error, "a release was not noted");
    }
    None
}

/// A kubelet posts its node's status, or says again what it said.
pub(super) fn heartbeat(context: &mut Context<'_>, random: &mut StdRng) -> Made {
    let nodes: Vec<Key> = objects(context, "nodes").iter().map(|node| node.key.clone()).collect();
    let key = pick(random, &nodes).filter(|key| !context.index.lost.contains(&key.name))?;
    let (object, node) = context.get("nodes", &key)?;
    if random.random_range(0..4) == 0 {
        let about = Subject::new("v1", "Node", &key, object.uid);
        context.say(
            &about,
            false,
            "ImageGCSucceeded",
            "Image garbage collection freed 1288490188 bytes",
            "kubelet",
        );
        return None;
    }
    let now = context.time();
    let mut status = node["status"].clone();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        condition["lastHeartbeatTime"] = json!(now);
    }
    context.status("nodes", &key, &node, status);
    None
}

pub(super) fn repair(context: &mut Context<'_>, repair: Repair) {
    match repair {
        Repair::Node(key) => node::set_lost(context, &key, false),
        Repair::Image(key, image) => {
            let Some((_, value)) = context.get("deployments.apps", &key) else { return };
            let broken = value["spec"]["template"]["spec"]["containers"][0]["image"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            set_image(context, &key, &broken, &image);
        }
    }
}
