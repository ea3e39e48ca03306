//! Who set which field by a plain write (`managedFields` with the operation Update), as the real server notes it for
//! requests over HTTP. What this process writes itself is not noted: that would cost more memory than the objects.
//!
//! A field belongs to whoever changed its value last; a map, a list or an optional struct that wasn't there before belongs,
//! as such, to who made it (`.`). Fields that are gone belong to nobody.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::apply::{Path, from_fields, is_identity, item_key, matches, node_of, to_fields, value_at};
use super::write::has_status;
use super::{Part, WriteOptions};
use crate::resources::Resource;
use crate::schema::{self, Node};

/// What an object of this kind has before anything is set: structs that are no pointers in Go.
fn empty(node: &Node) -> Value {
    schema::decode(node, json!({})).map(|decoded| decoded.value).unwrap_or_default()
}

fn with(at: &Path, step: impl Into<String>) -> Path {
    at.iter().cloned().chain([step.into()]).collect()
}

/// Paths whose values are new or other ones.
fn changes(node: &Node, old: Option<&Value>, new: &Value, at: &Path, out: &mut BTreeSet<Path>) {
    let mut container = |is_empty: bool| {
        if old.is_none() {
            out.insert(if is_empty { at.clone() } else { with(at, ".") });
        }
    };
    match (node, new) {
        (Node::List(list), Value::Array(items)) if !list.keys.is_empty() => {
            container(items.is_empty());
            for item in items {
                let step = item_key(&list.keys, item);
                let keys: Map<String, Value> =
                    serde_json::from_str(step.trim_start_matches("k:")).unwrap_or_default();
                let before = old.and_then(Value::as_array).into_iter().flatten();
                let before = before.into_iter().find(|before| matches(before, &keys));
                changes(&list.item, before, item, &with(at, step), out);
            }
        }
        (Node::List(list), Value::Array(items)) if list.set => {
            container(items.is_empty());
            let had = |item: &Value| old.and_then(Value::as_array).is_some_and(|old| old.contains(item));
            out.extend(items.iter().filter(|item| !had(item)).map(|item| with(at, format!("v:{item}"))));
        }
        (node, Value::Object(map))
            if !node.as_struct().is_some_and(|s| s.atomic) && !matches!(node, Node::Any) =>
        {
            container(map.is_empty());
            for (key, item) in map {
                let inner = match node {
                    Node::Map(inner) => (**inner).clone(),
                    _ => {
                        node.as_struct().and_then(|s| s.fields.get(key)).map_or(Node::Any, |f| f.node.clone())
                    }
                };
                let before = old.and_then(|old| old.get(key));
                changes(&inner, before, item, &with(at, format!("f:{key}")), out);
            }
        }
        _ if old != Some(new) => drop(out.insert(at.clone())),
        _ => {}
    }
}

fn is_servers(path: &Path) -> bool {
    is_identity(path)
        || matches!(
            path.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
            [] | ["f:apiVersion" | "f:kind"]
                | ["f:metadata", "f:generation" | "f:managedFields" | "f:selfLink", ..]
                | ["f:metadata", "f:deletionTimestamp" | "f:deletionGracePeriodSeconds", ..]
        )
}

/// Entries in the order of the real server.
pub(super) fn sort(entries: &mut [Value]) {
    entries.sort_by_key(|entry| {
        ["operation", "time", "manager", "apiVersion", "subresource"]
            .map(|key| entry[key].as_str().unwrap_or_default().to_owned())
    });
}

/// Whose an entry is.
fn identity(entry: &Value) -> [&str; 4] {
    ["manager", "operation", "apiVersion", "subresource"].map(|key| entry[key].as_str().unwrap_or_default())
}

/// Brings `managedFields` of `new` up to date; `old` is the object before, if there was one.
pub(super) fn note(
    resource: &Resource,
    old: Option<&Value>,
    new: &mut Value,
    options: &WriteOptions,
    now: &str,
) {
    let node = node_of(resource);
    let blank = if old.is_none() { empty(&node) } else { Value::Null };
    let mut mine = BTreeSet::new();
    changes(&node, Some(old.unwrap_or(&blank)), new, &Vec::new(), &mut mine);
    let status = options.part == Part::Status;
    mine.retain(|path| {
        let of_status = path.first().is_some_and(|step| step == "f:status");
        !is_servers(path) && (!has_status(resource) || of_status == status)
    });
    let mut entries = new["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
    let mut entry = json!({
        "manager": options.manager, "operation": "Update", "apiVersion": resource.api_version(), "time": now,
        "fieldsType": "FieldsV1", "fieldsV1": {},
    });
    if status {
        entry["subresource"] = json!("status");
    }
    let changed = !mine.is_empty();
    for other in &mut entries {
        let own = identity(other) == identity(&entry);
        let mut theirs = BTreeSet::new();
        from_fields(&other["fieldsV1"], &Vec::new(), &mut theirs);
        theirs.retain(|path| value_at(new, path).is_some() && (own || !mine.contains(path)));
        if own {
            theirs.extend(std::mem::take(&mut mine));
            if changed {
                other["time"] = json!(now);
            }
        }
        other["fieldsV1"] = to_fields(&theirs);
    }
    if !mine.is_empty() {
        entry["fieldsV1"] = to_fields(&mine);
        entries.push(entry);
    }
    entries.retain(|entry| entry["fieldsV1"] != json!({}));
    sort(&mut entries);
    if let Some(metadata) = new["metadata"].as_object_mut() {
        if entries.is_empty() {
            metadata.remove("managedFields");
        } else {
            metadata.insert("managedFields".to_owned(), json!(entries));
        }
    }
}
