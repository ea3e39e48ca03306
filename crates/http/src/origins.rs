//! Which web pages may use the API: the server's own, and those that the configuration lists. One list for everything
//! that a browser does.
//!
//! ```text
//!   WebSocket     any page may open one, without a preflight          → Origin must be allowed
//!   POST          JSON needs a preflight, and so CORS headers         → Origin must be allowed, or the browser must
//!                                                                       vouch that the page is our own
//!   GET           has no effects; its answer can't be read            → answered
//!                 without CORS headers
//! ```
//!
//! Programs that are no browsers send neither `Origin` nor `Sec-Fetch-Site`, and are not concerned.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    middleware::Next,
    response::{IntoResponse, Response},
};
use fleetgraph_core::ErrorCode;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header, request::Parts};

use crate::{failure::Failure, graphql::Media, request_id::RequestId};

/// Headers that pages may send: those that the API reads.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("accept, authorization, content-type, traceparent, tracestate, x-request-id");
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST");
/// What scripts of pages may read besides the body.
const EXPOSED: HeaderValue = HeaderValue::from_static("retry-after, x-request-id");
/// Two hours, beyond which Chromium doesn't remember a preflight.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const PREFLIGHT_VARIES: HeaderValue =
    HeaderValue::from_static("origin, access-control-request-method, access-control-request-headers");

/// What the configuration says of the page that a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Page {
    /// No page, as far as one can tell.
    None,
    Own,
    /// One that is listed by its origin: it may use the browser's credentials (client certificates, a proxy's cookies).
    Listed(HeaderValue),
    /// One that only `*` covers: it may not.
    Any,
    Foreign,
}

impl Page {
    fn of(headers: &HeaderMap, allowed: &[String]) -> Self {
        let Some(value) = headers.get(header::ORIGIN) else { return Self::None };
        let Ok(origin) = value.to_str() else { return Self::Foreign };
        if allowed.iter().any(|entry| entry != "*" && entry.eq_ignore_ascii_case(origin)) {
            return Self::Listed(value.clone());
        }
        if is_own(headers, origin) {
            return Self::Own;
        }
        if allowed.iter().any(|entry| entry == "*") { Self::Any } else { Self::Foreign }
    }
}

fn is_own(headers: &HeaderMap, origin: &str) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (origin.split_once("://"), host) {
        (Some((scheme, authority)), Some(host)) => {
            without_default_port(scheme, authority).eq_ignore_ascii_case(without_default_port(scheme, host))
        }
        _ => false,
    }
}

fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}

/// Whether a WebSocket may be opened: no origin (not a browser), the server's own, or one of those allowed. Browsers send
/// it with that host's cookies and without a preflight; only `Origin` tells (RFC 6455, 10.2).
pub(crate) fn is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    Page::of(headers, allowed) != Page::Foreign
}

/// Whether a request that may have effects may go on.
fn may_change(headers: &HeaderMap, page: &Page) -> bool {
    // What the browser itself says goes before what is deduced: a proxy may have changed the host's name.
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        // `none`: typed or opened by the user, no page has sent it.
        Some(b"same-origin" | b"none") => true,
        Some(_) => matches!(page, Page::Own | Page::Listed(_) | Page::Any),
        None => *page != Page::Foreign,
    }
}

pub(crate) fn refusal() -> Failure {
    let message = "pages of this origin may not use the API; see http.allowed_origins in the configuration";
    Failure::new(ErrorCode::OriginNotAllowed, message)
}

/// The middleware, around the paths of the API.
pub(crate) async fn check(
    State(allowed): State<Arc<[String]>>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    name_the_host(&mut parts);
    let page = Page::of(&parts.headers, &allowed);
    let id = RequestId::given(&parts.extensions);
    let mut response = if is_preflight(&parts) {
        match page {
            Page::Foreign => refusal().into_response(Media::Json, &id),
            _ => preflight(),
        }
    } else if parts.method == Method::POST && !may_change(&parts.headers, &page) {
        refusal().into_response(Media::Json, &id)
    } else {
        next.run(Request::from_parts(parts, body)).await
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    let origin = match page {
        Page::Listed(origin) => {
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            origin
        }
        Page::Any => HeaderValue::from_static("*"),
        Page::None | Page::Own | Page::Foreign => return response,
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    response
}

/// HTTP/2 has the host in the request's target; what compares it with an origin looks at the header.
fn name_the_host(parts: &mut Parts) {
    if parts.headers.contains_key(header::HOST) {
        return;
    }
    let authority = parts.uri.authority().map(|authority| HeaderValue::from_str(authority.as_str()));
    if let Some(Ok(host)) = authority {
        parts.headers.insert(header::HOST, host);
    }
}

fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS
        && parts.headers.contains_key(header::ORIGIN)
        && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The same whatever method and headers were asked for: the browser compares.
fn preflight() -> Response {
    let headers = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        (header::VARY, PREFLIGHT_VARIES),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: Option<&'static str>, host: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        headers.extend(origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))));
        headers
    }

    fn allowed(origin: Option<&'static str>, host: &'static str, list: &[&str]) -> bool {
        let list: Vec<String> = list.iter().map(|entry| (*entry).to_owned()).collect();
        is_allowed(&headers(origin, host), &list)
    }

    #[test]
    fn a_foreign_page_may_not_open_a_socket() {
        assert!(!allowed(Some("https://evil.example"), "127.0.0.1:8080", &[]));
        assert!(!allowed(Some("http://127.0.0.1:9999"), "127.0.0.1:8080", &[]));
        assert!(!allowed(Some("null"), "127.0.0.1:8080", &[]));
    }

    #[test]
    fn the_servers_own_pages_and_programs_may() {
        assert!(allowed(None, "127.0.0.1:8080", &[]));
        assert!(allowed(Some("http://127.0.0.1:8080"), "127.0.0.1:8080", &[]));
        assert!(allowed(Some("https://fleet.example"), "fleet.example:443", &[]));
    }

    #[test]
    fn the_configuration_may_allow_more() {
        assert!(allowed(Some("https://app.example"), "api.example", &["https://app.example"]));
        assert!(allowed(Some("https://app.example"), "api.example", &["*"]));
        assert!(!allowed(Some("https://app.example.evil"), "api.example", &["https://app.example"]));
    }

    #[test]
    fn what_the_browser_says_of_the_page_decides_who_may_change_something() {
        let may = |site: Option<&'static str>, origin, list: &[&str]| {
            let mut headers = headers(origin, "fleet.example");
            headers.extend(site.map(|site| {
                (http::HeaderName::from_static("sec-fetch-site"), HeaderValue::from_static(site))
            }));
            let list: Vec<String> = list.iter().map(|entry| (*entry).to_owned()).collect();
            let page = Page::of(&headers, &list);
            may_change(&headers, &page)
        };
        let app = Some("https://app.example");
        assert!(may(None, None, &[]), "a program");
        assert!(may(Some("same-origin"), app, &[]), "our own page behind a proxy that renames the host");
        assert!(may(Some("none"), None, &[]));
        assert!(may(Some("cross-site"), app, &["https://app.example"]));
        for site in [Some("cross-site"), Some("same-site"), Some("nonsense"), None] {
            assert!(!may(site, app, &["https://other.example"]), "{site:?}");
        }
        assert!(!may(Some("cross-site"), None, &["https://other.example"]), "a page that hides its origin");
    }
}
