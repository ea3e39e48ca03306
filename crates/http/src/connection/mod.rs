//! One connection, from its acceptance to its end: whether there is room for its address, TLS, and HTTP.

mod io;
mod peers;

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::Request;
use hyper::body::Incoming;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::Watcher},
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tower::{ServiceExt, service_fn};

use crate::{
    config::HttpConfig,
    shutdown::Shutdown,
    tls::{PeerCertificate, Tls},
};
use io::Guarded;
pub(crate) use peers::{Peer, Peers};

/// What a connection is known by, in the extensions of each request on it.
#[derive(Debug, Clone)]
pub(crate) struct Arrived {
    /// The address that the client has connected to, on this machine.
    pub local: Option<SocketAddr>,
    pub tls: bool,
    /// Here, since hyper's part of a connection ends when a WebSocket begins, while the context of that WebSocket keeps
    /// the extensions of its request to its end.
    _place: Arc<Peer>,
}

#[cfg(test)]
impl Arrived {
    /// A connection to this address.
    pub fn at(local: SocketAddr) -> Self {
        let place = Peers::new(0).open(local.ip()).expect("there is no bound");
        Self { local: Some(local), tls: false, _place: Arc::new(place) }
    }
}

/// What all connections share.
pub(crate) struct Connections {
    builder: auto::Builder<TokioExecutor>,
    router: Router,
    tls: Option<Tls>,
    config: HttpConfig,
    shutdown: Shutdown,
}

/// What each request of a connection carries.
#[derive(Clone)]
struct Known {
    peer: SocketAddr,
    arrived: Arrived,
    certificate: Option<PeerCertificate>,
}

impl Connections {
    pub fn new(router: Router, tls: Option<Tls>, config: &HttpConfig, shutdown: &Shutdown) -> Self {
        let builder = builder(config);
        Self { builder, router, tls, config: config.clone(), shutdown: shutdown.clone() }
    }

    /// Serves a connection to its end. A client that breaks off is no event: what matters of a request was logged with
    /// it.
    pub async fn serve(&self, stream: TcpStream, peer: SocketAddr, place: Peer, watcher: Watcher) {
        // Subscription events are small and should not wait for more.
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().ok();
        let arrived = Arrived { local, tls: self.tls.is_some(), _place: Arc::new(place) };
        let mut known = Known { peer, arrived, certificate: None };
        let Some(tls) = &self.tls else { return self.http(stream, known, watcher).await };
        let secured = tokio::select! {
            secured = tls.handshake(stream) => secured,
            // Nothing was asked on it yet.
            () = self.shutdown.closing().cancelled() => return,
        };
        match secured {
            Ok(secured) => {
                known.certificate = secured.peer;
                self.http(secured.stream, known, watcher).await;
            }
            Err(error) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
        }
    }

    async fn http<IO>(&self, io: IO, known: Known, watcher: Watcher)
    where
        IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = known.peer;
        let io = Guarded::new(io, self.config.header_timeout, self.config.write_timeout);
        let service = service(self.router.clone(), known);
        let connection = self.builder.serve_connection_with_upgrades(TokioIo::new(io), service).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::trace!(%peer, error, "connection ended");
        }
    }
}

fn builder(config: &HttpConfig) -> auto::Builder<TokioExecutor> {
    // Below this hyper refuses to work at all.
    const LEAST_BUFFER: usize = 8192;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(config.header_timeout)
        .max_headers(MAX_HEADERS)
        .max_buf_size(config.max_header_bytes.max(LEAST_BUFFER));
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(config.http2_max_streams)
        .max_header_list_size(u32::try_from(config.max_header_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(MAX_SEND_BUFFER)
        .max_pending_accept_reset_streams(MAX_RESETS_UNSEEN)
        .max_local_error_reset_streams(MAX_RESETS_CAUSED)
        // A peer that vanished without a word is noticed, so that its streams don't hold slots for ever.
        .keep_alive_interval(config.websocket.ping_interval)
        .keep_alive_timeout(config.websocket.pong_timeout);
    builder
}

/// Bytes of an answer that wait for a stream of HTTP/2 at most, which the client decides on by its flow control.
const MAX_SEND_BUFFER: usize = 64 * 1024;
/// Fields of an HTTP/1.1 header at most; more get status 431. hyper's own default, written down since a test counts on it.
const MAX_HEADERS: usize = 100;
/// Streams that a client may open and reset before they were looked at ("rapid reset", CVE-2023-44487). One more ends the
/// connection with GOAWAY. h2's own default; likewise.
const MAX_RESETS_UNSEEN: usize = 20;
/// Streams of a connection that may end in a reset for what the client did wrong on them. One more ends the connection.
/// Well-behaved clients cause none.
const MAX_RESETS_CAUSED: usize = 100;

/// The router as hyper calls it, with what is known of the connection for those who ask.
fn service(
    router: Router,
    known: Known,
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
    let known = Arc::new(known);
    TowerToHyperService::new(service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        let extensions = request.extensions_mut();
        extensions.insert(ConnectInfo(known.peer));
        extensions.insert(known.arrived.clone());
        if let Some(certificate) = &known.certificate {
            extensions.insert(certificate.clone());
        }
        router.clone().oneshot(request)
    }))
}
