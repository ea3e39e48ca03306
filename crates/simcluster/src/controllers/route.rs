//! From what happened to who looks at it, and from a task to the function that does it.

use std::sync::Arc;

use super::context::Context;
use super::index::{Index, Pod};
use super::kinds;
use super::task::{Agenda, Task};
use super::{
    autoscaler, budget, claim, collector, cron_job, daemon_set, deployment, endpoints, job, kubelet,
    namespace, node, replica_set, scheduler, stateful_set,
};
use crate::cluster::{Cluster, ListOptions};
use crate::object::Key;
use crate::resources::Storage;
use crate::store::{Event, EventKind};

pub(super) fn run(context: &mut Context<'_>, task: Task) {
    match task {
        Task::Deployment(key) => deployment::reconcile(context, &key),
        Task::ReplicaSet(key) => replica_set::reconcile(context, &key),
        Task::StatefulSet(key) => stateful_set::reconcile(context, &key),
        Task::DaemonSet(key) => daemon_set::reconcile(context, &key),
        Task::Job(key) => job::reconcile(context, &key),
        Task::CronJob(key) => cron_job::reconcile(context, &key),
        Task::Schedule(key) => scheduler::reconcile(context, &key),
        Task::Kubelet(key) => kubelet::reconcile(context, &key),
        Task::Endpoints(key) => endpoints::reconcile(context, &key),
        Task::Budget(key) => budget::reconcile(context, &key),
        Task::Autoscaler(key) => autoscaler::reconcile(context, &key),
        Task::Claim(key) => claim::reconcile(context, &key),
        Task::Namespace(key) => namespace::reconcile(context, &key),
        Task::Node(key) => node::reconcile(context, &key),
        Task::Collect(uid) => collector::collect(context, uid),
        Task::Finalize(place, key) => collector::finalize(context, &place, &key),
        Task::Leases | Task::Churn => {}
    }
}

/// The controller of a kind.
fn own(place: &str, key: Key) -> Option<Task> {
    Some(match place {
        "deployments.apps" => Task::Deployment(key),
        "replicasets.apps" => Task::ReplicaSet(key),
        "statefulsets.apps" => Task::StatefulSet(key),
        "daemonsets.apps" => Task::DaemonSet(key),
        "jobs.batch" => Task::Job(key),
        "cronjobs.batch" => Task::CronJob(key),
        "services" => Task::Endpoints(key),
        "poddisruptionbudgets.policy" => Task::Budget(key),
        "horizontalpodautoscalers.autoscaling" => Task::Autoscaler(key),
        "persistentvolumeclaims" => Task::Claim(key),
        "namespaces" => Task::Namespace(key),
        "nodes" => Task::Node(key),
        _ => return None,
    })
}

/// Looks at everything once, when a cluster is woken.
pub(super) fn everything(cluster: &Cluster, member: usize, agenda: &mut Agenda) {
    let places: Vec<Storage> = cluster.lock().stores.keys().cloned().collect();
    for place in places {
        let Some(resource) = kinds::of(cluster, &place) else { continue };
        let wanted = &*place == "pods" || own(&place, Key::new("", "")).is_some();
        let Ok(list) = cluster.list(&resource, &ListOptions::default()) else { continue };
        for object in list.items.iter().filter(|_| wanted) {
            let key = object.key.clone();
            if &*place != "pods" {
                agenda.now(member, own(&place, key).unwrap_or(Task::Leases));
            } else if object.field("spec.nodeName").is_empty() {
                agenda.now(member, Task::Schedule(key));
            } else {
                agenda.now(member, Task::Kubelet(key));
            }
        }
    }
}

pub(super) fn event(
    index: &Index,
    place: &Storage,
    event: &Event,
    before: Option<&Pod>,
    member: usize,
    agenda: &mut Agenda,
) {
    let object = &event.object;
    let gone = event.kind == EventKind::Deleted;
    if gone && index.owned.contains_key(&object.uid) {
        agenda.now(member, Task::Collect(object.uid));
    }
    if !gone && !object.field("metadata.deletionTimestamp").is_empty() {
        agenda.now(member, Task::Finalize(Arc::clone(place), object.key.clone()));
    }
    match &**place {
        "pods" => pod(index, event, before, member, agenda),
        "events" | "endpoints" => return,
        "nodes" => {
            for key in waiting(index) {
                agenda.now(member, Task::Schedule(key));
            }
        }
        "persistentvolumeclaims" => {
            for key in waiting(index) {
                agenda.now(member, Task::Schedule(key));
            }
        }
        _ => {}
    }
    if gone || matches!(&**place, "replicasets.apps" | "jobs.batch") {
        parent(event, member, agenda);
    }
    if gone && &**place == "persistentvolumeclaims" {
        agenda.now(member, Task::Claim(object.key.clone()));
    }
    if let Some(task) = own(place, object.key.clone())
        && !gone
    {
        agenda.now(member, task);
    }
}

/// The owner of what changed, by its reference.
fn parent(event: &Event, member: usize, agenda: &mut Agenda) {
    let value = event.object.value();
    let owners = value["metadata"]["ownerReferences"].as_array().into_iter().flatten();
    for owner in owners {
        let text = |key: &str| owner[key].as_str().unwrap_or_default();
        let key = Key { namespace: Arc::clone(&event.object.key.namespace), name: text("name").into() };
        let Some(place) = kinds::place_of(text("apiVersion"), text("kind")) else { continue };
        if event.kind == EventKind::Deleted {
            // It may have been what a deletion in the foreground waited for.
            agenda.now(member, Task::Finalize(place.into(), key.clone()));
        }
        if let Some(task) = own(place, key) {
            agenda.now(member, task);
        }
    }
}

/// Pods without a node.
pub(super) fn waiting(index: &Index) -> Vec<Key> {
    index
        .pods
        .iter()
        .filter(|(_, pod)| pod.node.is_empty() && !pod.deleting)
        .map(|(key, _)| key.clone())
        .collect()
}

fn pod(index: &Index, event: &Event, before: Option<&Pod>, member: usize, agenda: &mut Agenda) {
    let key = &event.object.key;
    let gone = event.kind == EventKind::Deleted;
    let now = index.pods.get(key);
    if let Some((place, name)) = now.or(before).and_then(|pod| pod.owner.as_ref()) {
        let owner = Key { namespace: Arc::clone(&key.namespace), name: Arc::clone(name) };
        if let Some(task) = own(place, owner) {
            agenda.now(member, task);
        }
    }
    // What endpoints and budgets tell of a pod.
    let told = |pod: Option<&Pod>| {
        pod.map(|pod| (pod.ready, pod.deleting, Arc::clone(&pod.address), pod.labels.clone()))
    };
    if told(now) != told(before) {
        for pod in [before, now].into_iter().flatten() {
            for service in index.services_of(&key.namespace, &pod.labels) {
                agenda.now(member, Task::Endpoints(service));
            }
        }
        agenda.now(member, Task::Budget(Key { namespace: Arc::clone(&key.namespace), name: "".into() }));
    }
    if gone {
        for key in waiting(index) {
            agenda.now(member, Task::Schedule(key));
        }
        return;
    }
    match now {
        Some(pod) if pod.node.is_empty() && !pod.deleting => agenda.now(member, Task::Schedule(key.clone())),
        Some(_) => agenda.now(member, Task::Kubelet(key.clone())),
        None => {}
    }
}
