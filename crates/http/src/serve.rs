//! Accepts connections, and stops in an order that loses nothing it can keep.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    config::HttpConfig,
    connection::{Connections, Peer, Peers},
    shutdown::Shutdown,
    tls::Tls,
};

/// How the drain ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections and tasks that were not done at the deadline and were dropped.
    pub dropped: usize,
}

/// Serves until the shutdown begins, then drains as [`Shutdown`] draws it.
///
/// The listener's address is the caller's choice; so is whether that address may be reached from outside. With `tls`,
/// every connection is TLS, and its files are followed for as long as this runs.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    config: &HttpConfig,
    shutdown: &Shutdown,
) -> Drained {
    let mut connections = JoinSet::new();
    let graceful = GracefulShutdown::new();
    let room = Room {
        slots: Arc::new(Semaphore::new(config.max_connections.min(Semaphore::MAX_PERMITS))),
        peers: Peers::new(config.max_connections_per_peer),
    };
    let _following = tls.clone().map(|tls| AbortOnDropHandle::new(tokio::spawn(tls.follow())));
    let serving = Arc::new(Connections::new(router, tls, config, shutdown));
    let drained = async {
        shutdown.begun().await;
        tokio::time::sleep(config.drain_delay).await;
    };
    tokio::pin!(drained);
    loop {
        let (stream, address, slot, place) = tokio::select! {
            () = &mut drained => break,
            // Keeps the set as small as the number of open connections.
            Some(_) = connections.join_next() => continue,
            accepted = room.accept(&listener) => accepted,
        };
        let (serving, watcher) = (Arc::clone(&serving), graceful.watcher());
        connections.spawn(async move {
            serving.serve(stream, address, place, watcher).await;
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

/// The bounds of open connections.
struct Room {
    slots: Arc<Semaphore>,
    peers: Peers,
}

type Accepted = (TcpStream, SocketAddr, Option<OwnedSemaphorePermit>, Peer);

impl Room {
    /// The next connection, once there is room for it; those of an address that has enough are closed at once.
    async fn accept(&self, listener: &TcpListener) -> Accepted {
        // The semaphore is never closed, so the slot is always there.
        let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
        loop {
            let (stream, address) = accept(listener).await;
            match self.peers.open(address.ip()) {
                Some(place) => return (stream, address, slot, place),
                None => tracing::debug!(peer = %address, "an address has too many connections"),
            }
        }
    }
}

/// Errors of accepting are waited out: the usual one is that the process has no descriptor left, and that passes when
/// connections close.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
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
