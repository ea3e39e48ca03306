//! What goes with an object that goes: its dependents, and the finalizers that this cluster's own controllers keep.

use std::sync::Arc;

use serde_json::{Value, json};

use super::context::{Context, is_deleting};
use super::kinds;
use super::task::Task;
use crate::cluster::{DeleteOptions, Patch, WriteOptions};
use crate::object::{Key, Uid};

/// After the owner has gone.
pub(super) fn collect(context: &mut Context<'_>, owner: Uid) {
    for (place, key) in context.index.owned.get(&owner).cloned().unwrap_or_default() {
        let Some(resource) = kinds::of(context.cluster, &place) else { continue };
        if let Err(error) =
            context.cluster.delete(&resource, &key.namespace, &key.name, &DeleteOptions::default())
        {
            tracing::debug!(%error, "a dependent is gone already");
        }
    }
}

/// An object that was deleted and still has finalizers.
pub(super) fn finalize(context: &mut Context<'_>, place: &Arc<str>, key: &Key) {
    if &**place == "namespaces" {
        return context.soon(Task::Namespace(key.clone()));
    }
    let Some(resource) = kinds::of(context.cluster, place) else { return };
    let Ok(object) = context.cluster.get(&resource, &key.namespace, &key.name) else { return };
    let value = object.value();
    let finalizers = value["metadata"]["finalizers"].as_array().cloned().unwrap_or_default();
    if !is_deleting(&value) || finalizers.is_empty() {
        return;
    }
    let mut kept = Vec::new();
    for finalizer in &finalizers {
        let done = match finalizer.as_str().unwrap_or_default() {
            "foregroundDeletion" => {
                collect(context, object.uid);
                // Their own events come first, and the last one brings this task back.
                !context.index.owned.contains_key(&object.uid)
            }
            "orphan" => orphan(context, object.uid),
            "kubernetes.io/pvc-protection" => !is_used(context, key),
            // The controllers that keep these have done their part.
            "kubernetes.io/pv-protection"
            | "external-provisioner.volume.kubernetes.io/finalizer"
            | "resources-finalizer.argocd.argoproj.io" => true,
            _ => false,
        };
        if !done {
            kept.push(finalizer.clone());
        }
    }
    if kept.len() < finalizers.len() {
        let patch = Patch::Merge(json!({"metadata": {"finalizers": kept}}));
        let written =
            context.cluster.patch(&resource, &key.namespace, &key.name, &patch, &WriteOptions::default());
        if let Err(error) = written {
            tracing::debug!(%error, "finalizers could not be taken away");
        }
    } else if finalizers.iter().any(|finalizer| finalizer == "kubernetes.io/pvc-protection") {
        context.later(1_000, Task::Finalize(Arc::clone(place), key.clone()));
    }
}

/// Dependents stay, and lose the reference.
fn orphan(context: &mut Context<'_>, owner: Uid) -> bool {
    let text = owner.to_string();
    for (place, key) in context.index.owned.get(&owner).cloned().unwrap_or_default() {
        let Some(resource) = kinds::of(context.cluster, &place) else { continue };
        let Ok(object) = context.cluster.get(&resource, &key.namespace, &key.name) else { continue };
        let mut owners =
            object.value()["metadata"]["ownerReferences"].as_array().cloned().unwrap_or_default();
        owners.retain(|owner| owner["uid"] != text.as_str());
        let owners = if owners.is_empty() { Value::Null } else { json!(owners) };
        let patch = Patch::Merge(json!({"metadata": {"ownerReferences": owners}}));
        if context
            .cluster
            .patch(&resource, &key.namespace, &key.name, &patch, &WriteOptions::default())
            .is_err()
        {
            return false;
        }
    }
    true
}

fn is_used(context: &Context<'_>, claim: &Key) -> bool {
    let keys: Vec<Key> = context
        .index
        .pods_in(&claim.namespace)
        .filter(|(_, pod)| !pod.done)
        .map(|(key, _)| key.clone())
        .collect();
    keys.iter().filter_map(|key| context.get("pods", key)).any(|(_, pod)| {
        let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
        volumes.into_iter().any(|volume| volume["persistentVolumeClaim"]["claimName"] == *claim.name)
    })
}
