//! Every route of the server, in one place.

use std::sync::Arc;

use async_graphql::Executor;
use axum::{
    Router, middleware,
    response::Response,
    routing::{any, get},
};
use fleetgraph_core::ErrorCode;
use http::Request;
use tower_http::compression::{
    CompressionLayer, CompressionLevel,
    predicate::{NotForContentType, Predicate, SizeAbove},
};

use crate::{
    app::App,
    config::HttpConfig,
    context::Gate,
    documents::Documents,
    failure::Failure,
    graphql::{self, Media},
    hardening::harden,
    health::{self, Health, Readiness},
    hosts::{self, Hosts},
    metrics::Metrics,
    observe::observe,
    origins, page,
    request_id::RequestId,
    shutdown::Shutdown,
};

/// What the composition root gives to the routes.
pub struct Parts<E> {
    /// The schema.
    pub executor: E,
    pub gate: Arc<dyn Gate>,
    /// Whoever loads them runs [`Documents::follow`] beside the server.
    pub documents: Documents,
    pub readiness: Arc<dyn Readiness>,
    pub config: HttpConfig,
    /// The same handle that [`crate::serve`] gets.
    pub shutdown: Shutdown,
}

/// The probes, two of them under a second name.
const PROBES: [&str; 4] = ["/livez", "/readyz", "/health/live", "/health/ready"];

/// The whole server. Layers for authentication wrap it from outside; what they put into a request's extensions
/// reaches the gate.
pub fn router<E: Executor>(parts: Parts<E>) -> Router {
    let Parts { executor, gate, documents, readiness, config, shutdown } = parts;
    let metrics = Metrics::new();
    let compression = CompressionLayer::new()
        // The answers are repetitive JSON: the fastest level takes most of what the best one would.
        .quality(CompressionLevel::Fastest)
        .compress_when(
            SizeAbove::new(config.compress_from_bytes).and(NotForContentType::new("text/event-stream")),
        );
    let hosts = Arc::new(Hosts { allowed: config.allowed_hosts.clone(), probes: &PROBES });
    let allowed_origins: Arc<[String]> = config.allowed_origins.clone().into();
    let health = Health { readiness, shutdown: shutdown.clone() };
    let app = Arc::new(App::new(executor, gate, documents, config, shutdown, metrics.clone()));

    let graphql = Router::new()
        .route("/graphql", any(graphql::handle::<E>))
        .layer(compression.clone())
        .layer(middleware::from_fn_with_state(allowed_origins, origins::check))
        .with_state(app);
    let page = Router::new()
        .route("/", get(page::index))
        .route("/explorer.html", get(page::explorer))
        .route("/licenses.md", get(page::licenses))
        .route("/assets/{*file}", get(page::asset))
        .method_not_allowed_fallback(only_get)
        .layer(compression);
    let [livez, readyz, live, ready] = PROBES;
    let probes = Router::new()
        .route(livez, get(health::live))
        .route(readyz, get(health::ready))
        .route(live, get(health::live))
        .route(ready, get(health::ready))
        .method_not_allowed_fallback(only_get)
        .with_state(health);
    Router::new()
        .merge(graphql)
        .merge(probes)
        .merge(page)
        .fallback(nothing_here)
        .layer(middleware::from_fn_with_state(hosts, hosts::check))
        .layer(middleware::from_fn_with_state(Arc::new(metrics), observe))
        .layer(middleware::from_fn(harden))
}

async fn nothing_here(request: Request<axum::body::Body>) -> Response {
    let id = RequestId::given(request.extensions());
    Failure::new(
        ErrorCode::NotFound,
        "nothing is served at this path; GraphQL is at /graphql, and the page at /",
    )
    .into_response(Media::Json, &id)
}

async fn only_get(request: Request<axum::body::Body>) -> Response {
    let id = RequestId::given(request.extensions());
    Failure::method("GET, HEAD", "send a GET").into_response(Media::Json, &id)
}
