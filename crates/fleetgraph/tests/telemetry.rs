//! What the server tells about itself really arrives, by OTLP and at `/metrics`.
//!
//! One test, for a process has one subscriber.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod collector;

use std::{collections::HashMap, time::Duration};

use collector::{Collector, attribute};
use fleetgraph::{
    config::TelemetryConfig,
    telemetry::{Telemetry, serve_metrics},
};
use opentelemetry::{KeyValue, global};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_metrics_and_logs_reach_the_collector_and_prometheus() {
    let (collector, address) = Collector::start().await;
    let telemetry = Telemetry::install(&TelemetryConfig {
        otlp_endpoint: format!("http://{address}"),
        service_name: "fleet-test".into(),
        // Longer than the test: what arrives was flushed by the stop.
        metrics_interval: Duration::from_secs(3600),
        ..TelemetryConfig::default()
    })
    .unwrap();
    assert!(Telemetry::install(&TelemetryConfig::default()).is_err(), "a process has one subscriber");

    let headers = HashMap::from([("traceparent".to_owned(), format!("00-{TRACE}-00f067aa0ba902b7-01"))]);
    let parent = global::get_text_map_propagator(|propagator| propagator.extract(&headers));
    let span = tracing::info_span!("request", http.route = "/graphql");
    span.set_parent(parent).unwrap();
    async {
        tracing::info!(cluster = "prod-eu", "something was asked");
        tracing::debug!("too fine to be sent");
    }
    .instrument(span)
    .await;
    global::meter("fleetgraph").u64_counter("test.requests").build().add(3, &[KeyValue::new("code", "OK")]);

    let page = scrape(&telemetry).await;
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("content-type: text/plain; version=0.0.4"), "{page}");
    let samples = samples(&page);
    assert_eq!(samples["test_requests_total{code=\"OK\"}"], 3.0);
    assert!(samples["process_resident_memory_bytes"] > 1e6);
    assert!(samples["process_open_fds"] > 2.0);
    assert!(samples["fleetgraph_allocated_memory_bytes"] >= 0.0);
    assert!(samples.contains_key("process_cpu_seconds_total"));
    assert!(page.contains("fleetgraph_build_info{"), "{page}");
    assert!(page.contains("service_name=\"fleet-test\""), "{page}");

    telemetry.stop(Duration::from_secs(20)).await;
    let span = collector
        .wait_for("the span", |got| got.spans.iter().find(|span| span.name == "request").cloned())
        .await;
    assert_eq!(hex(&span.trace_id), TRACE, "the caller's trace goes on");
    assert_eq!(hex(&span.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(attribute(&span.attributes, "http.route").as_deref(), Some("/graphql"));

    let log = collector
        .wait_for("the log", |got| {
            got.logs.iter().find(|log| attribute(&log.attributes, "cluster").is_some()).cloned()
        })
        .await;
    assert_eq!(hex(&log.trace_id), TRACE, "a log belongs to its trace");
    assert_eq!(hex(&log.span_id), hex(&span.span_id));

    collector
        .wait_for("the metrics", |got| got.metrics.iter().any(|name| name == "test.requests").then_some(()))
        .await;
    collector.look(|got| {
        assert!(got.services.iter().all(|name| name == "fleet-test"), "{:?}", got.services);
        let text = format!("{:?}", got.logs);
        assert!(!text.contains("too fine to be sent"), "the level holds for what is sent");
    });
}

/// `/metrics` as it is on the wire; nothing else is there.
async fn scrape(telemetry: &Telemetry) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let server = tokio::spawn(serve_metrics(listener, telemetry.prometheus(), stop.clone()));
    let ask = async |request: &str| {
        let mut socket = TcpStream::connect(address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.unwrap();
        answer
    };
    assert!(ask("GET /").await.starts_with("HTTP/1.1 404"));
    assert!(ask("POST /metrics").await.starts_with("HTTP/1.1 405"));
    let page = ask("GET /metrics").await;

    // A connection that is idle doesn't hold up the end.
    let _idle = TcpStream::connect(address).await.unwrap();
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(10), server).await.unwrap().unwrap().unwrap();
    page
}

/// The samples of the text format, each line of which must be a comment or `name{labels} value`.
fn samples(page: &str) -> HashMap<String, f64> {
    let (_, body) = page.split_once("\r\n\r\n").unwrap();
    body.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a sample: {line:?}"));
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("not a number: {line:?}")))
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
