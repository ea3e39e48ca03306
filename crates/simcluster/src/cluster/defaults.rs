//! What the server fills in where a client leaves a field out.

use serde_json::{Value, json};

use crate::resources::Resource;

/// Sets a field that isn't there.
fn default(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.entry(key).or_insert(value);
    }
}

pub(super) fn on_create(resource: &Resource, value: &mut Value, seed: u64) {
    let _ = seed;
    match &*resource.storage {
        "namespaces" => {
            let name = value["metadata"]["name"].clone();
            value["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
            value["spec"]["finalizers"] = json!(["kubernetes"]);
            value["status"] = json!({"phase": "Active"});
        }
        "secrets" => default(value, "type", json!("Opaque")),
        _ => {}
    }
}

pub(super) fn on_update(resource: &Resource, old: &Value, value: &mut Value) {
    let _ = old;
    match &*resource.storage {
        "namespaces" => {
            let name = value["metadata"]["name"].clone();
            value["metadata"]["labels"]["kubernetes.io/metadata.name"] = name;
        }
        "secrets" => default(value, "type", json!("Opaque")),
        _ => {}
    }
}
