//! What protects people's browsers from being used against a server that they can reach: hosts, origins, headers.

mod support;

use std::sync::{Arc, atomic::Ordering};

use axum::{Router, body::Body};
use http::{Method, Request, request::Builder};
use http_api::{HttpConfig, Shutdown};
use support::{
    Seen, app, config,
    raw::{Answer, ask, get, json_body, post, send},
};

const APP: &str = "https://app.example";

fn router(hosts: &[&str], origins: &[&str]) -> Router {
    let allowed_hosts = hosts.iter().map(|host| host.parse().expect("a host")).collect();
    let allowed_origins = origins.iter().map(|&origin| origin.to_owned()).collect();
    let config = HttpConfig { allowed_hosts, allowed_origins, ..config() };
    app(&config, &Arc::new(Seen::default()), &Shutdown::new())
}

fn empty(request: Builder) -> Request<Body> {
    request.body(Body::empty()).expect("a request")
}

async fn at(router: &Router, host: &str, path: &str) -> Answer {
    send(router, empty(Request::get(path).header("host", host))).await
}

#[tokio::test]
async fn a_page_that_has_pointed_its_name_here_reads_nothing() {
    let router = router(&["fleet.example"], &[]);
    for path in ["/graphql?query=%7Bhello%7D", "/", "/nothing", "/livez"] {
        let answer = at(&router, "evil.example", path).await;
        assert_eq!((answer.status, answer.code().as_str()), (421, "HOST_NOT_ALLOWED"), "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        assert_ne!(at(&router, "fleet.example", path).await.status, 421, "{path}");
    }
    assert_eq!(at(&router, "192.0.2.7:8080", "/readyz").await.status, 200, "a probe by address");
    assert_eq!(at(&router, "192.0.2.7:8080", "/").await.status, 421);
}

fn preflight(origin: &str) -> Request<Body> {
    let request = Request::builder().method(Method::OPTIONS).uri("/graphql").header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    empty(request.header("access-control-request-headers", "authorization, content-type"))
}

#[tokio::test]
async fn a_preflight_is_answered_for_listed_pages_and_refused_to_others() {
    let router = router(&[], &[APP]);
    let answer = send(&router, preflight(APP)).await;
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    for (name, value) in [
        ("access-control-allow-origin", APP),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-methods", "GET, POST"),
        (
            "access-control-allow-headers",
            "accept, authorization, content-type, traceparent, tracestate, x-request-id",
        ),
        ("access-control-max-age", "7200"),
    ] {
        assert_eq!(answer.header(name), value, "{name}");
    }
    assert!(answer.headers.get_all("vary").iter().any(|value| value == "origin"));
    let refused = send(&router, preflight("https://evil.example")).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "ORIGIN_NOT_ALLOWED"));
    assert_eq!(refused.header("access-control-allow-origin"), "");
    let without_origin = empty(Request::builder().method(Method::OPTIONS).uri("/graphql"));
    assert_eq!(send(&router, without_origin).await.status, 405);
}

#[tokio::test]
async fn answers_may_be_read_by_listed_pages_and_by_any_with_a_star_but_without_credentials() {
    for (list, origin, allow_origin, credentials) in [
        (&[APP][..], APP, APP, "true"),
        (&["*", APP], APP, APP, "true"),
        (&["*"], APP, "*", ""),
        (&[], "http://localhost", "", ""),
    ] {
        let request = post().header("origin", origin).body(json_body("{ hello }")).expect("a request");
        let answer = send(&router(&[], list), request).await;
        assert_eq!(answer.status, 200, "{list:?}");
        assert_eq!(answer.header("access-control-allow-origin"), allow_origin, "{list:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), credentials, "{list:?}");
        assert!(answer.headers.get_all("vary").iter().any(|value| value == "origin"), "{list:?}");
    }
    let get = empty(get("{ hello }").header("origin", "https://evil.example"));
    let answer = send(&router(&[], &[APP]), get).await;
    assert_eq!(answer.header("access-control-allow-origin"), "", "a foreign page can't read the answer");
}

#[tokio::test]
async fn a_foreign_page_changes_nothing() {
    let seen = Arc::new(Seen::default());
    let router = app(&config(), &seen, &Shutdown::new());
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let request = post().header(name, value).body(json_body("mutation { bump }")).expect("a request");
        let answer = send(&router, request).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "ORIGIN_NOT_ALLOWED"), "{name}: {value}");
    }
    assert_eq!(seen.bumps.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn every_answer_tells_browsers_to_do_nothing_with_it() {
    let router = router(&[], &[]);
    let trapdoor = post().header("x-caller", "trapdoor").body(json_body("{ hello }")).expect("a request");
    for (what, request, cached) in [
        ("data", ask("{ hello }"), "no-store"),
        ("errors", ask("{ nothing }"), "no-store"),
        ("a panic", trapdoor, "no-store"),
        (
            "events",
            empty(get("subscription { count(to: 1) }").header("accept", "text/event-stream")),
            "no-store",
        ),
        ("nothing", empty(Request::get("/nothing")), "no-store"),
        ("a wrong method", empty(Request::put("/graphql")), "no-store"),
        ("a wrong host", empty(Request::get("/livez").header("host", "evil.example")), "no-store"),
        ("a probe", empty(Request::get("/livez")), "no-store"),
        ("the page", empty(Request::get("/")), "no-cache"),
    ] {
        let answer = send(&router, request).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{what}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{what}");
        assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin", "{what}");
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"),
            "{what}"
        );
        assert_eq!(policy.contains("script-src"), what == "the page", "{what}");
        let kept = answer.header("cache-control");
        // Built without the page, there is nothing to keep.
        assert!(kept == cached || (what == "the page" && kept == "no-store"), "{what}: {kept}");
        for absent in ["server", "x-powered-by", "strict-transport-security"] {
            assert_eq!(answer.header(absent), "", "{what}");
        }
    }
}
