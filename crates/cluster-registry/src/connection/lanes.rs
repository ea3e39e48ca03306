//! The connections to one API server, and how many streams run on each.
//!
//! ```text
//!   request ──► first lane with room ──► one HTTP/2 connection (or HTTP/1.1 connections, where there is no HTTP/2)
//!               no room: a new lane, up to MAX_LANES
//! ```
//!
//! hyper keeps one HTTP/2 connection for each pool and lets a stream beyond the server's limit wait in silence; a
//! watch lives for minutes, so a wait could last as long. Streams are therefore counted, from the request to the
//! end of its answer, and the next pool is opened before the limit is reached.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use kube::client::Body;
use tokio::sync::Semaphore;
use tower::{BoxError, Service, ServiceExt, util::BoxCloneSyncService};

/// A hyper client with a pool of its own.
pub(super) type Pool = BoxCloneSyncService<Request<Body>, Response<Incoming>, legacy::Error>;

/// Beyond this, streams go to the lane with the fewest: 16 × 80 are more than all watches and calls of a cluster.
const MAX_LANES: usize = 16;

/// How long a request waits for another one to finish the handshake that it can share.
const SHARED_HANDSHAKE: Duration = Duration::from_secs(1);

/// The lanes to one address with one identity. Cheap to clone; all clones share the lanes.
#[derive(Clone)]
pub(super) struct Lanes(Arc<Inner>);

struct Inner {
    open_pool: Box<dyn Fn() -> Pool + Send + Sync>,
    limit: usize,
    lanes: Mutex<Vec<Arc<Lane>>>,
}

struct Lane {
    pool: Pool,
    streams: AtomicUsize,
    connected: AtomicBool,
    handshake: Semaphore,
}

/// A stream's place on a lane; given back when dropped.
pub(super) struct Stream(Arc<Lane>);

impl Stream {
    /// The connection failed, so the next requests had better share one handshake again.
    pub(super) fn broke(&self) {
        self.0.connected.store(false, Ordering::Release);
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Lanes {
    pub(super) fn new(limit: usize, open_pool: impl Fn() -> Pool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner { open_pool: Box::new(open_pool), limit: limit.max(1), lanes: Mutex::default() }))
    }

    fn pick(&self) -> Stream {
        let mut lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        // A lane that was opened for a crowd goes when the crowd has gone; the first one stays.
        let mut first = true;
        lanes.retain(|lane| std::mem::take(&mut first) || lane.streams.load(Ordering::Acquire) > 0);
        let room = lanes.iter().find(|lane| lane.streams.load(Ordering::Acquire) < self.0.limit).cloned();
        let lane = match room {
            Some(lane) => lane,
            None if lanes.len() < MAX_LANES => {
                let lane = Arc::new(Lane {
                    pool: (self.0.open_pool)(),
                    streams: AtomicUsize::new(0),
                    connected: AtomicBool::new(false),
                    handshake: Semaphore::new(1),
                });
                lanes.push(lane.clone());
                lane
            }
            None => lanes
                .iter()
                .min_by_key(|lane| lane.streams.load(Ordering::Acquire))
                .unwrap_or(&lanes[0])
                .clone(),
        };
        lane.streams.fetch_add(1, Ordering::AcqRel);
        Stream(lane)
    }
}

impl Lane {
    /// Sends a request. While the lane has no connection, one request makes it and the others wait for it, because
    /// hyper would otherwise begin a TLS handshake for each of them before it knows that they can share one.
    async fn send(&self, mut request: Request<Body>) -> Result<Response<Incoming>, legacy::Error> {
        if self.connected.load(Ordering::Acquire) {
            return self.pool.clone().oneshot(request).await;
        }
        let turn = tokio::time::timeout(SHARED_HANDSHAKE, self.handshake.acquire()).await;
        if self.connected.load(Ordering::Acquire) {
            drop(turn);
            return self.pool.clone().oneshot(request).await;
        }
        let mut connection = legacy::connect::capture_connection(&mut request);
        let mut answer = std::pin::pin!(self.pool.clone().oneshot(request));
        tokio::select! {
            answer = &mut answer => {
                self.connected.store(answer.is_ok(), Ordering::Release);
                return answer;
            }
            made = async { connection.wait_for_connection_metadata().await.is_some() } => {
                self.connected.store(made, Ordering::Release);
            }
        }
        drop(turn);
        answer.await
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
            match stream.0.send(request).await {
                Ok(response) => Ok(response.map(|body| (stream, body))),
                Err(error) => {
                    stream.broke();
                    Err(error.into())
                }
            }
        })
    }
}
