//! What a request is, seen from its method and path alone, as the API server's own request info does.

use std::time::Duration;

use http::{Method, Request};

/// Marks a request of the health prober: it passes an open breaker and takes no token, because it decides about
/// the first and must not starve behind the second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe;

/// The longest time for a probe, where the cluster's own time-out isn't shorter: health is worth little when it is late.
pub(crate) const PROBE_PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    /// As in RBAC: `get`, `list`, `watch`, `create`, …; for paths that are no resource, the method.
    pub(super) verb: &'static str,
    /// The resource's plural, with its subresource: `pods`, `pods/log`; empty for other paths.
    pub(super) resource: String,
    /// The answer has no end: time and size are bounded for its parts, not for the whole.
    pub(super) endless: bool,
}

impl About {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let resource = resource(request.uri().path());
        let asks =
            |key: &str| {
                request.uri().query().unwrap_or_default().split('&').any(|pair| {
                    pair.split_once('=').is_some_and(|(k, v)| k == key && matches!(v, "true" | "1"))
                })
            };
        let Some((resource, named)) = resource else {
            return Self { verb: method(request.method()), resource: String::new(), endless: false };
        };
        let watch = *request.method() == Method::GET && asks("watch");
        let follow = resource.ends_with("/log") && asks("follow");
        let verb = match *request.method() {
            Method::GET if watch => "watch",
            Method::GET if named => "get",
            Method::GET => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if named => "delete",
            Method::DELETE => "deletecollection",
            _ => method(request.method()),
        };
        Self { verb, resource, endless: watch || follow }
    }
}

/// The resource with its subresource, and whether the path names one object.
fn resource(path: &str) -> Option<(String, bool)> {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    match parts.next()? {
        "api" => parts.next()?,
        "apis" => parts.nth(1)?,
        _ => return None,
    };
    let mut rest: Vec<&str> = parts.collect();
    if rest.len() > 2 && rest[0] == "namespaces" && !matches!(rest[2], "status" | "finalize") {
        rest.drain(..2);
    }
    match rest.as_slice() {
        [] => None,
        [resource] => Some(((*resource).to_owned(), false)),
        [resource, _] => Some(((*resource).to_owned(), true)),
        [resource, _, sub, ..] => Some((format!("{resource}/{sub}"), true)),
    }
}

/// A closed set, so that it can label a metric.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::HEAD => "head",
        Method::OPTIONS => "options",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_read_as_rbac_reads_them() {
        for (method, uri, verb, resource, endless) in [
            ("GET", "/version", "get", "", false),
            ("GET", "/readyz?verbose", "get", "", false),
            ("GET", "/api/v1", "get", "", false),
            ("GET", "/api/v1/pods?limit=500", "list", "pods", false),
            ("GET", "/api/v1/pods?watch=true&resourceVersion=7", "watch", "pods", true),
            ("GET", "/api/v1/pods?watch=1", "watch", "pods", true),
            ("GET", "/api/v1/pods?labelSelector=watch%3Dtrue", "list", "pods", false),
            ("GET", "/api/v1/namespaces", "list", "namespaces", false),
            ("GET", "/api/v1/namespaces/shop", "get", "namespaces", false),
            ("PUT", "/api/v1/namespaces/shop/finalize", "update", "namespaces/finalize", false),
            ("GET", "/api/v1/namespaces/shop/pods/cart", "get", "pods", false),
            ("GET", "/api/v1/namespaces/shop/pods/cart/log?follow=true", "get", "pods/log", true),
            ("POST", "/apis/apps/v1/namespaces/shop/deployments", "create", "deployments", false),
            (
                "PATCH",
                "/apis/apps/v1/namespaces/shop/deployments/cart/scale",
                "patch",
                "deployments/scale",
                false,
            ),
            ("DELETE", "/apis/apps/v1/namespaces/shop/deployments", "deletecollection", "deployments", false),
        ] {
            let request = Request::builder().method(method).uri(uri).body(()).unwrap();
            let about = About::of(&request);
            let expected = About { verb, resource: resource.into(), endless };
            assert_eq!(about, expected, "{method} {uri}");
        }
    }
}
