//! Around every request: its id, its span, its metrics, and an answer even when the handler panics.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use async_graphql::parser::types::OperationType;
use axum::{
    body::Body,
    extract::{MatchedPath, State},
    middleware::Next,
    response::Response,
};
use fleetgraph_core::ErrorCode;
use futures::FutureExt;
use http::{HeaderMap, Method, Request};
use opentelemetry::propagation::Extractor;
use tracing::{Instrument, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::{
    failure::Failure,
    graphql::{Media, panic_text},
    metrics::{Finished, Metrics},
    request_id::{self, RequestId},
};

/// Left in an answer's extensions by the GraphQL handler.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OperationKind(pub OperationType);

impl OperationKind {
    fn as_str(self) -> &'static str {
        match self.0 {
            OperationType::Query => "query",
            OperationType::Mutation => "mutation",
            OperationType::Subscription => "subscription",
        }
    }
}

/// The middleware.
pub(crate) async fn observe(
    State(metrics): State<Arc<Metrics>>,
    mut request: Request<Body>,
    next: Next,
) -> Response {
    let began = Instant::now();
    let _in_flight = metrics.request();
    let id = RequestId::of(request.headers());
    let method = known(request.method());
    // The pattern, never the path: a scanner would otherwise make a time series of each path that it tries.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = span(&request, method, &route, &id);
    request.extensions_mut().insert(id.clone());

    let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let mut response = outcome.unwrap_or_else(|panic| {
        tracing::error!(parent: &span, panic = panic_text(&*panic), "a handler panicked");
        Failure::new(ErrorCode::Internal, "internal error; the log has more under this requestId")
            .into_response(Media::Json, &id)
    });

    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    if let Some(value) = id.header_value() {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    let operation = response.extensions().get::<OperationKind>().map(|kind| kind.as_str());
    let took = began.elapsed();
    tracing::debug!(parent: &span, took_ms = took.as_millis(), "answered");
    metrics.finished(Finished { method, route, status: status.as_u16(), operation, took });
    response
}

fn span(request: &Request<Body>, method: &'static str, route: &str, id: &RequestId) -> Span {
    let span = tracing::info_span!(
        "http.request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        graphql.operation.type = field::Empty,
        graphql.operation.name = field::Empty,
        request_id = %id,
    );
    let parent = opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.extract(&Headers(request.headers()))
    });
    // Fails only where no OpenTelemetry layer is installed, and then there is no trace to join.
    let _ = span.set_parent(parent);
    span
}

/// A method by its name if it is one of the registered ones, since a client may invent any.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 9] = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "CONNECT", "TRACE"];
    KNOWN.into_iter().find(|name| *name == method.as_str()).unwrap_or("_OTHER")
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
