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

/// How long a connection may take to take up a request that it has been chosen for. It never takes as long: lanes have
/// room, so nothing waits for a stream.
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

/// A request that was left in the queue of a connection that had ended. Nothing was sent then.
///
/// hyper hands requests to a connection through a channel of tokio, whose receiver frees what it still holds when it
/// goes. A sender that was just writing then leaves its request in the channel, until all senders are gone; hyper keeps
/// one for as long as the request waits.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the connection ended before it took the request up")]
struct NotTakenUp;

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
            let (mut sent, again) = twice(request);
            let pool = if http2 { &self.http2 } else { &self.http1 };
            // Whether it goes at the moment in which it is given up can't be told: what must not be done twice waits
            // for its time-out.
            let queued = (http2 && sent.method().is_safe()).then(|| Queued::mark(&mut sent));
            let mut error = match self.once(pool, sent, queued).await {
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
    async fn once(
        &self,
        pool: &Pool,
        mut request: Request<Body>,
        queued: Option<Queued>,
    ) -> Result<Response<Incoming>, BoxError> {
        let mut connection = legacy::connect::capture_connection(&mut request);
        let mut answer = std::pin::pin!(pool.clone().oneshot(request));
        let connected = async {
            connection.wait_for_connection_metadata().await;
        };
        tokio::select! {
            biased;
            answer = &mut answer => return Ok(answer?),
            connected = tokio::time::timeout(self.patience, connected) => {
                connected.map_err(|_| NoConnection)?;
            }
        }
        if let Ok(answer) = tokio::time::timeout(HANDOVER, &mut answer).await {
            return Ok(answer?);
        }
        if queued.is_some_and(|queued| queued.is_still()) {
            tracing::debug!("a connection ended with a request in its queue; it is sent again");
            return Err(NotTakenUp.into());
        }
        Ok(answer.await?)
    }
}

/// A request and its copy. All of kube's can be copied; one with a streamed body can't, and is sent once only.
fn twice(request: Request<Body>) -> (Request<Body>, Option<Request<Body>>) {
    let copy = request.body().try_clone();
    let (parts, body) = request.into_parts();
    let again = copy.map(|body| Request::from_parts(parts.clone(), body));
    (Request::from_parts(parts, body), again)
}

/// Whether it is certain that the server did not take a request up: it was not sent, or it came after the server's
/// farewell to the connection, which API servers bid when they stop, after each refused credential, and at random
/// behind load balancers (`--goaway-chance`). RFC 9113, section 8.7: such a request can be sent again, whatever its
/// method.
fn is_untouched(error: &(dyn StdError + 'static)) -> bool {
    let refused = |error: &h2::Error| match error.reason() {
        Some(h2::Reason::NO_ERROR) => error.is_go_away() && error.is_remote(),
        Some(h2::Reason::REFUSED_STREAM) => error.is_reset() && error.is_remote(),
        _ => false,
    };
    chain(error)
        .iter()
        .any(|link| link.is::<NotTakenUp>() || link.downcast_ref::<h2::Error>().is_some_and(refused))
}

/// Whether hyper gave a request up before it was sent. Its pool's error has no public type; these are the texts.
fn is_cancelled(error: &(dyn StdError + 'static)) -> bool {
    chain(error).iter().any(|link| {
        let text = link.to_string();
        text == "request was canceled" || text == "client error (Canceled)"
    })
}
