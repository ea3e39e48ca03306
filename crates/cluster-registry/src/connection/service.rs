//! The way of every request to a cluster:
//!
//! ```text
//!   breaker → qps and burst → time-out → transport (credentials, TLS, HTTP) → verdict → bounded answer
//! ```
//!
//! The verdict tells the breaker whether the cluster was reached, the reloader whether the credentials were
//! refused, and the caller when what answered is no API server. The transport is read anew for each request, so a
//! new generation of credentials serves the next request, and the streams of the old one run on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use fleetgraph_core::ErrorCode;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, combinators::UnsyncBoxBody};
use hyper::body::{Body as _, Incoming};
use kube::client::Body;
use tokio::{sync::Notify, time::Instant};
use tower::{BoxError, Service};
use tracing::{Instrument, field};

use super::{
    Actor, ClusterSpec,
    answer::{Answer, Bounds},
    classify::classify_call,
    error::CallError,
    lanes::Stream,
    limiter::Limiter,
    metrics::Metrics,
    request::{About, PROBE_PATIENCE, Probe},
    transport::Transport,
};
use crate::breaker::Breaker;

type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// What all requests to one cluster share.
pub(super) struct Shared {
    pub(super) spec: Arc<ClusterSpec>,
    pub(super) breaker: Breaker,
    pub(super) metrics: Arc<Metrics>,
    pub(super) transport: ArcSwap<Transport>,
    pub(super) refused: Refused,
    limiter: Limiter,
}

/// Tells the reloader that the cluster did not accept us.
#[derive(Debug, Default)]
pub(super) struct Refused {
    /// The credentials themselves were refused, so a plugin should be asked for others.
    pub(super) credentials: AtomicBool,
    pub(super) wake: Notify,
}

impl Shared {
    pub(super) fn new(spec: Arc<ClusterSpec>, transport: Transport) -> Self {
        Self {
            breaker: Breaker::new(spec.tuning.breaker.clone()),
            metrics: Arc::new(Metrics::new(&spec.id)),
            limiter: Limiter::new(spec.qps, spec.burst),
            transport: ArcSwap::from_pointee(transport),
            refused: Refused::default(),
            spec,
        }
    }

    fn cluster(&self) -> String {
        self.spec.id.as_str().to_owned()
    }

    async fn admit(&self) -> Result<(), CallError> {
        self.reachable()?;
        let start = Instant::now();
        let admitted = self.limiter.acquire(self.spec.timeout).await;
        self.metrics.throttled(start.elapsed());
        admitted.map_err(|_| CallError::Throttled {
            cluster: self.cluster(),
            qps: self.spec.qps,
            burst: self.spec.burst,
        })?;
        // It may have opened during the wait.
        self.reachable()
    }

    fn reachable(&self) -> Result<(), CallError> {
        if self.breaker.reachable() {
            return Ok(());
        }
        let reason = self.breaker.reason().unwrap_or_else(|| "unknown".to_owned());
        Err(CallError::Unavailable { cluster: self.cluster(), reason })
    }

    async fn run(
        &self,
        mut request: Request<Body>,
        actor: Option<&Actor>,
        about: &About,
    ) -> Result<Response<AnswerBody>, BoxError> {
        let mut patience = self.spec.timeout;
        if request.extensions_mut().remove::<Probe>().is_some() {
            patience = patience.min(PROBE_PATIENCE);
        } else {
            self.admit().await?;
        }
        let transport = self.transport.load_full();
        let deadline = Instant::now() + patience;
        let Ok(sent) = tokio::time::timeout_at(deadline, transport.send(request, actor)).await else {
            let late = self.late(patience);
            if actor.is_none() {
                self.breaker.record_failure(&late.to_string());
            }
            return Err(late.into());
        };
        match sent {
            Ok(response) => {
                // Another's token says nothing of ours.
                let ours = actor.is_none_or(|actor| !actor.is_itself());
                if response.status() == StatusCode::UNAUTHORIZED && ours {
                    self.refuse(true);
                }
                self.judge(response, actor, about, deadline, patience)
            }
            Err(error) => {
                // One of ours was not sent.
                if !error.is::<CallError>() {
                    self.failed(&error);
                }
                Err(error)
            }
        }
    }

    /// A request that got no answer.
    fn failed(&self, error: &BoxError) {
        let told = classify_call(error.as_ref());
        match told.code {
            // The fault is in the credentials, on this side; it says nothing about the cluster.
            ErrorCode::ClusterUnauthenticated | ErrorCode::ClusterConfig => self.refuse(true),
            code => {
                self.breaker.record_failure(&told.message);
                if code == ErrorCode::ClusterTls {
                    self.refuse(false);
                }
            }
        }
    }

