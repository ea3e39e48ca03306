//! Headers that tell browsers to do less with an answer than they would.
//!
//! Whoever has made the answer may have said more: the page has a policy of its own, and its assets may be kept.

use axum::{body::Body, middleware::Next, response::Response};
use http::{HeaderName, HeaderValue, Request, header};

use crate::connection::Arrived;

/// Nothing of an API's answer is to be run, shown in a frame, or kept.
const DEFAULTS: [(HeaderName, HeaderValue); 6] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        ),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // Concerns requests without CORS only: image and script tags of other pages.
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// A year. Without subdomains, which may be anybody's.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The middleware.
pub(crate) async fn harden(request: Request<Body>, next: Next) -> Response {
    let tls = request.extensions().get::<Arrived>().is_some_and(|arrived| arrived.tls);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in DEFAULTS {
        headers.entry(name).or_insert(value);
    }
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    response
}
