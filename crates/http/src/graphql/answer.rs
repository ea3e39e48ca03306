//! Puts an executed request into the form that goes out: codes on every error, no data where nothing was executed.
//!
//! ```text
//!   request error    {"errors":[…]}             nothing was executed: syntax, validation, limits, access
//!   executed         {"errors":[…],"data":…}    some fields may have failed; each error has its path
//! ```

use async_graphql::{Response, ServerError, Value};
use fleetgraph_core::ErrorCode;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::media::Media;
use crate::{metrics::Metrics, request_id::RequestId};

/// An answer, ready to be sent by any transport.
#[derive(Debug)]
pub(crate) struct Answer {
    pub body: Vec<u8>,
    /// The errors alone, as JSON, when nothing was executed.
    pub request_errors: Option<Vec<u8>>,
    /// The code of the first error, when nothing was executed.
    code: Option<ErrorCode>,
    /// What resolvers added to the header, and when to try again if nothing was executed for want of a quota.
    pub headers: HeaderMap,
}

#[derive(Serialize)]
struct Executed<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ServerError],
    data: &'a Value,
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    extensions: &'a std::collections::BTreeMap<String, Value>,
}

#[derive(Serialize)]
struct Refused<'a> {
    errors: &'a [ServerError],
}

impl Answer {
    pub fn new(mut response: Response, id: &RequestId, metrics: &Metrics) -> Self {
        let refused = is_refused(&response);
        for error in &mut response.errors {
            let code = label(error, refused, id);
            metrics.error(&code);
        }
        let code = refused.then(|| response.errors.first().and_then(code_of).unwrap_or(ErrorCode::Internal));
        let mut headers = std::mem::take(&mut response.http_headers);
        if let Some(seconds) = response.errors.iter().filter_map(retry_after).max().filter(|_| refused) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        let (body, request_errors) = if refused {
            (write(&Refused { errors: &response.errors }), Some(write(&response.errors)))
        } else {
            let Response { errors, data, extensions, .. } = &response;
            (write(&Executed { errors, data, extensions }), None)
        };
        Self { body, request_errors, code, headers }
    }

