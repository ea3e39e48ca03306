//! GraphQL over HTTP: what the audits don't ask, or ask less strictly.

mod support;

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{Router, body::Body};
use futures::FutureExt;
use http::Request;
use http_api::{HttpConfig, Shutdown};
use support::{
    Seen, app, config,
    raw::{NEW, ask, get, json_body, post, send},
    until,
};

fn router() -> Router {
    router_with(&config())
}

fn router_with(config: &HttpConfig) -> Router {
    app(config, &Arc::new(Seen::default()), &Shutdown::new())
}

#[tokio::test]
async fn a_query_is_answered_with_data_alone() {
    let answer = send(&router(), ask("{ hello }")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/graphql-response+json; charset=utf-8");
    assert_eq!(answer.text(), r#"{"data":{"hello":"world"}}"#);
}

#[tokio::test]
async fn a_mutation_over_get_is_refused_and_not_executed() {
    let seen = Arc::new(Seen::default());
    let router = app(&config(), &seen, &Shutdown::new());
    for accept in ["application/json", NEW, "text/event-stream"] {
        let answer =
            send(&router, get("mutation { bump }").header("accept", accept).body(Body::empty()).unwrap())
                .await;
        assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{accept}");
        assert_eq!(answer.code(), "METHOD_NOT_ALLOWED");
    }
    assert_eq!(seen.bumps.load(Ordering::SeqCst), 0);
    assert_eq!(send(&router, ask("mutation { bump }")).await.json()["data"]["bump"], 1);
}

#[tokio::test]
async fn other_methods_get_405_with_the_methods_that_would_do() {
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS"] {
        let request = Request::builder().method(method).uri("/graphql").body(Body::empty()).unwrap();
        let answer = send(&router(), request).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, POST"), "{method}");
    }
}

#[tokio::test]
async fn a_body_that_a_browser_sends_without_preflight_is_refused() {
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"] {
        let request = Request::post("/graphql").header("content-type", kind);
        let answer = send(&router(), request.body(json_body("mutation { bump }")).unwrap()).await;
        assert_eq!((answer.status, answer.code().as_str()), (415, "UNSUPPORTED_MEDIA_TYPE"), "{kind}");
    }
}

#[tokio::test]
async fn a_client_that_accepts_nothing_we_make_gets_406() {
    let answer =
        send(&router(), post().header("accept", "text/html").body(json_body("{ hello }")).unwrap()).await;
    assert_eq!((answer.status, answer.code().as_str()), (406, "NOT_ACCEPTABLE"));
    let request =
        post().header("accept", "application/json").body(json_body("subscription { once }")).unwrap();
    let answer = send(&router(), request).await;
    assert_eq!((answer.status, answer.code().as_str()), (406, "NOT_ACCEPTABLE"));
}

