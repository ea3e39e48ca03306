//! `metrics.k8s.io`: usage of nodes and running pods, which wanders a little every half minute.

use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::entry::Call;
use super::read;
use crate::clock::rfc3339;
use crate::cluster::ListOptions;
use crate::error::ApiError;
use crate::object::Object;
use crate::selector::Selection;

const WINDOW: i64 = 30;

fn noise(object: &Object, now: i64, salt: &str) -> u64 {
    let bytes = object.uid.0.iter().copied().chain((now / WINDOW).to_be_bytes()).chain(salt.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
        >> 8
}

fn usage(object: &Object, now: i64, salt: &str, scale: u64) -> Value {
    let cpu = (noise(object, now, salt) % 200 + 20) * scale;
    let memory = (noise(object, 0, salt) % 200_000 + 40_000 + noise(object, now, salt) % 5_000) * scale;
    json!({"cpu": format!("{cpu}m"), "memory": format!("{memory}Ki")})
}

fn measured(call: &Call, object: &Object) -> Option<Value> {
    let now = call.cluster.clock().now().as_second();
    let value = object.value();
    let mut metadata = json!({"name": *object.key.name, "creationTimestamp": rfc3339(now)});
    if let Some(labels) = value["metadata"].get("labels") {
        metadata["labels"] = labels.clone();
    }
    let stamp = rfc3339(now - now.rem_euclid(WINDOW));
    let mut answer = json!({
        "kind": call.resource.kind, "apiVersion": "metrics.k8s.io/v1beta1", "metadata": metadata, "timestamp": stamp,
        "window": format!("{WINDOW}s"),
    });
    if call.resource.plural == "nodes" {
        answer["usage"] = usage(object, now, "node", 20);
        return Some(answer);
    }
    if value["status"]["phase"] != "Running" {
        return None;
    }
    answer["metadata"]["namespace"] = json!(*object.key.namespace);
    let containers = value["spec"]["containers"].as_array().into_iter().flatten();
    answer["containers"] = containers
        .map(|c| json!({"name": c["name"], "usage": usage(object, now, c["name"].as_str().unwrap_or_default(), 1)}))
        .collect();
    Some(answer)
}

/// `None` if the request is for something else.
pub(crate) fn answer(call: &Call) -> Option<Result<Answer, ApiError>> {
    (call.resource.group == "metrics.k8s.io").then(|| serve(call))
}

fn serve(call: &Call) -> Result<Answer, ApiError> {
    let measured_kind = &call.resource.plural;
    let objects = call.cluster.resource("", "v1", measured_kind).ok_or_else(ApiError::no_such_resource)?;
    if !call.target.name.is_empty() {
        let absent = || ApiError::not_found(&call.resource, &call.target.name);
        let object =
            call.cluster.get(&objects, &call.target.namespace, &call.target.name).map_err(|_| absent())?;
        return Ok(answer::json(200, &measured(call, &object).ok_or_else(absent)?));
    }
    let (labels, namespace) = (call.query.text("labelSelector"), &call.target.namespace);
    let selection = Selection::new(&objects, namespace, labels, "")?;
    read::version(call)?;
    let list = call.cluster.list(&objects, &ListOptions { selection, ..ListOptions::default() })?;
    let items: Vec<Value> = list.items.iter().filter_map(|object| measured(call, object)).collect();
    let kind = &call.resource.list_kind;
    Ok(answer::json(
        200,
        &json!({"kind": kind, "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": items}),
    ))
}
