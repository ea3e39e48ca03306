//! What the server tells about itself: logs, traces and metrics.
//!
//! ```text
//! tracing ──┬─► standard error (text or JSON)
//!           ├─► spans ──► OTLP
//!           └─► logs  ──► OTLP          (OTLP: only when an endpoint is configured)
//! meters  ──┬─► /metrics (Prometheus)
//!           └─► OTLP
//! ```
//!
//! One resource describes the server in all of them, and one meter provider feeds both ways out, so that they can't
//! disagree. Incoming trace contexts are read by the W3C propagator that is installed here.

mod format;
mod otlp;
mod process;
mod prometheus;
mod scrape;

use std::time::Duration;

use opentelemetry::{KeyValue, global, trace::TracerProvider as _};
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::{
    Resource, logs::SdkLoggerProvider, metrics::SdkMeterProvider, propagation::TraceContextPropagator,
    resource::EnvResourceDetector, trace::SdkTracerProvider,
};
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt, filter_fn},
    layer::SubscriberExt,
};

pub use self::scrape::serve as serve_metrics;
use crate::config::{LogFormat, TelemetryConfig};

/// Crates that the exporters themselves use: their spans and logs aren't exported, or each export would cause the next.
const EXPORTERS: &str = "h2=off,hyper=off,hyper_util=off,opentelemetry=off,opentelemetry_sdk=off,\
                         opentelemetry_otlp=off,tonic=off,tower=off";

/// Telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("telemetry.log_level: {0}")]
    Filter(String),
    #[error("telemetry.otlp_endpoint: {0}")]
    Otlp(#[from] opentelemetry_otlp::ExporterBuildError),
    #[error("Prometheus metrics: {0}")]
    Prometheus(String),
    #[error("a log subscriber is already installed in this process")]
    Installed,
}

/// The providers; dropping them without [`Telemetry::stop`] loses what they still buffer.
#[derive(Debug)]
pub struct Telemetry {
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
    metrics: SdkMeterProvider,
    prometheus: ::prometheus::Registry,
}

impl Telemetry {
    /// Installs logs, traces and metrics for the whole process. Needs a Tokio runtime when an OTLP endpoint is set.
    ///
    /// # Errors
    /// When the configuration can't work, or when it was called before in this process.
    pub fn install(config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let resource = resource(config);
        let endpoint = Some(config.otlp_endpoint.as_str()).filter(|endpoint| !endpoint.is_empty());
        let traces =
            endpoint.map(|url| otlp::traces(url, config.trace_ratio, resource.clone())).transpose()?;
        let logs = endpoint.map(|url| otlp::logs(url, resource.clone())).transpose()?;
        let (reader, prometheus) = prometheus::reader().map_err(TelemetryError::Prometheus)?;
        let mut metrics = SdkMeterProvider::builder().with_resource(resource).with_reader(reader);
        if let Some(url) = endpoint {
            metrics = metrics.with_reader(otlp::metrics(url, config.metrics_interval)?);
        }
        let metrics = metrics.build();

        let subscriber = Registry::default()
            .with(to_stderr(config)?)
            .with(traces.as_ref().map(|provider| {
                tracing_opentelemetry::layer()
                    .with_tracer(provider.tracer("fleetgraph"))
                    .with_filter(EnvFilter::new(format!("info,{EXPORTERS}")).and(filter_fn(is_work)))
            }))
            .with(logs.as_ref().map(OpenTelemetryTracingBridge::new).map(|bridge| {
                bridge.with_filter(
                    EnvFilter::new(format!("{},{EXPORTERS}", config.log_level))
                        .and(filter_fn(shows_no_bodies)),
                )
            }));
        tracing::subscriber::set_global_default(subscriber).map_err(|_| TelemetryError::Installed)?;
        global::set_text_map_propagator(TraceContextPropagator::new());
        global::set_meter_provider(metrics.clone());
        if let Some(provider) = &traces {
            global::set_tracer_provider(provider.clone());
        }
        process::observe(&global::meter("fleetgraph"));
        Ok(Self { traces, logs, metrics, prometheus })
    }

    /// What `/metrics` answers from.
    #[must_use]
    pub fn prometheus(&self) -> ::prometheus::Registry {
        self.prometheus.clone()
    }