    fn refuse(&self, credentials: bool) {
        if credentials {
            self.refused.credentials.store(true, Ordering::Release);
        }
        self.refused.wake.notify_one();
    }

    fn judge(
        &self,
        response: Response<(Stream, Incoming)>,
        actor: Option<&Actor>,
        about: &About,
        deadline: Instant,
        patience: Duration,
    ) -> Result<Response<AnswerBody>, BoxError> {
        let status = response.status();
        if matches!(
            status,
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
        ) {
            // What a webhook does to a caller's change says nothing of the cluster.
            if actor.is_none() {
                self.breaker.record_failure(&format!("HTTP {status}"));
            }
        } else {
            self.breaker.record_success();
        }
        if let Some((what, hint)) = foreign(&response) {
            return Err(CallError::NotKubernetes { cluster: self.cluster(), what, hint }.into());
        }
        if status == StatusCode::TOO_MANY_REQUESTS && !is_json(&response) {
            return Ok(too_many_requests(&response));
        }
        let limit = if about.verb == "list" {
            self.spec.tuning.max_list_bytes
        } else {
            self.spec.tuning.max_object_bytes
        };
        let too_large = CallError::TooLarge { cluster: self.cluster(), limit };
        if !about.endless && response.body().1.size_hint().lower() > limit {
            return Err(too_large.into());
        }
        let deadline =
            (!about.endless).then(|| (Box::pin(tokio::time::sleep_until(deadline)), self.late(patience)));
        let bounds = Bounds { bytes: limit, endless: about.endless, too_large, deadline };
        Ok(response.map(|(stream, body)| Answer::new(body, stream, bounds).boxed_unsync()))
    }

    fn late(&self, after: Duration) -> CallError {
        CallError::TimedOut { cluster: self.cluster(), after }
    }
}

/// Whether something other than an API server answered: what it sent, and what to do.
fn foreign<B>(response: &Response<B>) -> Option<(String, &'static str)> {
    let status = response.status();
    if status.is_redirection() {
        return Some((
            format!("a redirect (HTTP {})", status.as_u16()),
            "a gateway or login page stands before it: use the API server's direct address",
        ));
    }
    if !content_type(response).starts_with("text/html") {
        return None;
    }
    let hint = if status.is_server_error() {
        "the load balancer or proxy before it has no healthy API server behind it"
    } else {
        "a proxy or login page answered: check the server URL, and use the API server's direct address"
    };
    Some((format!("an HTML page (HTTP {})", status.as_u16()), hint))
}

fn is_json<B>(response: &Response<B>) -> bool {
    content_type(response).contains("json")
}

fn content_type<B>(response: &Response<B>) -> &str {
    response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Priority and fairness refuses in plain text, with `Retry-After` in a header that kube doesn't pass on; this
/// says the same as a `Status`.
fn too_many_requests<B>(response: &Response<B>) -> Response<AnswerBody> {
    let after: u32 = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok())
        .unwrap_or(1);
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "TooManyRequests", "code": 429,
        "message": "too many requests, please try again later",
        "details": { "retryAfterSeconds": after },
    });
    let body = Full::new(Bytes::from(status.to_string())).map_err(|never| match never {}).boxed_unsync();
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    answer
}

/// What a `kube::Client` is made of.
#[derive(Clone)]
pub(super) struct ClusterService {
    pub(super) shared: Arc<Shared>,
    /// In whose name, if not in fleetgraph's own.
    pub(super) actor: Option<Actor>,
}

impl Service<Request<Body>> for ClusterService {
    type Response = Response<AnswerBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Self { shared, actor } = self.clone();
        let about = About::of(&request);
        let span = tracing::info_span!(
            "kubernetes.request",
            otel.kind = "client",
            cluster = %shared.spec.id,
            verb = about.verb,
            resource = %about.resource,
            http.response.status_code = field::Empty,
            otel.status_code = field::Empty,
        );
        let work = async move {
            let start = Instant::now();
            let result = shared.run(request, actor.as_ref(), &about).await;
            let span = tracing::Span::current();
            let code = match &result {
                Ok(response) => {
                    span.record("http.response.status_code", response.status().as_u16());
                    response.status().as_str().to_owned()
                }
                Err(error) => {
                    let code = classify_call(error.as_ref()).code;
                    span.record("otel.status_code", "ERROR");
                    tracing::debug!(%code, "a request to a cluster got no answer");
                    code.as_str().to_owned()
                }
            };
            shared.metrics.request(about.verb, code, start.elapsed());
            result
        };
        Box::pin(work.instrument(span))
    }
}