    /// The status by GraphQL over HTTP, 6.4: with `application/json`, a document that can't be executed is still a
    /// well-formed request and gets 200; what concerns the caller or the server has its own status in either type.
    pub fn status(&self, media: Media) -> StatusCode {
        let Some(code) = self.code else { return StatusCode::OK };
        match (media, code.http_status()) {
            (Media::Json, 400) => StatusCode::OK,
            (_, status) => StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// An answer that consists of one error with this code.
pub(crate) fn refusal(code: ErrorCode, message: impl Into<String>) -> Response {
    Response::from_errors(vec![coded(code, message)])
}

/// An error with its code.
pub(crate) fn coded(code: ErrorCode, message: impl Into<String>) -> ServerError {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code.as_str());
    error
}

/// Whether nothing was executed. An error of execution always has the path of its field.
fn is_refused(response: &Response) -> bool {
    response.data == Value::Null
        && !response.errors.is_empty()
        && response.errors.iter().all(|error| error.path.is_empty())
}

/// Gives the error its code and the request's id, and returns the code.
fn label(error: &mut ServerError, refused: bool, id: &RequestId) -> String {
    let given = match error.extensions.as_ref().and_then(|values| values.get("code")) {
        Some(Value::String(code)) => Some(code.clone()),
        _ => None,
    };
    let code = given.unwrap_or_else(|| {
        let code = if refused {
            without_suggestion(&mut error.message);
            ErrorCode::GraphqlValidationFailed
        } else if is_of_an_argument(&error.message) {
            ErrorCode::BadUserInput
        } else {
            // An error that no resolver gave a code has not been written for callers, so only the log has its text.
            tracing::error!(request_id = %id, path = ?error.path, error = %error.message, "a resolver failed");
            "internal error; the log has more under this requestId".clone_into(&mut error.message);
            ErrorCode::Internal
        };
        code.as_str().to_owned()
    });
    let extensions = error.extensions.get_or_insert_default();
    extensions.set("code", code.as_str());
    extensions.set("requestId", id.as_str());
    code
}

/// async-graphql's rules suggest names that are near: told not to, they still do for arguments of directives. Who may not
/// ask for the schema should not be given it word by word.
fn without_suggestion(message: &mut String) {
    if let Some(at) = message.find(" Did you mean ") {
        message.truncate(at);
    }
}

/// async-graphql reports an argument that a scalar's or a validator's code refuses without any mark but its words.
fn is_of_an_argument(message: &str) -> bool {
    message.starts_with("Failed to parse \"") || message.starts_with("Expected input type \"")
}

/// Whether the caller has used up what they may ask for. It has a status and a header of its own, so that it is said
/// before a stream would begin.
pub(crate) fn is_over_quota(errors: &[ServerError]) -> bool {
    errors.first().and_then(code_of) == Some(ErrorCode::RateLimited)
}

/// The seconds after which to try again, where the error tells them.
fn retry_after(error: &ServerError) -> Option<u64> {
    match error.extensions.as_ref()?.get("retryAfterSeconds")? {
        Value::Number(seconds) => seconds.as_u64(),
        _ => None,
    }
}

fn code_of(error: &ServerError) -> Option<ErrorCode> {
    let Some(Value::String(text)) = error.extensions.as_ref()?.get("code") else { return None };
    ErrorCode::ALL.iter().copied().find(|code| code.as_str() == text)
}

fn write(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_else(|error| {
        tracing::error!(%error, "an answer can't be written as JSON");
        br#"{"errors":[{"message":"internal error","extensions":{"code":"INTERNAL_ERROR"}}]}"#.to_vec()
    })
}

#[cfg(test)]
mod tests {
    use async_graphql::PathSegment;

    use super::*;

    fn answer(response: Response) -> Answer {
        Answer::new(response, &RequestId::random(), &Metrics::new())
    }

    fn json(answer: &Answer) -> serde_json::Value {
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn at_a_field(error: ServerError) -> Response {
        Response::from_errors(vec![error.with_path(vec![PathSegment::Field("pods".into())])])
    }

    #[test]
    fn a_refused_request_has_no_data_and_its_status_depends_on_the_type() {
        let answer = answer(refusal(ErrorCode::DepthLimit, "too deep"));
        assert!(json(&answer).get("data").is_none());
        assert_eq!(json(&answer)["errors"][0]["extensions"]["code"], "DEPTH_LIMIT");
        assert_eq!(answer.status(Media::Json), 200);
        assert_eq!(answer.status(Media::GraphqlResponse), 400);
    }

    #[test]
    fn a_caller_who_is_not_known_gets_401_in_either_type() {
        let answer = answer(refusal(ErrorCode::Unauthenticated, "who are you"));
        assert_eq!(
            (answer.status(Media::Json), answer.status(Media::GraphqlResponse)),
            (401.try_into().unwrap(), 401.try_into().unwrap())
        );
    }

    #[test]
    fn who_is_over_a_quota_is_told_by_status_and_header_when_to_try_again() {
        let mut error = coded(ErrorCode::RateLimited, "slower");
        error.extensions.get_or_insert_default().set("retryAfterSeconds", 7);
        let over = answer(Response::from_errors(vec![error.clone()]));
        for media in [Media::Json, Media::GraphqlResponse] {
            assert_eq!(over.status(media), 429);
        }
        assert_eq!(over.headers[header::RETRY_AFTER], "7");
        let of_a_field = answer(at_a_field(error));
        assert_eq!(of_a_field.status(Media::Json), 200);
        assert!(!of_a_field.headers.contains_key(header::RETRY_AFTER), "the rest was executed");
        let never = answer(refusal(ErrorCode::RateLimited, "less"));
        assert!(!never.headers.contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn a_failed_field_leaves_data_in_the_answer_and_200() {
        let answer = answer(at_a_field(coded(ErrorCode::ClusterUnavailable, "east is down")));
        assert_eq!(json(&answer)["data"], serde_json::Value::Null);
        assert!(json(&answer).as_object().unwrap().contains_key("data"));
        assert_eq!(answer.status(Media::GraphqlResponse), 200);
        assert!(answer.request_errors.is_none());
    }

    #[test]
    fn the_text_of_an_error_without_a_code_stays_inside() {
        let answer = answer(at_a_field(ServerError::new("password is hunter2", None)));
        assert_eq!(json(&answer)["errors"][0]["extensions"]["code"], "INTERNAL_ERROR");
        assert!(!String::from_utf8(answer.body).unwrap().contains("hunter2"));
    }

    #[test]
    fn a_validation_error_suggests_no_name() {
        let message = r#"Unknown argument "i" on directive "skip". Did you mean "if"?"#;
        let answer = answer(Response::from_errors(vec![ServerError::new(message, None)]));
        assert_eq!(json(&answer)["errors"][0]["message"], r#"Unknown argument "i" on directive "skip"."#);
    }

    #[test]
    fn every_error_carries_the_id_of_its_request() {
        let id = RequestId::random();
        let answer = Answer::new(refusal(ErrorCode::TokenLimit, "long"), &id, &Metrics::new());
        assert_eq!(json(&answer)["errors"][0]["extensions"]["requestId"], id.as_str());
    }
}
