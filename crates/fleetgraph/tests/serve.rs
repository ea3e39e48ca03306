//! The program as a whole: it starts, becomes ready, answers, drains, and says clearly why it doesn't.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod collector;
#[expect(dead_code, reason = "shared with the tests that change the configuration")]
mod server;

use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

use collector::Collector;
use rustix::process::Signal;
use server::{Server, ask, run, until};

/// Nobody listens there.
fn dead() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// An API server that takes connections and never says a word. It lasts as long as the listener.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_cluster_does_not_keep_the_server_unready() {
    let server = Server::start(&[("dead", dead())], &[]);
    until(server.http(), "/health/ready", 200).await;
    let query = r#"{"query": "{ clusters { id } }"}"#;
    let headers = [("content-type", "application/json"), ("accept", "application/json")];
    let (status, body) = ask(server.http(), "POST /graphql", &headers, query).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#""id":"dead""#), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_still_waits_for_a_cluster_is_alive_but_not_ready() {
    let (_listener, url) = silent();
    let mut server = Server::start(&[("silent", url)], &[]);
    until(server.http(), "/health/live", 200).await;
    let (status, body) = ask(server.http(), "GET /health/ready?verbose", &[], "").await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("silent"), "it says for which cluster it waits: {body}");
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn both_signals_drain_the_server_and_end_it_with_zero() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&[("dead", dead())], &[]);
        until(server.http(), "/health/ready", 200).await;
        server.signal(signal);
        assert_eq!(server.ended().code(), Some(0), "{}", server.log());
        for phase in ["ready", "draining", "stopped"] {
            server.logged(|line| line["fields"]["phase"] == phase);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_whose_kubeconfig_is_missing_is_listed_and_the_others_go_on() {
    let server = Server::configured(&format!(
        "clusters:\n  - {{id: lost, kubeconfig_path: /no/such/file}}\n  \
         - {{id: dead, auth_method: token, api_server_url: '{}', service_account_token: hush-hush}}\n",
        dead()
    ));
    until(server.http(), "/health/ready", 200).await;
    let headers = [("content-type", "application/json")];
    let query = r#"{"query": "{ clusters { id } }"}"#;
    let (_, body) = ask(server.http(), "POST /graphql", &headers, query).await;
    assert!(body.contains(r#""id":"lost""#) && body.contains(r#""id":"dead""#), "{body}");
    server.logged(|line| line.to_string().contains("/no/such/file"));
    assert!(!server.log().contains("hush"), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_beyond_the_configured_limits_is_refused_with_its_code() {
    let server = Server::configured(&format!(
        "limits: {{max_depth: 2, max_root_fields: 1}}\nclusters:\n  \
         - {{id: dead, auth_method: token, api_server_url: '{}', service_account_token: t}}\n",
        dead()
    ));
    let ask = async |query: &str| {
        let body = serde_json::json!({ "query": query }).to_string();
        ask(server.http(), "POST /graphql", &[("content-type", "application/json")], &body).await.1
    };
    assert!(ask("{ clusters { id } }").await.contains(r#""id":"dead""#));
    assert!(ask("{ a: clusters { id } b: clusters { id } }").await.contains("ROOT_FIELD_LIMIT"));
    assert!(ask("{ pods { cluster { freshness { state } } } }").await.contains("DEPTH_LIMIT"));
}

#[tokio::test(flavor = "multi_thread")]
async fn chosen_contexts_are_the_only_clusters() {
    let server =
        Server::start(&[("a", dead()), ("b", dead()), ("c", dead())], &["--context", "a", "--context", "c"]);
    until(server.http(), "/health/ready", 200).await;
    let (_, body) = ask(
        server.http(),
        "POST /graphql",
        &[("content-type", "application/json")],
        r#"{"query": "{ clusters { id } }"}"#,
    )
    .await;
    assert!(
        body.contains(r#""id":"a""#) && body.contains(r#""id":"c""#) && !body.contains(r#""id":"b""#),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_continues_its_callers_trace_and_is_logged_within_it() {
    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    let (collector, address) = Collector::start().await;
    let url = format!("http://{address}");
    let mut server =
        Server::start(&[("dead", dead())], &["--otlp-endpoint", &url, "--service-name", "fleet-under-test"]);
    until(server.http(), "/health/ready", 200).await;
    let parent = format!("00-{TRACE}-b7ad6b7169203331-01");
    let headers = [("content-type", "application/json"), ("traceparent", parent.as_str())];
    let (status, body) =
        ask(server.http(), "POST /graphql", &headers, r#"{"query": "{ clusters { id } }"}"#).await;
    assert_eq!(status, 200, "{body}");
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());

    let of_trace = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == TRACE;
    collector
        .wait_for("a span of the caller's trace", |got| {
            got.spans.iter().any(|span| of_trace(&span.trace_id)).then_some(())
        })
        .await;
    collector
        .wait_for("a metric", |got| got.metrics.iter().any(|name| name.contains("request")).then_some(()))
        .await;
    collector.wait_for("a log", |got| (!got.logs.is_empty()).then_some(())).await;
    collector.look(|got| assert!(got.services.iter().all(|name| name == "fleet-under-test")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_does_not_hold_up_the_end() {
    let (_listener, url) = silent();
    let mut server = Server::start(&[("dead", dead())], &["--otlp-endpoint", &url]);
    until(server.http(), "/health/ready", 200).await;
    let asked = Instant::now();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
    assert!(asked.elapsed() < Duration::from_secs(15), "{:?}", asked.elapsed());
}

/// `docs/observability.md` names every metric that a running server shows.
#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_documented() {
    let page =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/observability.md")).unwrap();
    let server = Server::start(&[("dead", dead())], &[]);
    until(server.http(), "/health/ready", 200).await;
    ask(server.http(), "GET /graphql?query=%7B__typename%7D", &[("accept", "application/json")], "").await;
    let (status, metrics) = ask(server.metrics(), "GET /metrics", &[], "").await;
    assert_eq!(status, 200);
    let names: Vec<_> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    assert!(names.len() > 5, "{metrics}");
    let missing: Vec<_> = names.into_iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "not in docs/observability.md: {missing:?}");
}

#[test]
fn an_address_in_use_is_a_clear_failure() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let clusters =
        r#"[{id: a, auth_method: token, api_server_url: "http://127.0.0.1:1", service_account_token: t}]"#;
    for flag in ["--listen", "--metrics-listen"] {
        let (other, port) = if flag == "--listen" { ("--metrics-listen", 0) } else { ("--listen", 0) };
        let other_address = format!("127.0.0.1:{port}");
        let arguments = ["serve", flag, &address, other, &other_address, "--clusters-config", clusters];
        let (code, _, err) = run(&arguments);
        assert_eq!(code, Some(1), "{err}");
        assert!(err.contains(&address) && err.contains("in use"), "{err}");
    }
}

#[test]
fn without_any_cluster_the_server_says_how_to_name_one() {
    let (code, _, err) = run(&["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("/no/such/kubeconfig"), "{err}");
}

#[test]
fn a_wrong_configuration_ends_with_two_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleet.yaml");
    fs::write(&file, "lisen: 127.0.0.1:0\nwatch_resources: [dployments]\n").unwrap();
    let file = file.to_str().unwrap();
    for arguments in [["config", "--check", file], ["serve", "--config", file]] {
        let (code, _, err) = run(&arguments);
        assert_eq!(code, Some(2), "{err}");
        assert!(err.contains("fleet.yaml:1:1: lisen: unknown key; did you mean \"listen\"?"), "{err}");
        assert!(
            err.contains("fleet.yaml:2:19: watch_resources[0]") && err.contains("\"deployments\""),
            "{err}"
        );
    }
    let (code, _, err) = run(&["serve", "--listen", "0.0.0.0:8080"]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("nobody would be asked who they are"), "{err}");
}

#[test]
fn the_exit_code_is_the_same_when_nobody_reads_the_reason() {
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let status = std::process::Command::new(env!("CARGO_BIN_EXE_fleetgraph"))
        .args(["serve", "--listen", "0.0.0.0:8080"])
        .stderr(closed)
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(2));
}

#[test]
fn the_printed_configuration_passes_its_own_check() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleet.yaml");
    let (code, printed, _) = run(&["config"]);
    assert_eq!(code, Some(0));
    fs::write(&file, printed).unwrap();
    let (code, _, err) = run(&["config", "--check", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
}

#[test]
fn the_schema_is_that_of_a_federation_subgraph() {
    let (code, sdl, err) = run(&["schema"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(sdl.contains("https://specs.apollo.dev/federation/v2") && sdl.contains("type Pod"), "{sdl}");
}
