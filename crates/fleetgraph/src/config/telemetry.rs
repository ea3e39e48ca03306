//! Where logs, traces and metrics go.

use std::time::Duration;

use super::settings::{choice, settings};

choice! {
    /// The form of the log on standard error.
    pub enum LogFormat {
        /// Lines for people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

settings! {
    /// Logs, traces and metrics of the server itself.
    pub struct TelemetryConfig {
        /// Collector to which traces, metrics and logs are sent by OTLP over gRPC, such as `http://otel-collector:4317`.
        /// Empty: none are sent; Prometheus' `/metrics` and the log on standard error are there in any case.
        otlp_endpoint: String = String::new(),
        /// Name of this service in traces, metrics and logs.
        service_name: String = "fleetgraph".to_owned(),
        /// Form of the log on standard error: `text` or `json`.
        log_format: LogFormat = LogFormat::default(),
        /// What is logged: a level (`error`, `warn`, `info`, `debug`, `trace`), or a filter such as
        /// `info,cluster_registry=debug`. It holds for the log on standard error and for logs sent by OTLP.
        log_level: String = "info".to_owned(),
        /// Share of the traces that begin here which are recorded, from 0 to 1. A caller's own decision is honoured.
        trace_ratio: f64 = 1.0,
        /// How often metrics are sent by OTLP.
        #[serde(with = "humantime_serde")]
        metrics_interval: Duration = Duration::from_secs(30),
    }
}
