//! Volume claims: a volume for each, made by the provisioner of its class.

use serde_json::json;

use super::context::{Context, is_deleting};
use super::kinds::kind;
use crate::cluster::{DeleteOptions, ListOptions};
use crate::object::Key;

const CLAIMS: &str = "persistentvolumeclaims";
const VOLUMES: &str = "persistentvolumes";
/// What has waited so long when it is first seen has a provisioner that fails.
const HOPELESS_MS: i64 = 60_000;

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, claim)) = context.get(CLAIMS, key) else { return release(context, key) };
    let age = context.now - object.created * 1000;
    if is_deleting(&claim) || claim["status"]["phase"] == "Bound" || age > HOPELESS_MS {
        return;
    }
    let volume = format!("pvc-{}", object.uid);
    let class = claim["spec"]["storageClassName"].as_str().unwrap_or("gp3").to_owned();
    let capacity = json!({"storage": claim["spec"]["resources"]["requests"]["storage"]});
    let at = Key::new("", volume.as_str());
    if context.get(VOLUMES, &at).is_none() {
        let reference = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": &*key.namespace, "name": &*key.name, "uid": object.uid.to_string()});
        let value = json!({
            "metadata": {"name": volume, "annotations": {"pv.kubernetes.io/provisioned-by": "ebs.csi.aws.com"}},
            "spec": {
                "accessModes": claim["spec"]["accessModes"], "capacity": capacity, "storageClassName": class, "claimRef": reference,
                "persistentVolumeReclaimPolicy": "Delete", "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": format!("vol-{}", object.uid)},
            },
        });
        context.create(VOLUMES, "", value);
    }
    if let Some((_, value)) = context.get(VOLUMES, &at) {
        let now = context.time();
        context.status(VOLUMES, &at, &value, json!({"phase": "Bound", "lastPhaseTransitionTime": now}));
    }
    let annotations =
        json!({"pv.kubernetes.io/bind-completed": "yes", "pv.kubernetes.io/bound-by-controller": "yes"});
    context.patch(
        CLAIMS,
        key,
        json!({"metadata": {"annotations": annotations}, "spec": {"volumeName": volume}}),
    );
    if let Some((_, bound)) = context.get(CLAIMS, key) {
        let status =
            json!({"phase": "Bound", "accessModes": claim["spec"]["accessModes"], "capacity": capacity});
        context.status(CLAIMS, key, &bound, status);
    }
}

/// The volume of a claim that has gone goes too.
fn release(context: &mut Context<'_>, key: &Key) {
    let Ok(list) = context.cluster.list(kind(VOLUMES), &ListOptions::default()) else { return };
    for volume in list.items {
        let of = &volume.value()["spec"]["claimRef"];
        if of["name"] == *key.name && of["namespace"] == *key.namespace {
            context.delete(VOLUMES, &volume.key, &DeleteOptions::default());
        }
    }
}
