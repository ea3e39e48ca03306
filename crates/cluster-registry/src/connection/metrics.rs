//! What operators see of the traffic to clusters. Labels come from closed sets: cluster ids, verbs, codes.

use std::time::Duration;

use fleetgraph_core::ClusterId;
use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram},
};

use crate::breaker::BreakerState;

#[derive(Debug)]
pub(crate) struct Metrics {
    cluster: KeyValue,
    requests: Counter<u64>,
    duration: Histogram<f64>,
    throttled: Histogram<f64>,
    breaker: Gauge<u64>,
}

impl Metrics {
    pub(super) fn new(cluster: &ClusterId) -> Self {
        let meter = global::meter("fleetgraph");
        Self {
            cluster: KeyValue::new("cluster", cluster.as_str().to_owned()),
            requests: meter
                .u64_counter("fleetgraph.cluster.requests")
                .with_description(
                    "Requests to a cluster's API server, by verb and by HTTP status or error code",
                )
                .build(),
            duration: meter
                .f64_histogram("fleetgraph.cluster.request.duration")
                .with_unit("s")
                .with_description("Time from a request to the headers of its answer, waits included")
                .build(),
            throttled: meter
                .f64_histogram("fleetgraph.cluster.throttle.duration")
                .with_unit("s")
                .with_description("Time that requests waited for the cluster's qps and burst")
                .build(),
            breaker: meter
                .u64_gauge("fleetgraph.cluster.breaker.state")
                .with_description("Circuit breaker: 0 closed, 1 half-open, 2 open")
                .build(),
        }
    }

    pub(super) fn request(&self, verb: &'static str, code: String, took: Duration) {
        let verb = KeyValue::new("verb", verb);
        self.duration.record(took.as_secs_f64(), &[self.cluster.clone(), verb.clone()]);
        self.requests.add(1, &[self.cluster.clone(), verb, KeyValue::new("code", code)]);
    }

    pub(super) fn throttled(&self, waited: Duration) {
        self.throttled.record(waited.as_secs_f64(), std::slice::from_ref(&self.cluster));
    }

    pub(crate) fn breaker(&self, state: BreakerState) {
        self.breaker.record(state as u64, std::slice::from_ref(&self.cluster));
    }
}
