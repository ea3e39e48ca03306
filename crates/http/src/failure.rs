//! An answer to a request that never became a GraphQL operation: a wrong method, media type, body or parameter.
//!
//! It has the shape of a GraphQL answer without data, whatever failed, so that a client needs one way to read errors.

use std::borrow::Cow;

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use fleetgraph_core::{Error, ErrorCode};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{graphql::Media, request_id::RequestId};

/// What is wrong, with its own status where that differs from the code's usual one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub status: StatusCode,
    pub code: ErrorCode,
    pub message: Cow<'static, str>,
    /// The methods that would do, for status 405.
    pub allow: Option<&'static str>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    errors: [Entry<'a>; 1],
}

#[derive(Serialize)]
struct Entry<'a> {
    message: &'a str,
    extensions: EntryExtensions<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EntryExtensions<'a> {
    code: &'static str,
    request_id: &'a str,
}

impl Failure {
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, message: message.into(), allow: None }
    }

    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// Status 405, whose `Allow` header is a must (RFC 9110, 15.5.6).
    pub fn method(allow: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { allow: Some(allow), ..Self::new(ErrorCode::MethodNotAllowed, message) }
    }

    /// Too many of something that is bounded: worth trying again, perhaps elsewhere.
    pub fn busy(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, ..Self::new(ErrorCode::RateLimited, message) }
    }

    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub fn into_response(self, media: Media, id: &RequestId) -> Response {
        let entry = Entry {
            message: &self.message,
            extensions: EntryExtensions { code: self.code.as_str(), request_id: id.as_str() },
        };
        let body = serde_json::to_vec(&Envelope { errors: [entry] }).unwrap_or_default();
        let mut response = (self.status, Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, media.content_type());
        if self.code == ErrorCode::Unauthenticated {
            // A must of RFC 9110, 15.5.2.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(allow) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error.code, error.message)
    }
}
