//! Metrics as Prometheus reads them, from the same meter provider that OTLP is fed from.

use opentelemetry_prometheus::PrometheusExporter;
use prometheus::{Encoder, Registry, TextEncoder};

/// The content type of the text format.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// A reader for the meter provider, and the registry that it fills when it is scraped.
pub fn reader() -> Result<(PrometheusExporter, Registry), String> {
    let registry = Registry::new();
    let reader = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        // All of our instruments have one scope; a label that never varies only costs memory.
        .scope_info_enabled(false)
        .build()
        .map_err(|error| error.to_string())?;
    Ok((reader, registry))
}

/// The text that a scrape gets.
pub fn text(registry: &Registry) -> Result<Vec<u8>, prometheus::Error> {
    let mut out = Vec::new();
    TextEncoder::new().encode(&registry.gather(), &mut out)?;
    Ok(out)
}
