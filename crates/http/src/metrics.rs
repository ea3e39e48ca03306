//! What the HTTP side counts, through the global meter `fleetgraph`.
//!
//! The meter provider must be installed before the router is made: instruments belong to the provider they find.

use std::time::Duration;

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Histogram, UpDownCounter},
};

/// From the half millisecond of a cached answer to the time limit.
const SECONDS: [f64; 15] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    duration: Histogram<f64>,
    in_flight: UpDownCounter<i64>,
    websockets: UpDownCounter<i64>,
    subscriptions: UpDownCounter<i64>,
    errors: Counter<u64>,
}

/// Counts one until it is dropped.
#[derive(Debug)]
pub(crate) struct Active {
    counter: UpDownCounter<i64>,
    attributes: Vec<KeyValue>,
}

impl Active {
    fn new(counter: &UpDownCounter<i64>, attributes: Vec<KeyValue>) -> Self {
        counter.add(1, &attributes);
        Self { counter: counter.clone(), attributes }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.counter.add(-1, &self.attributes);
    }
}

/// A finished request, as the duration histogram tells requests apart. None of these grows without bound.
pub(crate) struct Finished {
    pub method: &'static str,
    pub route: String,
    pub status: u16,
    pub operation: Option<&'static str>,
    pub took: Duration,
}

impl Metrics {
    pub fn new() -> Self {
        let meter = global::meter("fleetgraph");
        Self {
            duration: meter
                .f64_histogram("http.server.request.duration")
                .with_unit("s")
                .with_description("Time from a request's header to its answer's header")
                .with_boundaries(SECONDS.to_vec())
                .build(),
            in_flight: meter
                .i64_up_down_counter("http.server.active_requests")
                .with_description("Requests without an answer yet")
                .build(),
            websockets: meter
                .i64_up_down_counter("fleetgraph.websocket.connections")
                .with_description("Open WebSockets")
                .build(),
            subscriptions: meter
                .i64_up_down_counter("fleetgraph.subscriptions.active")
                .with_description("Subscriptions under way, by transport")
                .build(),
            errors: meter
                .u64_counter("fleetgraph.graphql.errors")
                .with_description("Errors in answers, by code")
                .build(),
        }
    }

    pub fn request(&self) -> Active {
        Active::new(&self.in_flight, Vec::new())
    }

    pub fn websocket(&self) -> Active {
        Active::new(&self.websockets, Vec::new())
    }

    pub fn subscription(&self, transport: &'static str) -> Active {
        Active::new(&self.subscriptions, vec![KeyValue::new("transport", transport)])
    }

    pub fn error(&self, code: &str) {
        self.errors.add(1, &[KeyValue::new("code", code.to_owned())]);
    }

    pub fn finished(&self, request: Finished) {
        let mut attributes = vec![
            KeyValue::new("http.request.method", request.method),
            KeyValue::new("http.route", request.route),
            KeyValue::new("http.response.status_code", i64::from(request.status)),
        ];
        attributes.extend(request.operation.map(|kind| KeyValue::new("graphql.operation.type", kind)));
        self.duration.record(request.took.as_secs_f64(), &attributes);
    }
}
