//! Custom resource definitions become resources at once, as the object itself then says in its status.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Cluster, State};
use crate::clock::rfc3339;
use crate::object::Object;
use crate::resources::{Resource, Shape, Subresource, storage};
use crate::schema::Custom;
use crate::store::EventKind;

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(text).collect()
}

/// After a definition was written: serves its versions, and writes the status that says so.
pub(super) fn follow(cluster: &Cluster, state: &mut State, resource: &Resource, object: &Arc<Object>) {
    if &*resource.storage != DEFINITIONS {
        return;
    }
    let mut value = object.value();
    remove(state, &value);
    for version in served(&value["spec"]) {
        let path = (version.group.clone(), version.version.clone(), version.plural.clone());
        state.customs.insert(path, Arc::new(version));
    }
    if value["status"]["conditions"].as_array().is_some_and(|conditions| !conditions.is_empty()) {
        return;
    }
    let now = rfc3339(cluster.0.clock.now().as_second());
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message});
    let stored: Vec<Value> = value["spec"]["versions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|version| version["storage"] == true)
        .map(|version| version["name"].clone())
        .collect();
    value["status"] = json!({
        "acceptedNames": value["spec"]["names"],
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "storedVersions": stored,
    });
    let written = Object {
        key: object.key.clone(),
        revision: 0,
        created: object.created,
        uid: object.uid,
        body: Object::own(value),
    };
    state.commit(&resource.storage, EventKind::Modified, written);
}

/// After a definition has gone: its resources go, with their objects.
pub(super) fn forget(state: &mut State, resource: &Resource, object: &Arc<Object>) {
    if &*resource.storage != DEFINITIONS {
        return;
    }
    let value = object.value();
    remove(state, &value);
    let place = storage(&text(&value["spec"]["group"]), &text(&value["spec"]["names"]["plural"]));
    let objects: Vec<Arc<Object>> = state.store(&place).objects.values().cloned().collect();
    for object in objects {
        state.commit(&place, EventKind::Deleted, object.at_revision(0));
    }
}

pub(crate) fn is_definition(resource: &Resource) -> bool {
    &*resource.storage == DEFINITIONS
}

/// A deleted definition as the answer shows it: waiting for its objects to go, which here they did at once.
pub(crate) fn leaving(cluster: &Cluster, object: &Object) -> Object {
    let now = rfc3339(cluster.0.clock.now().as_second());
    let mut value = object.value();
    value["metadata"]["deletionTimestamp"] = json!(now);
    value["metadata"]["finalizers"] = json!(["customresourcecleanup.apiextensions.k8s.io"]);
    if let Some(conditions) = value["status"]["conditions"].as_array_mut() {
        conditions.push(json!({
            "type": "Terminating", "status": "True", "lastTransitionTime": now, "reason": "InstanceDeletionPending",
            "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
        }));
    }
    object.with_body(Object::own(value))
}

fn remove(state: &mut State, definition: &Value) {
    let (group, plural) = (&definition["spec"]["group"], &definition["spec"]["names"]["plural"]);
    state.customs.retain(|(g, _, p), _| group != g || plural != p);
}

fn served(spec: &Value) -> Vec<Resource> {
    let group = text(&spec["group"]);
    let names = &spec["names"];
    let (kind, plural) = (text(&names["kind"]), text(&names["plural"]));
    let namespaced = spec["scope"] == "Namespaced";
    let versions =
        spec["versions"].as_array().into_iter().flatten().filter(|version| version["served"] == true);
    versions
        .map(|version| {
            let custom = Custom::new(version);
            let mut subresources = Vec::new();
            if custom.has_status {
                subresources.push(json!({"name": format!("{plural}/status"), "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "patch", "update"]}));
            }
            if custom.scale.is_some() {
                subresources.push(json!({"name": format!("{plural}/scale"), "singularName": "", "namespaced": namespaced, "group": "autoscaling", "version": "v1", "kind": "Scale", "verbs": ["get", "patch", "update"]}));
            }
            let name_of = |entry: &Value| text(&entry["name"]).rsplit('/').next().unwrap_or_default().to_owned();
            Resource {
                group: group.clone(),
                version: text(&version["name"]),
                list_kind: names["listKind"].as_str().map_or_else(|| format!("{kind}List"), str::to_owned),
                kind: kind.clone(),
                singular: names["singular"].as_str().map_or_else(|| kind.to_lowercase(), str::to_owned),
                namespaced,
                verbs: ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"].map(str::to_owned).to_vec(),
                short_names: strings(&names["shortNames"]),
                categories: strings(&names["categories"]),
                subresources: subresources.into_iter().map(|entry| Subresource { name: name_of(&entry), entry }).collect(),
                storage_version_hash: String::new(),
                storage: storage(&group, &plural),
                schema: Shape::Custom(Arc::new(custom)),
                plural: plural.clone(),
            }
        })
        .collect()
}
