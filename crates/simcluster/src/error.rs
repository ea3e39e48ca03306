//! What a request can be answered with when it fails: a `metav1.Status`, with the reasons, texts and details of the
//! real server (`k8s.io/apimachinery/pkg/api/errors`), because clients decide by them.

use serde_json::{Map, Value, json};

use crate::resources::Resource;

/// A failure as the API tells it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    pub code: u16,
    /// Empty where the real server gives none.
    pub reason: &'static str,
    pub message: String,
    /// `None` leaves `details` out of the answer; the real server writes an empty one in places.
    pub details: Option<Map<String, Value>>,
    /// Of a list whose continue token is too old: a token to go on with, inconsistently.
    pub continue_token: Option<String>,
}

/// One field at fault, for [`ApiError::invalid`].
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    pub field: String,
    /// `FieldValueInvalid` and the like.
    pub reason: &'static str,
    pub message: String,
}

impl Cause {
    pub fn required(field: impl Into<String>, detail: &str) -> Self {
        let message =
            if detail.is_empty() { "Required value".into() } else { format!("Required value: {detail}") };
        Self { field: field.into(), reason: "FieldValueRequired", message }
    }

    /// `value` as the message shows it: JSON.
    pub fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        let message = format!("Invalid value: {value}: {detail}");
        Self { field: field.into(), reason: "FieldValueInvalid", message }
    }

    pub fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self { field: field.into(), reason: "FieldValueForbidden", message: format!("Forbidden: {detail}") }
    }

    pub fn unsupported(field: impl Into<String>, value: &Value, allowed: &[&str]) -> Self {
        let allowed: Vec<String> = allowed.iter().map(|a| format!("\"{a}\"")).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", allowed.join(", "));
        Self { field: field.into(), reason: "FieldValueNotSupported", message }
    }
}

fn details(pairs: &[(&str, &str)]) -> Option<Map<String, Value>> {
    Some(pairs.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| ((*k).to_owned(), json!(v))).collect())
}

/// `deployments.apps`, or `pods` in the core group.
fn qualified(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

impl ApiError {
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, continue_token: None }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub fn not_found(resource: &Resource, name: &str) -> Self {
        Self::missing(&resource.plural, &resource.group, name)
    }

    pub fn missing(plural: &str, group: &str, name: &str) -> Self {
        Self {
            details: details(&[("name", name), ("group", group), ("kind", plural)]),
            ..Self::new(404, "NotFound", format!("{} \"{name}\" not found", qualified(plural, group)))
        }
    }

    /// No such resource, as opposed to no such object.
    pub fn no_such_resource() -> Self {
        Self {
            details: Some(Map::new()),
            ..Self::new(404, "NotFound", "the server could not find the requested resource")
        }
    }

    pub fn method_not_allowed() -> Self {
        Self {
            details: Some(Map::new()),
            ..Self::new(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            )
        }
    }

    pub fn already_exists(resource: &Resource, name: &str) -> Self {
        let who = qualified(&resource.plural, &resource.group);
        Self {
            details: details(&[("name", name), ("group", &resource.group), ("kind", &resource.plural)]),
            ..Self::new(409, "AlreadyExists", format!("{who} \"{name}\" already exists"))
        }
    }

    pub fn conflict(resource: &Resource, name: &str, why: &str) -> Self {
        Self::conflict_of(&resource.plural, &resource.group, name, why)
    }

    /// Preconditions of a deletion name the kind where all else names the resource.
    pub fn conflict_of(kind: &str, group: &str, name: &str, why: &str) -> Self {
        let who = qualified(kind, group);
        Self {
            details: details(&[("name", name), ("group", group), ("kind", kind)]),
            ..Self::new(409, "Conflict", format!("Operation cannot be fulfilled on {who} \"{name}\": {why}"))
        }
    }

    pub fn modified(resource: &Resource, name: &str) -> Self {
        Self::conflict(
            resource,
            name,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// Several causes are written in brackets, as `field.ErrorList` does; the same one is written once.
    pub fn invalid(kind: &str, group: &str, name: &str, causes: &[Cause]) -> Self {
        let mut texts: Vec<String> = Vec::new();
        for cause in causes {
            let text = format!("{}: {}", cause.field, cause.message);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let text = match texts.as_slice() {
            [one] => one.clone(),
            many => format!("[{}]", many.join(", ")),
        };
        let mut details = details(&[("name", name), ("group", group), ("kind", kind)]).unwrap_or_default();
        let causes =
            causes.iter().map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field}));
        details.insert("causes".to_owned(), causes.collect());
        let who = qualified(kind, group);
        Self {
            details: Some(details),
            ..Self::new(422, "Invalid", format!("{who} \"{name}\" is invalid: {text}"))
        }
    }

    pub fn forbidden(resource: &str, group: &str, name: &str, why: &str) -> Self {
        let who = qualified(resource, group);
        let message = if name.is_empty() {
            format!("{who} is forbidden: {why}")
        } else {
            format!("{who} \"{name}\" is forbidden: {why}")
        };
        Self {
            details: details(&[("name", name), ("group", group), ("kind", resource)]),
            ..Self::new(403, "Forbidden", message)
        }
    }

    /// 410: the history that was asked for is gone.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub fn too_large_resource_version(wanted: u64, current: u64) -> Self {
        let details = json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        });
        let message = format!("Timeout: Too large resource version: {wanted}, current: {current}");
        Self { details: details.as_object().cloned(), ..Self::new(504, "Timeout", message) }
    }

    pub fn unsupported_media_type() -> Self {
        Self {
            details: Some(Map::new()),
            ..Self::new(415, "UnsupportedMediaType", "415: Unsupported Media Type")
        }
    }

    pub fn not_acceptable(available: &str) -> Self {
        let message = format!("406: Not Acceptable\n\nAvailable representations: {available}");
        Self { details: Some(Map::new()), ..Self::new(406, "NotAcceptable", message) }
    }

    pub fn no_such_form(accepted: &str) -> Self {
        Self::new(406, "NotAcceptable", format!("only the following media types are accepted: {accepted}"))
    }

    pub fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self { details: Some(Map::new()), ..Self::new(413, "RequestEntityTooLarge", message) }
    }

    /// The `metav1.Status`.
    pub fn status(&self) -> Value {
        let mut metadata = Map::new();
        if let Some(token) = &self.continue_token {
            metadata.insert("continue".to_owned(), json!(token));
        }
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure",
            "message": self.message, "code": self.code,
        });
        if !self.reason.is_empty() {
            status["reason"] = json!(self.reason);
        }
        if let Some(details) = &self.details {
            status["details"] = Value::Object(details.clone());
        }
        status
    }
}
