//! One lane: an HTTP/2 connection, or as many HTTP/1.1 connections as it takes.
//!
//! A pool speaks one protocol. hyper could find out by itself, but then each of thirty watches that start together
//! makes a TLS connection of its own before it learns that it could have shared one, and some fail in the crowd. So
//! HTTP/2 is tried first, by one handshake that all wait for; a peer that doesn't choose it is asked by HTTP/1.1.

use std::{
    error::Error as StdError,
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use kube::client::Body;
use tokio::time::Instant;
use tower::{BoxError, ServiceExt, util::BoxCloneSyncService};

use super::classify::chain;

/// Each try needs a farewell that crosses the request on the wire, so a second one is rare already.
const MAX_TRIES: usize = 4;

/// How long a connection may take to take up a request that it was chosen for, until the request is asked a second time.
/// It takes that long where the server admits fewer streams than a lane has places, and when it has forgotten the request.
const HANDOVER: Duration = Duration::from_secs(1);

/// A hyper client with connections of its own.
pub(super) type Pool = BoxCloneSyncService<Request<Body>, Response<Incoming>, legacy::Error>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// What a connector says of a peer that did not choose HTTP/2. Nothing was sent then.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the peer does not speak HTTP/2")]
pub(super) struct NoHttp2;

/// No connection for a request in time, though others may still be trying.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("no connection in time")]
pub(super) struct NoConnection;

/// Tells whether a request is still in a queue: h2 drops a request's extensions when it takes it up, and with them
/// the mark.
struct Queued(Weak<()>);

#[derive(Debug, Clone)]
struct Mark(#[expect(dead_code, reason = "it counts")] Arc<()>);

impl Queued {
    fn mark(request: &mut Request<Body>) -> Self {
        let mark = Arc::new(());
        let queued = Self(Arc::downgrade(&mark));
        request.extensions_mut().insert(Mark(mark));
        queued
    }

    fn is_still(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// The last failure of a connector, for the requests that waited for its connection: hyper tells them only that
/// they were cancelled.
#[derive(Debug, Clone, Default)]
pub(super) struct Failures(Arc<ArcSwapOption<(Instant, Shared)>>);

impl Failures {
    /// Keeps a connector's error, and gives it back in the form that the connector is to fail with.
    pub(super) fn note(&self, error: BoxError) -> BoxError {
        let shared = Shared(Arc::from(error));
        self.0.store(Some(Arc::new((Instant::now(), shared.clone()))));
        shared.into()
    }

    fn since(&self, begun: Instant) -> Option<Shared> {
        self.0.load().as_ref().filter(|failure| failure.0 >= begun).map(|failure| failure.1.clone())
    }
}

/// One error for several requests.
#[derive(Debug, Clone)]
struct Shared(Arc<dyn StdError + Send + Sync>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection")
    }
}

impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

pub(super) struct Lane {
    http1: Pool,
    http2: Pool,
    failures: Failures,
    /// Time for a request to get a connection.
    patience: Duration,
    /// Whether the peer is taken to speak HTTP/2; shared by all lanes to it.
    speaks_http2: Arc<AtomicBool>,
    pub(super) streams: AtomicUsize,
}

impl Lane {
    pub(super) fn new(
        open_pool: &(dyn Fn(Protocol, Failures) -> Pool + Send + Sync),
        patience: Duration,
        speaks_http2: Arc<AtomicBool>,
    ) -> Self {
        let failures = Failures::default();
        Self {
            http1: open_pool(Protocol::Http1, failures.clone()),
            http2: open_pool(Protocol::Http2, failures.clone()),
            failures,
            patience,
            speaks_http2,
            streams: AtomicUsize::new(0),
        }
    }

    /// Sends a request, and sends it again where it is certain that nobody took it up.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Incoming>, BoxError> {
        let (begun, mut request, mut tries) = (Instant::now(), request, 0);
        loop {
            tries += 1;
            let http2 = self.speaks_http2.load(Ordering::Acquire);
            let again = copy(&request);
            let pool = if http2 { &self.http2 } else { &self.http1 };
            let spare = if http2 && has_no_effect(&request) { copy(&request) } else { None };
            let mut error = match self.once(pool, request, spare).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let Some(again) = again.filter(|_| http2 && tries < MAX_TRIES) else { return Err(error) };
            let mut untouched = is_untouched(error.as_ref());
            if is_cancelled(error.as_ref()) {
                match self.failures.since(begun) {
                    Some(failure) => error = failure.into(),
                    // The connection that it waited for came and went.
                    None => untouched = true,
                }
            }
            if chain(error.as_ref()).iter().any(|link| link.is::<NoHttp2>()) {
                self.speaks_http2.store(false, Ordering::Release);
            } else if !untouched {
                return Err(error);
            }
            request = again;
        }
    }

    /// Sends a request on a pool. Requests wait for the connection that one of them makes; each gives up by itself,
    /// because hyper would let them try one after the other.
    ///
    /// A `spare` is sent too when the request waits in a connection's queue, and the first answer counts. hyper hands
    /// requests to a connection through a channel of tokio, whose receiver frees what it still holds when it goes; a
    /// sender that was just writing then leaves its request in the channel until all senders are gone, and hyper keeps
    /// one for as long as the request waits. So a request at the moment of a farewell could be forgotten.
    async fn once(
        &self,
        pool: &Pool,
        mut request: Request<Body>,
        spare: Option<Request<Body>>,
    ) -> Result<Response<Incoming>, BoxError> {
        let queued = Queued::mark(&mut request);
        let mut connection = legacy::connect::capture_connection(&mut request);
        let mut answer = std::pin::pin!(pool.clone().oneshot(request));
        let connected = async {
            connection.wait_for_connection_metadata().await;
        };
        tokio::select! {
            biased;
            answer = &mut answer => return Ok(answer?),
            connected = tokio::time::timeout(self.patience, connected) => connected.map_err(|_| NoConnection)?,
        }
        let Some(spare) = spare else { return Ok(answer.await?) };
        if let Ok(answer) = tokio::time::timeout(HANDOVER, &mut answer).await {
            return Ok(answer?);
        }
        if !queued.is_still() {
            return Ok(answer.await?);
        }
        let mut again = Box::pin(self.once(pool, spare, None));
        tracing::debug!("a connection does not take a request up; it is asked a second time");
        tokio::select! {
            answer = &mut answer => match answer {
                Ok(answer) => Ok(answer),
                Err(_) => again.await,
            },
            answer = &mut again => answer,
        }
    }
}

/// Whether it can be sent twice. Reviews are posted, and change nothing.
fn has_no_effect(request: &Request<Body>) -> bool {
    let path = request.uri().path();
    let reviews = ["/apis/authentication.k8s.io/", "/apis/authorization.k8s.io/"];
    request.method().is_safe()
        || (path.ends_with("reviews") && reviews.iter().any(|group| path.contains(group)))
}

/// The same request. All of kube's can be copied; one with a streamed body can't, and is sent once only.
fn copy(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

/// Whether the server said that it did not take a request up: it came after its farewell to the connection, which API
/// servers bid when they stop, after each refused credential, and at random behind load balancers
/// (`--goaway-chance`). RFC 9113, section 8.7: such a request can be sent again, whatever its method.
fn is_untouched(error: &(dyn StdError + 'static)) -> bool {
    let refused = |error: &h2::Error| match error.reason() {
        Some(h2::Reason::NO_ERROR) => error.is_go_away() && error.is_remote(),
        Some(h2::Reason::REFUSED_STREAM) => error.is_reset() && error.is_remote(),
        _ => false,
    };
    chain(error).iter().any(|link| link.downcast_ref::<h2::Error>().is_some_and(refused))
}

/// Whether hyper gave a request up before it was sent. Its pool's error has no public type; these are the texts.
fn is_cancelled(error: &(dyn StdError + 'static)) -> bool {
    chain(error).iter().any(|link| {
        let text = link.to_string();
        text == "request was canceled" || text == "client error (Canceled)"
    })
}
