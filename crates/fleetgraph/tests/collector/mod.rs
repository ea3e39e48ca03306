//! A collector: an OTLP receiver on loopback that keeps what it gets.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    logs::v1::LogRecord,
    trace::v1::Span,
};
use tonic::{Request, Response, Status};

#[derive(Clone, Default)]
pub struct Collector {
    received: Arc<Mutex<Received>>,
}

#[derive(Default)]
pub struct Received {
    pub spans: Vec<Span>,
    pub logs: Vec<LogRecord>,
    /// Names of metrics.
    pub metrics: Vec<String>,
    /// `service.name` of each export of spans, metrics and logs.
    pub services: Vec<String>,
}

impl Collector {
    /// Starts it; it ends with the runtime.
    pub async fn start() -> (Self, SocketAddr) {
        let this = Self::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .add_service(TraceServiceServer::new(this.clone()))
            .add_service(MetricsServiceServer::new(this.clone()))
            .add_service(LogsServiceServer::new(this.clone()))
            .serve_with_incoming(tokio_stream::wrappers::TcpListenerStream::new(listener));
        tokio::spawn(server);
        (this, address)
    }

    pub fn look<T>(&self, at: impl FnOnce(&Received) -> T) -> T {
        at(&self.received.lock().unwrap())
    }

    /// Waits until something has arrived.
    pub async fn wait_for<T>(&self, what: &str, find: impl Fn(&Received) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(found) = self.look(&find) {
                return found;
            }
            assert!(Instant::now() < deadline, "the collector never got {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?;
    match value.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        other => Some(format!("{other:?}")),
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut received = self.received.lock().unwrap();
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.unwrap_or_default().attributes;
            received.services.extend(attribute(&attributes, "service.name"));
            received.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Collector {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut received = self.received.lock().unwrap();
        for resource in request.into_inner().resource_metrics {
            let attributes = resource.resource.unwrap_or_default().attributes;
            received.services.extend(attribute(&attributes, "service.name"));
            let metrics = resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
            received.metrics.extend(metrics.map(|metric| metric.name));
        }
        Ok(Response::new(Default::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Collector {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mut received = self.received.lock().unwrap();
        for resource in request.into_inner().resource_logs {
            let attributes = resource.resource.unwrap_or_default().attributes;
            received.services.extend(attribute(&attributes, "service.name"));
            received.logs.extend(resource.scope_logs.into_iter().flat_map(|scope| scope.log_records));
        }
        Ok(Response::new(Default::default()))
    }
}
