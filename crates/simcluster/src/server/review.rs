//! Reviews: may I, may they, who am I. They are answered, not stored.

use serde_json::{Value, json};

use super::answer::{self, Answer};
use super::entry::Call;
use crate::clock::rfc3339;
use crate::cluster::{AccessRequest, User, incoming};
use crate::error::ApiError;

/// Whom the server's tokens are for.
const AUDIENCE: &str = "https://kubernetes.default.svc.cluster.local";

/// `None` if the resource is no review.
pub(crate) fn answer(call: &Call, mut review: Value) -> Option<Result<Answer, ApiError>> {
    let resource = &call.resource;
    if !matches!(resource.group.as_str(), "authorization.k8s.io" | "authentication.k8s.io") {
        return None;
    }
    review = match incoming(resource, review, false) {
        Ok(review) => review,
        Err(error) => return Some(Err(error)),
    };
    let spec = review["spec"].clone();
    if let Some(why) = missing(&resource.plural, &spec) {
        return Some(Err(ApiError::bad_request(why)));
    }
    if !review["metadata"].is_object() {
        review["metadata"] = json!({});
    }
    review["status"] = match resource.plural.as_str() {
        "selfsubjectaccessreviews" => access(call, &call.user, &spec),
        "subjectaccessreviews" | "localsubjectaccessreviews" => {
            let groups = spec["groups"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let user = User {
                name: spec["user"].as_str().unwrap_or_default().to_owned(),
                groups: groups.map(str::to_owned).collect(),
            };
            access(call, &user, &spec)
        }
        "selfsubjectrulesreviews" => {
            // Not told back.
            review["spec"] = json!({});
            call.cluster.rules_of(&call.user, spec["namespace"].as_str().unwrap_or_default())
        }
        "selfsubjectreviews" => {
            review["metadata"]["creationTimestamp"] = json!(rfc3339(call.cluster.clock().now().as_second()));
            json!({"userInfo": {"username": call.user.name, "groups": call.user.groups}})
        }
        "tokenreviews" => match call.cluster.user_of(spec["token"].as_str().unwrap_or_default()) {
            Some(user) => {
                json!({"authenticated": true, "user": {"username": user.name, "groups": user.groups}, "audiences": [AUDIENCE]})
            }
            None => json!({"user": {}, "error": "invalid bearer token"}),
        },
        _ => return None,
    };
    review["kind"] = json!(resource.kind);
    review["apiVersion"] = json!(resource.api_version());
    Some(Ok(answer::json(201, &review)))
}

fn missing(review: &str, spec: &Value) -> Option<&'static str> {
    let empty = |key: &str| spec[key].as_str().is_none_or(str::is_empty);
    match review {
        "selfsubjectrulesreviews" if empty("namespace") => Some("no namespace on request"),
        "tokenreviews" if empty("token") => Some("token is required for TokenReview in authentication"),
        _ => None,
    }
}

fn access(call: &Call, user: &User, spec: &Value) -> Value {
    let asked = &spec["resourceAttributes"];
    let text = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let path = spec["nonResourceAttributes"]["path"].as_str().map(str::to_owned);
    let request = AccessRequest {
        verb: if path.is_some() { text(&spec["nonResourceAttributes"], "verb") } else { text(asked, "verb") },
        group: text(asked, "group"),
        resource: text(asked, "resource"),
        subresource: text(asked, "subresource"),
        namespace: text(asked, "namespace"),
        name: text(asked, "name"),
        path,
    };
    match call.cluster.allows(user, &request) {
        Some(why) if why.is_empty() => json!({"allowed": true}),
        Some(why) => json!({"allowed": true, "reason": why}),
        None => json!({"allowed": false}),
    }
}
