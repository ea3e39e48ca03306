//! Namespaces: what each one gets, and how one ends.

use serde_json::json;

use super::context::{Context, is_deleting};
use super::kinds;
use super::task::Task;
use crate::cluster::{DeleteOptions, Deletion, Propagation};
use crate::object::Key;

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((_, namespace)) = context.get("namespaces", key) else { return };
    if !is_deleting(&namespace) {
        let name = &*key.name;
        let account = Key::new(name, "default");
        if context.get("serviceaccounts", &account).is_none() {
            context.create("serviceaccounts", name, json!({"metadata": {"name": "default"}}));
        }
        if context.get("configmaps", &Key::new(name, "kube-root-ca.crt")).is_none() {
            let certificate = "-----BEGIN CERTIFICATE-----\nMIIBdzCCAR2gAwIBAgIBADAKBggqhkjOPQQDAjAjMSEwHwYDVQQDDBhrM3Mtc2Vy\n-----END CERTIFICATE-----\n";
            context.create(
                "configmaps",
                name,
                json!({"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": certificate}}),
            );
        }
        return;
    }
    let mut left = 0;
    for resource in kinds::namespaced(context.cluster) {
        let Ok(list) = context.cluster.list(&resource, &kinds::within(&key.name)) else { continue };
        for object in list.items {
            left += 1;
            if !object.field("metadata.deletionTimestamp").is_empty() {
                continue;
            }
            let options =
                DeleteOptions { propagation: Some(Propagation::Background), ..DeleteOptions::default() };
            match context.cluster.delete(&resource, &object.key.namespace, &object.key.name, &options) {
                Ok(Deletion::Gone(_)) | Err(_) => left -= 1,
                Ok(Deletion::Marked(_)) => {}
            }
        }
    }
    if left > 0 {
        return context.later(500, Task::Namespace(key.clone()));
    }
    context.patch("namespaces", key, json!({"spec": {"finalizers": []}}));
}
