//! Strategic merge patches: lists are merged by the keys that the schema names, and directives say what a merge can't.

use serde_json::{Map, Value};

use crate::schema::{Merge, Node, Struct};

/// Merges `patch` into `current`, both of the type `node`.
pub(super) fn merge(node: &Node, current: &mut Value, patch: &Value) {
    merge_object(node.as_struct(), current, patch);
}

fn merge_object(structure: Option<&Struct>, current: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *current = patch.clone();
        return;
    };
    if patch.get("$patch").is_some_and(|directive| directive == "replace") || !current.is_object() {
        *current = Value::Object(Map::new());
    }
    let Some(object) = current.as_object_mut() else { return };
    if patch.get("$patch").is_some_and(|directive| directive == "delete") {
        return object.clear();
    }
    if let Some(keys) = patch.get("$retainKeys").and_then(Value::as_array) {
        object.retain(|key, _| keys.iter().any(|kept| kept == key));
    }
    for (key, removed) in patch {
        let Some(field) = key.strip_prefix("$deleteFromPrimitiveList/") else { continue };
        if let (Some(list), Some(removed)) =
            (object.get_mut(field).and_then(Value::as_array_mut), removed.as_array())
        {
            list.retain(|item| !removed.contains(item));
        }
    }
    for (key, value) in patch.iter().filter(|(key, _)| !key.starts_with('$')) {
        let field = structure.and_then(|s| s.fields.get(key));
        if value.is_null() {
            object.remove(key);
            continue;
        }
        match (field.and_then(|f| f.merge.as_ref()), value) {
            (Some(how), Value::Array(items)) => {
                let item = match field.map(|f| &f.node) {
                    Some(Node::List(list)) => list.item.as_struct(),
                    _ => None,
                };
                let list = object.entry(key).or_insert_with(|| Value::Array(Vec::new()));
                if let Some(list) = list.as_array_mut() {
                    merge_list(how, item, list, items);
                }
            }
            (_, Value::Object(_)) => {
                let inner = field.and_then(|f| f.node.as_struct());
                merge_object(inner, object.entry(key).or_insert(Value::Null), value);
            }
            _ => drop(object.insert(key.clone(), value.clone())),
        }
    }
    for (key, order) in patch {
        let Some(field) = key.strip_prefix("$setElementOrder/") else { continue };
        let by = structure.and_then(|s| s.fields.get(field)).and_then(|f| f.merge.as_ref());
        let list = object.get_mut(field).and_then(Value::as_array_mut);
        if let (Some(how), Some(list), Some(order)) = (by, list, order.as_array()) {
            let before = list.clone();
            arrange(how, list, &before, order);
        }
    }
}

/// What the patch names stands in the patch's order; of the rest, what stood before it stays before it, and what is new
/// comes first.
fn arrange(how: &Merge, list: &mut Vec<Value>, before: &[Value], order: &[Value]) {
    let place =
        |of: &[Value], item: &Value| of.iter().position(|other| same(how, other, item) || other == item);
    let (mut named, rest): (Vec<Value>, Vec<Value>) =
        list.drain(..).partition(|item| place(order, item).is_some());
    named.sort_by_key(|item| place(order, item));
    let (mut named, mut rest) = (named.into_iter().peekable(), rest.into_iter().peekable());
    loop {
        let stays_first = match (rest.peek(), named.peek()) {
            (Some(left), Some(right)) => match (place(before, left), place(before, right)) {
                (Some(left), Some(right)) => left < right,
                _ => false,
            },
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return,
        };
        list.extend(if stays_first { rest.next() } else { named.next() });
    }
}

fn same(how: &Merge, left: &Value, right: &Value) -> bool {
    match how {
        Merge::Scalars => left == right,
        Merge::ByKey(key) => left.get(key).is_some() && left.get(key) == right.get(key),
    }
}

fn merge_list(how: &Merge, item: Option<&Struct>, list: &mut Vec<Value>, patch: &[Value]) {
    if patch.iter().any(|p| {
        p.as_object().is_some_and(|p| p.get("$patch").is_some_and(|d| d == "replace") && p.len() == 1)
    }) {
        list.clear();
    }
    let before = list.clone();
    for change in patch {
        let directive = change.get("$patch").and_then(Value::as_str);
        let found = list.iter().position(|present| same(how, change, present));
        match (directive, found) {
            (Some("replace"), None) => {}
            (Some("delete"), found) => {
                if let Some(index) = found {
                    list.remove(index);
                }
            }
            (_, Some(index)) if matches!(how, Merge::ByKey(_)) => {
                merge_object(item, &mut list[index], change)
            }
            (_, Some(_)) => {}
            (_, None) => {
                let mut fresh = Value::Null;
                merge_object(item, &mut fresh, change);
                list.push(if change.is_object() { fresh } else { change.clone() });
            }
        }
    }
    arrange(how, list, &before, patch);
}