    /// Sends what is still buffered and ends, within the deadline; what the collector didn't take by then is lost.
    pub async fn stop(self, deadline: Duration) {
        // The providers' own shutdown blocks its thread, while their exporters need the runtime.
        let ending = tokio::task::spawn_blocking(move || {
            let traces = self.traces.map(|provider| provider.shutdown_with_timeout(deadline));
            let metrics = self.metrics.shutdown_with_timeout(deadline);
            let logs = self.logs.map(|provider| provider.shutdown_with_timeout(deadline));
            [traces, Some(metrics), logs].into_iter().flatten().filter_map(Result::err).collect::<Vec<_>>()
        });
        match tokio::time::timeout(deadline, ending).await {
            Ok(Ok(failures)) => {
                for failure in failures {
                    tracing::warn!(%failure, "telemetry could not be flushed");
                }
            }
            Ok(Err(panicked)) => tracing::warn!(%panicked, "telemetry could not be flushed"),
            Err(_) => tracing::warn!(?deadline, "telemetry was not flushed in time"),
        }
    }
}

/// A task's span lasts as long as the server. As a trace, it would be the parent of everything that the task ever does; it
/// is for the log only.
fn is_work(metadata: &tracing::Metadata<'_>) -> bool {
    metadata.name() != "task"
}

/// Parses a level or a filter such as `info,cluster_registry=debug`.
///
/// # Errors
/// A message that says what is allowed.
pub fn log_filter(text: &str) -> Result<EnvFilter, String> {
    // A bare unknown word would be taken for the name of a crate, and everything else would fall silent.
    let bare = text.split(',').map(str::trim).filter(|part| !part.contains('='));
    for level in bare {
        if !["off", "error", "warn", "info", "debug", "trace"].contains(&level.to_lowercase().as_str()) {
            return Err(format!(
                "{level:?} is not a log level; use off, error, warn, info, debug or trace, \
                 or a filter such as \"info,cluster_registry=debug\""
            ));
        }
    }
    EnvFilter::builder().parse(text).map_err(|error| format!("not a log filter: {error}"))
}

/// The SDK tells of its own housekeeping at `info`. Whoever names it in a filter gets it.
fn quieted(filter: &str) -> String {
    let silent =
        filter.split(',').any(|part| ["off", "error"].contains(&part.trim().to_lowercase().as_str()));
    let quiet =
        if silent { "" } else { "opentelemetry=warn,opentelemetry_sdk=warn,opentelemetry_otlp=warn," };
    format!("{quiet}{filter}")
}

/// kube logs the whole body of an answer that it can't decode, whatever is in it. What is wrong with an answer is in
/// our own logs, without its text.
fn shows_no_bodies(metadata: &tracing::Metadata<'_>) -> bool {
    !metadata.target().starts_with("kube_client")
}

type Stderr = Box<dyn Layer<Registry> + Send + Sync>;

fn to_stderr(config: &TelemetryConfig) -> Result<Stderr, TelemetryError> {
    let filter = log_filter(&quieted(&config.log_level)).map_err(TelemetryError::Filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    Ok(match config.log_format {
        LogFormat::Text => {
            let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
            lines.with_ansi(colours).with_filter(filter.and(filter_fn(shows_no_bodies))).boxed()
        }
        LogFormat::Json => lines
            .event_format(format::JsonLines)
            .fmt_fields(tracing_subscriber::fmt::format::JsonFields::new())
            .with_filter(filter.and(filter_fn(shows_no_bodies)))
            .boxed(),
    })
}

/// Who speaks. OTEL_RESOURCE_ATTRIBUTES may add attributes, and may not contradict the configured name.
fn resource(config: &TelemetryConfig) -> Resource {
    Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("process.pid", i64::from(std::process::id())),
        ])
        .with_detector(Box::new(EnvResourceDetector::new()))
        .with_service_name(config.service_name.clone())
        .build()
}

#[cfg(test)]
mod tests {
    use super::log_filter;

    #[test]
    fn levels_and_filters_are_accepted() {
        for text in ["info", "WARN", "info,cluster_registry=debug", "off,fleetgraph[request]=trace"] {
            assert!(log_filter(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn a_misspelt_level_is_refused_rather_than_taken_for_a_crate() {
        assert!(log_filter("inof").unwrap_err().contains("not a log level"));
        assert!(log_filter("info,cluster_registry=loud").is_err());
        assert!(log_filter("").is_err());
    }
}
