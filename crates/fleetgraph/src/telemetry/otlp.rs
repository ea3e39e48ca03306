//! The ways out by OTLP over gRPC.
//!
//! Each signal has a bounded buffer in the SDK (2,048 spans, 2,048 log records; OTEL_BSP_* and OTEL_BLRP_* change them). When
//! a collector is slow or away, new spans and records beyond it are dropped and counted in a warning; the server never waits.

use std::time::Duration;

use opentelemetry_otlp::{ExporterBuildError, LogExporter, MetricExporter, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    logs::SdkLoggerProvider,
    metrics::PeriodicReader,
    trace::{Sampler, SdkTracerProvider},
};

pub fn traces(url: &str, ratio: f64, resource: Resource) -> Result<SdkTracerProvider, ExporterBuildError> {
    let exporter = SpanExporter::builder().with_tonic().with_endpoint(url).build()?;
    // A caller's decision is honoured, so that no trace is recorded in parts.
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource)
        .build())
}

pub fn logs(url: &str, resource: Resource) -> Result<SdkLoggerProvider, ExporterBuildError> {
    let exporter = LogExporter::builder().with_tonic().with_endpoint(url).build()?;
    Ok(SdkLoggerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build())
}

pub fn metrics(url: &str, interval: Duration) -> Result<PeriodicReader<MetricExporter>, ExporterBuildError> {
    let exporter = MetricExporter::builder().with_tonic().with_endpoint(url).build()?;
    Ok(PeriodicReader::builder(exporter).with_interval(interval).build())
}
