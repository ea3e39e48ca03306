//! The connections to one API server, and how many streams run on each.
//!
//! ```text
//!   request ──► first lane with room ──► its one HTTP/2 connection
//!               no room: a new lane, up to MAX_LANES
//! ```
//!
//! hyper keeps one HTTP/2 connection for each pool and lets a stream beyond the server's limit wait in silence; a
//! watch lives for minutes, so a wait could last as long. Streams are therefore counted, from the request to the
//! end of its answer, and the next pool is opened before the limit is reached.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use kube::client::Body;
use tower::{BoxError, Service};

use super::lane::{Failures, Lane, Pool, Protocol};

/// Beyond this, streams go to the lane with the fewest: 16 × 80 are more than all watches and calls of a cluster.
const MAX_LANES: usize = 16;

/// The lanes to one address with one identity. Cheap to clone; all clones share the lanes.
#[derive(Clone)]
pub(super) struct Lanes(Arc<Inner>);

struct Inner {
    open_pool: Box<dyn Fn(Protocol, Failures) -> Pool + Send + Sync>,
    limit: usize,
    patience: Duration,
    speaks_http2: Arc<AtomicBool>,
    lanes: Mutex<Vec<Arc<Lane>>>,
}

/// A stream's place on a lane; given back when dropped.
pub(super) struct Stream(Arc<Lane>);

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Lanes {
    /// `limit`: streams on a lane. `patience`: time for a request to get a connection. `protocol`: what is tried
    /// first.
    pub(super) fn new(
        limit: usize,
        patience: Duration,
        protocol: Protocol,
        open_pool: impl Fn(Protocol, Failures) -> Pool + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Inner {
            open_pool: Box::new(open_pool),
            limit: limit.max(1),
            patience,
            speaks_http2: Arc::new(AtomicBool::new(protocol == Protocol::Http2)),
            lanes: Mutex::default(),
        }))
    }

    fn pick(&self) -> Stream {
        let Inner { open_pool, limit, patience, speaks_http2, lanes } = &*self.0;
        let mut lanes = lanes.lock().unwrap_or_else(PoisonError::into_inner);
        // A lane that was opened for a crowd goes when the crowd has gone; the first one stays.
        let mut first = true;
        lanes.retain(|lane| std::mem::take(&mut first) || lane.streams.load(Ordering::Acquire) > 0);
        let streams = |lane: &&Arc<Lane>| lane.streams.load(Ordering::Acquire);
        let full = lanes.len() >= MAX_LANES;
        let room = lanes.iter().find(|lane| streams(lane) < *limit);
        let lane = match room.or_else(|| lanes.iter().min_by_key(streams).filter(|_| full)) {
            Some(lane) => Arc::clone(lane),
            None => {
                let lane = Arc::new(Lane::new(open_pool, *patience, speaks_http2.clone()));
                lanes.push(lane.clone());
                lane
            }
        };
        lane.streams.fetch_add(1, Ordering::AcqRel);
        Stream(lane)
    }
}

impl Service<Request<Body>> for Lanes {
    type Response = Response<(Stream, Incoming)>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let stream = self.pick();
        Box::pin(async move {
            let response = stream.0.send(request).await?;
            Ok(response.map(|body| (stream, body)))
        })
    }
}
