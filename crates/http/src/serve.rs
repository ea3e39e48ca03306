//! Accepts connections, and stops in an order that loses nothing it can keep.

use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tower::{ServiceExt, service_fn};

use crate::{config::HttpConfig, shutdown::Shutdown};

/// How the drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections and tasks that were not done at the deadline and were dropped.
    pub dropped: usize,
}

/// Serves until the shutdown begins, then drains as [`Shutdown`] draws it.
///
/// The listener's address is the caller's choice; so is whether that address may be reached from outside.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    shutdown: &Shutdown,
) -> Drained {
    let mut connections = JoinSet::new();
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS)));
    let builder = builder(config);
    let drained = async {
        shutdown.begun().await;
        tokio::time::sleep(config.drain_delay).await;
    };
    tokio::pin!(drained);
    loop {
        let (stream, peer, slot) = tokio::select! {
            () = &mut drained => break,
            // Keeps the set as small as the number of open connections.
            Some(_) = connections.join_next() => continue,
            accepted = accept(&listener, &slots) => accepted,
        };
        let service = service(router.clone(), peer);
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // A client that breaks off is no event: what matters of a request was logged with it.
            if let Err(error) = connection.await {
                tracing::trace!(%peer, error, "connection ended");
            }
            drop(slot);
        });
    }
    drop(listener);
    shutdown.close();
    let finished = async {
        graceful.shutdown().await;
        shutdown.tasks().wait().await;
    };
    let dropped = match tokio::time::timeout(config.drain_timeout, finished).await {
        Ok(()) => 0,
        Err(_) => {
            while connections.try_join_next().is_some() {}
            connections.len() + shutdown.tasks().len()
        }
    };
    shutdown.abort();
    connections.shutdown().await;
    if dropped > 0 {
        tracing::warn!(dropped, "the drain's deadline passed; what was left was dropped");
    }
    Drained { dropped }
}

/// The next connection, once there is room for it. Errors of accepting are waited out: the usual one is that the
/// process has no descriptor left, and that passes when connections close.
async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, Option<tokio::sync::OwnedSemaphorePermit>) {
    // The semaphore is never closed, so the slot is always there.
    let slot = Arc::clone(slots).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Subscription events are small and should not wait for more.
                let _ = stream.set_nodelay(true);
                return (stream, peer, slot);
            }
            Err(error) if of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection; trying again");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

fn of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn builder(config: &HttpConfig) -> auto::Builder<TokioExecutor> {
    // Below this hyper refuses to work at all.
    const LEAST_BUFFER: usize = 8192;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_buf_size(config.max_header_bytes.max(LEAST_BUFFER));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.http2_max_streams)
        .max_header_list_size(u32::try_from(config.max_header_bytes).unwrap_or(u32::MAX))
        // A peer that vanished without a word is noticed, so that its streams don't hold slots for ever.
        .keep_alive_interval(config.websocket.ping_interval)
        .keep_alive_timeout(config.websocket.pong_timeout);
    builder
}

/// The router as hyper calls it, with the peer's address for those who ask.
fn service(
    router: Router,
    peer: SocketAddr,
) -> TowerToHyperService<
    impl tower::Service<
        Request<Incoming>,
        Response = axum::response::Response,
        Error = Infallible,
        Future: Send + 'static,
    > + Clone
    + Send
    + 'static,
> {
    TowerToHyperService::new(service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().oneshot(request)
    }))
}
