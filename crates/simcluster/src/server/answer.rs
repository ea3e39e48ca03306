//! Answers as the server makes them: JSON with its headers, or a `Status`.

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use super::body::{self, Body};
use crate::error::ApiError;
use crate::resources::Resource;

pub(crate) type Answer = Response<Body>;

pub(crate) fn with_body(code: u16, content_type: &'static str, body: Body) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    answer
}

pub(crate) fn json(code: u16, value: &Value) -> Answer {
    with_body(code, "application/json", body::whole(value.to_string()))
}

pub(crate) fn json_text(code: u16, text: Vec<u8>) -> Answer {
    with_body(code, "application/json", body::whole(text))
}

pub(crate) fn plain(code: u16, text: &'static str) -> Answer {
    with_body(code, "text/plain; charset=utf-8", body::whole(text))
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        let mut answer = json(error.code, &error.status());
        let seconds = error.details.as_ref().and_then(|details| details.get("retryAfterSeconds")?.as_u64());
        if let Some(seconds) = seconds {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

/// The `Status` of what succeeded and has no object to show.
pub(crate) fn success(resource: &Resource, name: &str, uid: &str) -> Answer {
    let mut details = json!({"name": name, "kind": resource.plural, "uid": uid});
    if !resource.group.is_empty() {
        details["group"] = json!(resource.group);
    }
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
    json(200, &status)
}
