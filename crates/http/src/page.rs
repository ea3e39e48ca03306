//! The first page and the explorer: files that `npm run build` writes to `web/dist`, taken into the program when it is
//! compiled. They use the GraphQL API as any other client does.
//!
//! A program that was compiled without them says at `/` how to get them, and does everything else.

use axum::{
    body::Body,
    extract::{Path, Request},
    response::{IntoResponse, Response},
};
use fleetgraph_core::ErrorCode;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::{Embed, EmbeddedFile};

use crate::{failure::Failure, graphql::Media, request_id::RequestId};

#[derive(Embed)]
#[folder = "../../web/dist"]
#[include = "*.html"]
#[include = "assets/*"]
#[include = "licenses.md"]
// Answers are compressed on their way, by whatever the client takes.
#[exclude = "*.gz"]
struct Files;

const INDEX: &str = "index.html";
const EXPLORER: &str = "explorer.html";

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The explorer's editor writes style elements, has a font for its icons, and uses workers.
const EXPLORER_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     font-src 'self'; worker-src 'self'";

const ABSENT: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>fleetgraph</title>\n\
     <h1>fleetgraph</h1>\n\
     <p>GraphQL is at <a href=\"graphql\">/graphql</a>.</p>\n\
     <p>This program was built without its page: Node.js was missing then. Install Node.js 20.19 or later, and build it \
     again with <code>make build</code>.</p>\n";

/// `/`.
pub(crate) async fn index(headers: HeaderMap) -> Response {
    match Files::get(INDEX) {
        Some(file) => document(file, PAGE_POLICY, &headers),
        None => {
            let mut response = Body::from(ABSENT).into_response();
            let policy = HeaderValue::from_static(PAGE_POLICY);
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            response.headers_mut().insert(header::CONTENT_TYPE, html);
            response
        }
    }
}

/// `/explorer.html`.
pub(crate) async fn explorer(request: Request) -> Response {
    match Files::get(EXPLORER) {
        Some(file) => document(file, EXPLORER_POLICY, request.headers()),
        None => not_found(&request),
    }
}

/// `/licenses.md`: of what the page is made of.
pub(crate) async fn licenses(request: Request) -> Response {
    match Files::get("licenses.md") {
        Some(file) => served(file, HeaderValue::from_static("no-cache")),
        None => not_found(&request),
    }
}

/// `/assets/…`: files whose names change with their content.
pub(crate) async fn asset(Path(name): Path<String>, request: Request) -> Response {
    match Files::get(&format!("assets/{name}")) {
        Some(file) => served(file, HeaderValue::from_static("public, max-age=31536000, immutable")),
        None => not_found(&request),
    }
}

/// A document is asked for again each time, and sent if it has changed.
fn document(file: EmbeddedFile, policy: &'static str, headers: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let tag: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    // Weak: the same document may be compressed or not.
    let tag = format!("W/\"{tag}\"");
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|known| known.trim() == tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        served(file, HeaderValue::from_static("no-cache"))
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn served(file: EmbeddedFile, caching: HeaderValue) -> Response {
    let mime = file.metadata.mimetype().to_owned();
    let text = mime.starts_with("text/");
    let mime = if text { format!("{mime}; charset=utf-8") } else { mime };
    let mut response = Body::from(file.data).into_response();
    let headers = response.headers_mut();
    if let Ok(mime) = HeaderValue::from_str(&mime) {
        headers.insert(header::CONTENT_TYPE, mime);
    }
    headers.insert(header::CACHE_CONTROL, caching);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn not_found(request: &Request) -> Response {
    let id = RequestId::given(request.extensions());
    Failure::new(ErrorCode::NotFound, "the page has no such file").into_response(Media::Json, &id)
}
