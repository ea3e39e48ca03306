//! Server-side apply, as kubectl and Helm use it: an applier's fields are merged in, those that it gave up go, and a field
//! of another applier with another value is a conflict unless forced.
//!
//! What plain updates set is noted in `managed.rs`, so a conflict with `kubectl edit` is seen as well.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::write::{incoming, text};
use super::{Cluster, Patch, WriteOptions, managed};
use crate::clock::rfc3339;
use crate::error::{ApiError, Cause};
use crate::object::{Key, Object};
use crate::resources::{Resource, Shape};
use crate::schema::Node;

/// A step into an object, as `fieldsV1` writes it: `f:name`, `k:{…}`, `v:…`.
pub(super) type Path = Vec<String>;

pub(super) fn node_of(resource: &Resource) -> Node {
    match &resource.schema {
        Shape::BuiltIn(id) => Node::Ref(*id),
        Shape::Custom(custom) => custom.node.clone(),
        Shape::Open => Node::Any,
    }
}

/// The leaves of a value. A list that is no map and no set is one leaf.
fn leaves(node: &Node, value: &Value, at: &Path, out: &mut BTreeSet<Path>) {
    match (node, value) {
        (Node::List(list), Value::Array(items)) if !list.keys.is_empty() => {
            for item in items {
                let mut path = at.clone();
                path.push(item_key(&list.keys, item));
                out.insert(path.iter().cloned().chain([".".to_owned()]).collect());
                leaves(&list.item, item, &path, out);
            }
        }
        (Node::List(list), Value::Array(items)) if list.set => {
            for item in items {
                out.insert(at.iter().cloned().chain([format!("v:{item}")]).collect());
            }
        }
        (node, Value::Object(map)) if !map.is_empty() && !node.as_struct().is_some_and(|s| s.atomic) => {
            for (key, item) in map {
                let mut path = at.clone();
                path.push(format!("f:{key}"));
                let inner = match node {
                    Node::Map(inner) => (**inner).clone(),
                    _ => {
                        node.as_struct().and_then(|s| s.fields.get(key)).map_or(Node::Any, |f| f.node.clone())
                    }
                };
                leaves(&inner, item, &path, out);
            }
        }
        _ => drop(out.insert(at.clone())),
    }
}

pub(super) fn item_key(keys: &[String], item: &Value) -> String {
    let mut map = Map::new();
    for key in keys {
        let default = if key == "protocol" { json!("TCP") } else { Value::Null };
        let value = item.get(key).cloned().unwrap_or(default);
        if !value.is_null() {
            map.insert(key.clone(), value);
        }
    }
    format!("k:{}", Value::Object(map))
}

/// The place of a step in a list, or the key of a map.
fn find<'a>(value: &'a mut Value, step: &str) -> Option<&'a mut Value> {
    if let Some(key) = step.strip_prefix("f:") {
        return value.get_mut(key);
    }
    let keys: Map<String, Value> = serde_json::from_str(step.strip_prefix("k:")?).ok()?;
    value.as_array_mut()?.iter_mut().find(|item| matches(item, &keys))
}

pub(super) fn matches(item: &Value, keys: &Map<String, Value>) -> bool {
    keys.iter().all(|(key, value)| {
        item.get(key) == Some(value) || key == "protocol" && value == "TCP" && item.get(key).is_none()
    })
}

pub(super) fn value_at(value: &Value, path: &Path) -> Option<Value> {
    let mut value = value.clone();
    for step in path {
        if let Some(wanted) = step.strip_prefix("v:") {
            let wanted: Value = serde_json::from_str(wanted).ok()?;
            return value.as_array()?.contains(&wanted).then_some(wanted);
        }
        if step == "." {
            return Some(json!("."));
        }
        value = find(&mut value, step)?.take();
    }
    Some(value)
}

fn remove(value: &mut Value, path: &[String]) {
    let Some((last, before)) = path.split_last() else { return };
    if last == "." {
        let Some((step, before)) = before.split_last() else { return };
        let mut at = value;
        for step in before {
            let Some(next) = find(at, step) else { return };
            at = next;
        }
        let Some(keys) = step.strip_prefix("k:").and_then(|k| serde_json::from_str(k).ok()) else { return };
        if let Some(list) = at.as_array_mut() {
            list.retain(|item| !matches(item, &keys));
        }
        return;
    }
    let mut at = value;
    for step in before {
        let Some(next) = find(at, step) else { return };
        at = next;
    }
    match last.split_once(':') {
        Some(("f", key)) => {
            if let Some(object) = at.as_object_mut() {
                object.remove(key);
            }
        }
        Some(("v", wanted)) => {
            if let Some(list) = at.as_array_mut() {
                let wanted: Option<Value> = serde_json::from_str(wanted).ok();
                list.retain(|item| Some(item) != wanted.as_ref());
            }
        }
        _ => {}
    }
}