#[tokio::test]
async fn a_batch_is_refused_with_its_own_code() {
    let answer = send(&router(), post().body(Body::from(r#"[{"query":"{ hello }"}]"#)).unwrap()).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "BATCHING_NOT_SUPPORTED"));
}

#[tokio::test]
async fn a_body_above_the_limit_gets_413_with_and_without_a_length() {
    let router = router_with(&HttpConfig { max_body_bytes: 100, ..config() });
    let announced = post().header("content-length", "101").body(Body::from(" ".repeat(101))).unwrap();
    assert_eq!(send(&router, announced).await.status, 413);
    let chunks = futures::stream::iter([1, 2].map(|_| Ok::<_, std::io::Error>(" ".repeat(60))));
    let answer = send(&router, post().body(Body::from_stream(chunks)).unwrap()).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "PAYLOAD_TOO_LARGE"));
}

#[tokio::test]
async fn a_query_above_the_time_limit_gets_504_with_code_timeout() {
    let router = router_with(&HttpConfig { request_timeout: Duration::from_millis(50), ..config() });
    for accept in [NEW, "application/json"] {
        let request = post().header("accept", accept).body(json_body("{ slow(ms: 60000) }")).unwrap();
        let answer = send(&router, request).await;
        assert_eq!((answer.status, answer.code().as_str()), (504, "TIMEOUT"));
    }
}

#[tokio::test]
async fn a_mutation_above_the_time_limit_is_finished_all_the_same() {
    let seen = Arc::new(Seen::default());
    let limited = HttpConfig { request_timeout: Duration::from_millis(30), ..config() };
    let router = app(&limited, &seen, &Shutdown::new());
    assert_eq!(send(&router, ask("mutation { bump(ms: 200) }")).await.code(), "TIMEOUT");
    assert_eq!(seen.bumps.load(Ordering::SeqCst), 0);
    until("the mutation's effect", || seen.bumps.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn a_panic_is_an_internal_error_that_keeps_its_text_inside() {
    for request in [
        ask("{ boom }"),
        post().header("accept", NEW).header("x-caller", "trapdoor").body(json_body("{ hello }")).unwrap(),
    ] {
        let answer = send(&router(), request).await;
        assert_eq!((answer.status, answer.code().as_str()), (500, "INTERNAL_ERROR"));
        assert!(!answer.text().contains("secret"));
        let id = answer.json()["errors"][0]["extensions"]["requestId"].clone();
        assert_eq!(id.as_str(), Some(answer.header("x-request-id")));
    }
}

#[tokio::test]
async fn errors_of_fields_keep_their_code_and_the_uncoded_keep_their_text_inside() {
    let answer = send(&router(), ask("{ hello coded uncoded }")).await;
    assert_eq!(answer.status, 200);
    let json = answer.json();
    assert_eq!(json["data"], serde_json::json!({"hello": "world", "coded": null, "uncoded": null}));
    let codes: Vec<_> = json["errors"].as_array().unwrap().iter().map(|e| &e["extensions"]["code"]).collect();
    assert_eq!(codes, ["CLUSTER_UNAVAILABLE", "INTERNAL_ERROR"]);
    assert!(!answer.text().contains("secret"));
}

#[tokio::test]
async fn an_argument_that_a_scalar_refuses_is_bad_user_input() {
    assert_eq!(send(&router(), ask("{ limited(n: 11) }")).await.code(), "BAD_USER_INPUT");
    let request = post()
        .header("accept", NEW)
        .body(Body::from(r#"{"query":"query ($n: Int!) { limited(n: $n) }","variables":{"n":"many"}}"#));
    let answer = send(&router(), request.unwrap()).await;
    assert!(answer.status == 400 || answer.code() == "BAD_USER_INPUT", "{}", answer.text());
}

#[tokio::test]
async fn the_gate_decides_and_what_it_adds_reaches_resolvers() {
    let as_caller =
        |name| post().header("accept", NEW).header("x-caller", name).body(json_body("{ caller }")).unwrap();
    assert_eq!(send(&router(), as_caller("ann")).await.json()["data"]["caller"], "ann");
    let refused = send(&router(), as_caller("mallory")).await;
    assert_eq!((refused.status, refused.code().as_str()), (403, "FORBIDDEN"));
    assert!(refused.json().get("data").is_none());
}

#[tokio::test]
async fn the_id_of_a_request_is_the_clients_own_if_it_is_sound() {
    let request = post().header("x-request-id", "abc-1").body(json_body("{ nothing }")).unwrap();
    let answer = send(&router(), request).await;
    assert_eq!(answer.header("x-request-id"), "abc-1");
    assert_eq!(answer.json()["errors"][0]["extensions"]["requestId"], "abc-1");
}

#[tokio::test]
async fn long_answers_are_compressed_for_clients_that_ask() {
    let with = |length: usize, encoding: &str| {
        let request = post().header("accept-encoding", encoding);
        request.body(json_body(&format!("{{ text(length: {length}) }}"))).unwrap()
    };
    let long = send(&router(), with(50_000, "gzip")).await;
    assert_eq!(long.header("content-encoding"), "gzip");
    assert!(long.body.len() < 5_000 && long.body.starts_with(&[0x1f, 0x8b]));
    assert_eq!(send(&router(), with(50_000, "identity")).await.header("content-encoding"), "");
    assert_eq!(send(&router(), with(10, "gzip")).await.header("content-encoding"), "");
}

#[tokio::test]
async fn an_unknown_path_is_answered_in_json_with_a_code() {
    let answer = send(&router(), Request::get("/nothing").body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.code().as_str()), (404, "NOT_FOUND"));
    let answer = send(&router(), Request::post("/livez").body(Body::empty()).unwrap()).await;
    assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn the_probes_tell_a_draining_process_from_a_dead_one() {
    let shutdown = Shutdown::new();
    let router = app(&config(), &Arc::new(Seen::default()), &shutdown);
    let probe = |path: &str| send(&router, Request::get(path).body(Body::empty()).unwrap()).boxed_local();
    for path in ["/livez", "/readyz", "/health/live", "/health/ready"] {
        let answer = probe(path).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "ok"), "{path}");
    }
    assert_eq!(probe("/readyz?verbose").await.text(), "[+]shutdown ok\n[+]store ok\nreadyz check passed\n");
    assert_eq!(probe("/livez?verbose").await.text(), "[+]ping ok\nlivez check passed\n");
    shutdown.begin();
    assert_eq!((probe("/readyz").await.status, probe("/health/ready").await.status), (503, 503));
    assert_eq!(probe("/livez").await.status, 200);
}

/// Whether the page was built before the program was.
fn page_is_built() -> bool {
    std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../web/dist/index.html")).exists()
}

#[tokio::test]
async fn the_page_is_served_with_a_policy_that_lets_nothing_else_in() {
    let get = async |path: &str| send(&router(), Request::get(path).body(Body::empty()).unwrap()).await;
    let page = get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'; script-src 'self'; "));
    let missing = get("/assets/../Cargo.toml").await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "NOT_FOUND"));
    let posted = send(&router(), Request::post("/").body(Body::empty()).unwrap()).await;
    assert_eq!((posted.status, posted.header("allow")), (405, "GET, HEAD"));
    if !page_is_built() {
        assert!(page.text().contains("make build"), "it says how to get the page");
        return;
    }
    let text = page.text();
    let assets: Vec<&str> = text.split('"').filter(|part| part.starts_with("./assets/")).collect();
    assert!(assets.iter().any(|asset| asset.ends_with(".js")), "{text}");
    for asset in assets {
        let asset = asset.trim_start_matches('.');
        let file = send(
            &router(),
            Request::get(asset).header("accept-encoding", "gzip").body(Body::empty()).unwrap(),
        )
        .await;
        assert_eq!((file.status, file.header("x-content-type-options")), (200, "nosniff"), "{asset}");
        assert!(file.header("cache-control").contains("immutable"), "{asset}");
        let script = asset.ends_with(".js");
        assert!(!script || file.header("content-type") == "text/javascript; charset=utf-8", "{asset}");
        assert!(!script || file.body.len() < 4096 || file.header("content-encoding") == "gzip", "{asset}");
    }
    let tag = page.header("etag").to_owned();
    let again = Request::get("/").header("if-none-match", &tag).body(Body::empty()).unwrap();
    let again = send(&router(), again).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let explorer = get("/explorer.html").await;
    assert_eq!(explorer.status, 200);
    assert!(explorer.header("content-security-policy").contains("worker-src 'self'"));
}
