//! What the server would make of an object, without storing it: for templates, which go into the store as they are.

use serde_json::{Value, json};

use super::defaults;
use super::write::{counts_generations, incoming};
use crate::error::ApiError;
use crate::resources::Resource;
use crate::validate;

/// The object after creation and after its status was written: unknown fields refused, defaults filled in.
///
/// # Errors
/// As a creation's.
pub(crate) fn settled(resource: &Resource, value: Value) -> Result<Value, ApiError> {
    let mut value = incoming(resource, value, true)?;
    let status = value.get("status").filter(|status| status.is_object()).cloned();
    let cause = defaults::Cause { seed: 0, now: 0, uid: "${uid}".to_owned() };
    defaults::on_create(resource, &mut value, &cause);
    if let Some(status) = status {
        value["status"] = status;
    }
    if &*resource.storage == "nodes" && value["status"].get("conditions").is_some() {
        // Its kubelet has said by now that it is ready.
        let taints = value["spec"]["taints"].as_array_mut();
        taints
            .into_iter()
            .for_each(|taints| taints.retain(|taint| taint["key"] != "node.kubernetes.io/not-ready"));
        if value["spec"]["taints"].as_array().is_some_and(Vec::is_empty)
            && let Some(spec) = value["spec"].as_object_mut()
        {
            spec.remove("taints");
        }
    }
    if counts_generations(resource) && value["metadata"].get("generation").is_none() {
        value["metadata"]["generation"] = json!(1);
    }
    let causes = validate::spec(resource, &value);
    if causes.is_empty() {
        return Ok(value);
    }
    let name = value["metadata"]["name"].as_str().unwrap_or_default();
    Err(ApiError::invalid(&resource.kind, &resource.group, name, &causes))
}