/// Puts the applied values in: maps by key, lists by their keys, all else as a whole.
fn merge(node: &Node, current: &mut Value, applied: &Value) {
    match (node, applied) {
        (Node::List(list), Value::Array(items)) if !list.keys.is_empty() && current.is_array() => {
            for item in items {
                let step = item_key(&list.keys, item);
                match find(current, &step) {
                    Some(found) => merge(&list.item, found, item),
                    None => drop(current.as_array_mut().map(|all| all.push(item.clone()))),
                }
            }
        }
        (Node::List(list), Value::Array(items)) if list.set && current.is_array() => {
            let Some(all) = current.as_array_mut() else { return };
            for item in items {
                if !all.contains(item) {
                    all.push(item.clone());
                }
            }
        }
        (node, Value::Object(map)) if current.is_object() && !node.as_struct().is_some_and(|s| s.atomic) => {
            for (key, item) in map {
                let inner = match node {
                    Node::Map(inner) => (**inner).clone(),
                    _ => {
                        node.as_struct().and_then(|s| s.fields.get(key)).map_or(Node::Any, |f| f.node.clone())
                    }
                };
                match current.get_mut(key) {
                    Some(found) => merge(&inner, found, item),
                    None => current[key] = item.clone(),
                }
            }
        }
        _ => *current = applied.clone(),
    }
}

/// A container that is owned as such says `.` where something below it is owned as well.
pub(super) fn to_fields(paths: &BTreeSet<Path>) -> Value {
    fn at<'a>(fields: &'a mut Value, path: &[String]) -> &'a mut Value {
        path.iter().fold(fields, |at, step| {
            if !at[step].is_object() {
                at[step] = json!({});
            }
            &mut at[step]
        })
    }
    let own = |path: &Path| path.iter().filter(|step| *step != ".").cloned().collect::<Path>();
    let mut fields = json!({});
    for path in paths {
        at(&mut fields, &own(path));
    }
    for path in paths {
        let owned = at(&mut fields, &own(path));
        if owned.as_object().is_some_and(|below| !below.is_empty()) {
            owned["."] = json!({});
        }
    }
    fields
}

pub(super) fn from_fields(fields: &Value, at: &Path, out: &mut BTreeSet<Path>) {
    match fields.as_object() {
        Some(map) if !map.is_empty() => {
            for (step, inner) in map {
                let mut path = at.clone();
                path.push(step.clone());
                from_fields(inner, &path, out);
            }
        }
        _ => drop(out.insert(at.clone())),
    }
}

/// As messages name a field: `.spec.replicas`, `.spec.containers[name="c"].image`.
fn shown(path: &Path) -> String {
    path.iter().fold(String::new(), |text, step| match step.split_once(':') {
        Some(("f", key)) => format!("{text}.{key}"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let parts: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("{text}[{}]", parts.join(","))
        }
        Some((_, value)) => format!("{text}[={value}]"),
        None => text,
    })
}

pub(super) fn is_identity(path: &Path) -> bool {
    matches!(
        path.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
        ["f:metadata", "f:name" | "f:namespace" | "f:uid" | "f:resourceVersion" | "f:creationTimestamp", ..]
            | ["f:metadata"]
    )
}

/// As often as the real server tries a patch again that met another write.
const RETRIES: usize = 5;

impl Cluster {
    /// Applies a configuration; the flag says whether that created the object.
    ///
    /// # Errors
    /// As the server's: 400, 409 for fields of other appliers, 422.
    pub fn apply(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        applied: Value,
        options: &WriteOptions,
    ) -> Result<(Arc<Object>, bool), ApiError> {
        let revision = || self.lock().get(resource, &Key::new(namespace, name)).map(|object| object.revision);
        for _ in 0..RETRIES {
            let before = revision();
            match self.apply_once(resource, namespace, name, applied.clone(), options) {
                // Somebody else wrote meanwhile; who applies has not said that it must be as it was.
                Err(error) if error.code == 409 && revision() != before => {}
                outcome => return outcome,
            }
        }
        self.apply_once(resource, namespace, name, applied, options)
    }

