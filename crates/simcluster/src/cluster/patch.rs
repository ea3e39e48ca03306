//! The four kinds of patch. Each makes a new object of the present one, which then goes the way of an update.

use std::sync::Arc;

use json_patch::{AddOperation, PatchOperation};
use serde_json::{Value, json};

use super::write::{incoming, text};
use super::{Cluster, WriteOptions, strategic};
use crate::convert;
use crate::error::{ApiError, Cause};
use crate::object::{Key, Object};
use crate::resources::{Resource, Shape};
use crate::schema::Node;

#[derive(Debug, Clone, PartialEq)]
pub enum Patch {
    /// RFC 6902.
    Json(Value),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' own, which merges lists by key. Not for custom resources.
    Strategic(Value),
    /// The whole object, made from the present one.
    Whole(Value),
}

fn unprocessable(message: String) -> ApiError {
    ApiError { details: Some(serde_json::Map::new()), ..ApiError::new(422, "Invalid", message) }
}

/// The real server's library lets `replace` add a key that an object lacks, against the RFC.
fn lenient(operation: PatchOperation, value: &Value) -> PatchOperation {
    let PatchOperation::Replace(replace) = operation else { return operation };
    let path = replace.path.as_str();
    let parent = path.rsplit_once('/').and_then(|(parent, _)| value.pointer(parent));
    if value.pointer(path).is_none() && parent.is_some_and(Value::is_object) {
        return PatchOperation::Add(AddOperation { path: replace.path, value: replace.value });
    }
    PatchOperation::Replace(replace)
}

impl Patch {
    fn apply(&self, resource: &Resource, current: &Value) -> Result<Value, ApiError> {
        let mut value = current.clone();
        match self {
            Self::Merge(patch) => {
                if !patch.is_object() {
                    let found = if patch.is_array() { "array" } else { "value" };
                    return Err(ApiError::bad_request(format!(
                        "error decoding patch: json: cannot unmarshal {found} into Go value of type map[string]interface {{}}"
                    )));
                }
                json_patch::merge(&mut value, patch);
            }
            Self::Whole(whole) => value = whole.clone(),
            Self::Strategic(patch) => match &resource.schema {
                Shape::BuiltIn(id) => strategic::merge(&Node::Ref(*id), &mut value, patch),
                _ => return Err(ApiError::unsupported_media_type()),
            },
            Self::Json(patch) => {
                let patch: json_patch::Patch = serde_json::from_value(patch.clone()).map_err(|error| match patch {
                    Value::Array(_) => ApiError::bad_request(format!("error decoding patch: {error}")),
                    _ => ApiError::bad_request(
                        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp",
                    ),
                })?;
                for operation in patch.0 {
                    let operation = lenient(operation, &value);
                    json_patch::patch(&mut value, std::slice::from_ref(&operation)).map_err(|error| {
                        tracing::debug!(%error, "a JSON patch did not apply");
                        unprocessable(
                            "the server rejected our request due to an error in our request".to_owned(),
                        )
                    })?;
                }
            }
        }
        Ok(value)
    }
}

impl Cluster {
    /// # Errors
    /// As the server's: 400 for a patch that can't be read, 404, 409, 422.
    pub fn patch(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        patch: &Patch,
        options: &WriteOptions,
    ) -> Result<Arc<Object>, ApiError> {
        let mut state = self.lock();
        let current = state
            .get(resource, &Key::new(namespace, name))
            .ok_or_else(|| ApiError::not_found(resource, name))?;
        let before = served(resource, &current);
        let mut after = patch.apply(resource, &before)?;
        // A patch that doesn't say a version goes on whatever version there is.
        if text(&after["metadata"], "resourceVersion") == text(&before["metadata"], "resourceVersion") {
            after["metadata"]["resourceVersion"] = json!(current.revision.to_string());
        }
        if text(&after["metadata"], "name") != name {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({}) does not match the name on the URL ({name})",
                text(&after["metadata"], "name")
            )));
        }
        if resource.namespaced && text(&after["metadata"], "namespace") != namespace {
            let shown = after["metadata"]["namespace"].clone();
            return Err(ApiError::invalid(
                &resource.kind,
                &resource.group,
                name,
                &[Cause::invalid("metadata.namespace", &shown, "field is immutable")],
            ));
        }
        let shown = after.to_string();
        let value =
            incoming(resource, after, options.strict).map_err(|error| as_patch_fault(&error, &shown))?;
        self.replace(&mut state, resource, &current, value, options, true)
    }
}

/// What a patch made can't be decoded: the server shows all of it.
fn as_patch_fault(error: &ApiError, shown: &str) -> ApiError {
    let why =
        error.message.split_once(" cannot be handled as a ").and_then(|(_, rest)| rest.split_once(": "));
    let Some((_, why)) = why else { return error.clone() };
    ApiError::invalid("", "", "", &[Cause::invalid("patch", &json!(shown), why)])
}

/// The object as it is served in the version of `resource`.
pub(crate) fn served(resource: &Resource, object: &Object) -> Value {
    let mut value = object.value();
    convert::from_storage(resource, &mut value);
    value["kind"] = json!(resource.kind);
    value["apiVersion"] = json!(resource.api_version());
    value
}
