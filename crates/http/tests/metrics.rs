//! What the server counts of itself. A test binary of its own, since the meter provider is one for the process.

mod support;

use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Encoder, Registry, TextEncoder};
use support::{
    Server, config,
    raw::{ask, send},
    socket::Socket,
    until,
};

fn scrape(registry: &Registry) -> String {
    let mut text = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut text).expect("metrics are text");
    String::from_utf8(text).expect("metrics are UTF-8")
}

/// The value of the one series with this name and all of these labels.
fn value(text: &str, name: &str, labels: &[&str]) -> Option<f64> {
    let mut lines = text.lines().filter(|line| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with(['{', ' ']));
        rest.is_some_and(|rest| labels.iter().all(|label| rest.contains(label)))
    });
    lines.next()?.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn requests_sockets_subscriptions_and_errors_are_counted() {
    let registry = Registry::new();
    let exporter = opentelemetry_prometheus::exporter().with_registry(registry.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(exporter.expect("an exporter")).build();
    opentelemetry::global::set_meter_provider(provider);
    let now = |name: &str, labels: &[&str]| value(&scrape(&registry), name, labels);

    let shutdown = http_api::Shutdown::new();
    let router = support::app(&config(), &std::sync::Arc::default(), &shutdown);
    for (query, status) in
        [("{ hello }", 200), ("{ hello }", 200), ("mutation { bump }", 200), ("{ nothing }", 400)]
    {
        assert_eq!(send(&router, ask(query)).await.status, status, "{query}");
    }
    let invented = http::Request::get("/an/invented/path").body(axum::body::Body::empty());
    assert_eq!(send(&router, invented.expect("a request")).await.status, 404);

    let count = "http_server_request_duration_seconds_count";
    let of = |kind: &str, status: &str| {
        let (kind, status) =
            (format!("graphql_operation_type=\"{kind}\""), format!("http_response_status_code=\"{status}\""));
        now(count, &["http_request_method=\"POST\"", "http_route=\"/graphql\"", &kind, &status])
    };
    assert_eq!(
        (of("query", "200"), of("query", "400"), of("mutation", "200")),
        (Some(2.0), Some(1.0), Some(1.0))
    );
    assert_eq!(now(count, &["http_route=\"unmatched\"", "http_response_status_code=\"404\""]), Some(1.0));
    assert!(!scrape(&registry).contains("invented"), "a path of a client's choice became a label");
    assert_eq!(now("http_server_active_requests", &[]), Some(0.0));
    assert_eq!(now("fleetgraph_graphql_errors_total", &["code=\"GRAPHQL_VALIDATION_FAILED\""]), Some(1.0));

    let server = Server::start(config()).await;
    let mut socket = Socket::acknowledged(&server).await;
    socket.subscribe("1", "subscription { once }").await;
    assert_eq!(socket.hear().await["type"], "next");
    let by_websocket = ["transport=\"websocket\""];
    assert_eq!(now("fleetgraph_websocket_connections", &[]), Some(1.0));
    assert_eq!(now("fleetgraph_subscriptions_active", &by_websocket), Some(1.0));
    drop(socket);
    until("the end of the subscription", || {
        now("fleetgraph_subscriptions_active", &by_websocket) == Some(0.0)
    })
    .await;
    until("the end of the socket", || now("fleetgraph_websocket_connections", &[]) == Some(0.0)).await;
}