    fn apply_once(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        mut applied: Value,
        options: &WriteOptions,
    ) -> Result<(Arc<Object>, bool), ApiError> {
        if options.manager.is_empty() {
            let cause = Cause::required("fieldManager", "is required for apply patch");
            return Err(ApiError::invalid("PatchOptions", "meta.k8s.io", "", &[cause]));
        }
        // Types are checked, and unknown fields refused, before anything is merged.
        incoming(resource, applied.clone(), true)?;
        if !applied.get("metadata").is_none_or(|metadata| metadata.is_object() || metadata.is_null()) {
            return Err(ApiError::bad_request("metadata is no object".to_owned()));
        }
        let given = text(&applied["metadata"], "name").to_owned();
        if given.is_empty() {
            applied["metadata"]["name"] = json!(name);
        } else if given != name {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({given}) does not match the name on the URL ({name})"
            )));
        }
        let node = node_of(resource);
        if let Some(object) = applied.as_object_mut() {
            object.remove("kind");
            object.remove("apiVersion");
            object.remove("status");
        }
        let mut mine = BTreeSet::new();
        leaves(&node, &applied, &Vec::new(), &mut mine);
        mine.retain(|path| !is_identity(path));
        let mut entry = json!({
            "manager": options.manager, "operation": "Apply", "apiVersion": resource.api_version(),
            "time": rfc3339(self.0.clock.now().as_second()), "fieldsType": "FieldsV1", "fieldsV1": to_fields(&mine),
        });
        // Noted here, not as a plain write.
        let options = &WriteOptions { note: false, ..options.clone() };
        let is_mine =
            |entry: &Value| entry["manager"] == options.manager.as_str() && entry["operation"] == "Apply";
        let current = self.lock().get(resource, &Key::new(namespace, name));
        let Some(current) = current else {
            applied["metadata"]["managedFields"] = json!([entry]);
            if resource.is_custom() {
                applied["kind"] = json!(resource.kind);
                applied["apiVersion"] = json!(resource.api_version());
            }
            return Ok((self.create(resource, namespace, applied, options)?, true));
        };
        let mut value = super::served(resource, &current);
        let mut entries = value["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
        let mut others = BTreeSet::new();
        let mut conflicts = Vec::new();
        for other in entries.iter_mut().filter(|entry| !is_mine(entry)) {
            let mut theirs = BTreeSet::new();
            from_fields(&other["fieldsV1"], &Vec::new(), &mut theirs);
            let taken: Vec<Path> = theirs
                .intersection(&mine)
                .filter(|path| value_at(&value, path) != value_at(&applied, path))
                .cloned()
                .collect();
            for path in taken {
                if options.force {
                    theirs.remove(&path);
                } else {
                    conflicts.push((who(other), shown(&path)));
                }
            }
            other["fieldsV1"] = to_fields(&theirs);
            others.extend(theirs);
        }
        if !conflicts.is_empty() {
            return Err(conflict(&conflicts));
        }
        let mut before = BTreeSet::new();
        for entry in entries.iter().filter(|entry| is_mine(entry)) {
            from_fields(&entry["fieldsV1"], &Vec::new(), &mut before);
        }
        merge(&node, &mut value, &applied);
        for path in before.difference(&mine).filter(|path| !others.contains(*path)) {
            remove(&mut value, path);
        }
        let unchanged = value == super::served(resource, &current);
        let same = before == mine && unchanged;
        if unchanged && let Some(entry) = entry.as_object_mut() {
            // As the real server: only what changes the object has a time.
            entry.remove("time");
        }
        if !same {
            entries.retain(|entry| !is_mine(entry) && entry["fieldsV1"] != json!({}));
            entries.push(entry);
            managed::sort(&mut entries);
            value["metadata"]["managedFields"] = json!(entries);
        }
        let patch = Patch::Whole(value);
        Ok((self.patch(resource, namespace, name, &patch, options)?, false))
    }
}

/// As a conflict names the other: appliers by their name, writers with the version they wrote in as well.
fn who(entry: &Value) -> String {
    let mut who = format!("\"{}\"", text(entry, "manager"));
    if !text(entry, "subresource").is_empty() {
        who.push_str(&format!(" with subresource \"{}\"", text(entry, "subresource")));
    }
    if entry["operation"] == "Update" {
        who.push_str(&format!(" using {}", text(entry, "apiVersion")));
    }
    who
}

fn conflict(conflicts: &[(String, String)]) -> ApiError {
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|(manager, field)| json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": field}))
        .collect();
    let message = match conflicts {
        [(manager, field)] => format!("Apply failed with 1 conflict: conflict with {manager}: {field}"),
        many => {
            let (manager, _) = &many[0];
            let fields: Vec<String> = many.iter().map(|(_, field)| format!("- {field}")).collect();
            format!(
                "Apply failed with {} conflicts: conflicts with {manager}:\n{}",
                many.len(),
                fields.join("\n")
            )
        }
    };
    ApiError {
        details: json!({"causes": causes}).as_object().cloned(),
        ..ApiError::new(409, "Conflict", message)
    }
}
