//! TLS of the server: certificates that are renewed while connections go on, and handshakes that hold up nobody.
//!
//! ```text
//!   accept loop ─▶ task of the connection ─▶ ClientHello ─▶ a slot ─▶ rest of the handshake ─▶ HTTP
//!                                            └──────────── within handshake_timeout ──────┘
//! ```
//!
//! A slot is taken when the client has said hello: until then a connection costs its buffer, and not the signing.

mod material;
mod peer;

use std::{io, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use rustls::server::Acceptor;
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};
use tokio_rustls::{LazyConfigAcceptor, server::TlsStream};

pub use material::TlsError;
use material::{Generation, MAX_FILE};
pub use peer::{PeerCertificate, SignedBy};

use crate::{
    config::TlsConfig,
    files::{self, Followed},
};

/// The server's certificate and what is asked of clients'. Clones share one state.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<TlsConfig>,
    current: Arc<ArcSwap<Generation>>,
    slots: Arc<Semaphore>,
    /// Of the files that `load` has read.
    fingerprint: u64,
}

/// A connection whose handshake is done.
pub(crate) struct Secured {
    pub stream: TlsStream<TcpStream>,
    pub peer: Option<PeerCertificate>,
}

impl Tls {
    /// Reads the configured files; `None` when no certificate is configured.
    ///
    /// # Errors
    /// When they can't be used. An expired certificate can't: at a start there is no older one to go on with.
    pub fn load(config: &TlsConfig) -> Result<Option<Self>, TlsError> {
        let given = |path: &std::path::Path| !path.as_os_str().is_empty();
        let others = [
            ("key_file", &config.key_file),
            ("client_ca_file", &config.client_ca_file),
            ("proxy_ca_file", &config.proxy_ca_file),
        ];
        if !given(&config.cert_file) {
            return match others.into_iter().find(|(_, path)| given(path)) {
                Some((key, _)) => Err(TlsError::Incomplete { missing: "cert_file", given: key }),
                None => Ok(None),
            };
        }
        if !given(&config.key_file) {
            return Err(TlsError::Incomplete { missing: "key_file", given: "cert_file" });
        }
        // Before they are read: what changes in between is then seen as a change.
        let fingerprint = fingerprint(config);
        Ok(Some(Self {
            current: Arc::new(ArcSwap::from_pointee(Generation::read(config)?)),
            slots: Arc::new(Semaphore::new(config.max_handshakes.clamp(1, Semaphore::MAX_PERMITS))),
            fingerprint,
            config: Arc::new(config.clone()),
        }))
    }

    /// Follows the files for ever. Connections keep what they began with.
    pub(crate) async fn follow(self) {
        let (every, seen) = (self.config.reload_interval, self.fingerprint);
        files::follow(self, every.max(Duration::from_millis(10)), seen).await;
    }

    /// The whole handshake, within its time.
    pub(crate) async fn handshake(&self, stream: TcpStream) -> io::Result<Secured> {
        timeout(self.config.handshake_timeout, self.unbounded_handshake(stream)).await?
    }

    async fn unbounded_handshake(&self, stream: TcpStream) -> io::Result<Secured> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        // The semaphore is never closed.
        let _slot = self.slots.acquire().await.map_err(io::Error::other)?;
        let generation = self.current.load_full();
        let stream = start.into_stream(Arc::clone(&generation.config)).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let peer = generation.authorities.as_ref().and_then(|authorities| authorities.peer(chain));
        Ok(Secured { stream, peer })
    }
}

impl Followed for Tls {
    type Error = TlsError;
    const NAME: &'static str = "TLS certificates";

    fn fingerprint(&self) -> u64 {
        fingerprint(&self.config)
    }

    fn reload(&self) -> Result<(), TlsError> {
        self.current.store(Arc::new(Generation::read(&self.config)?));
        Ok(())
    }
}

fn fingerprint(config: &TlsConfig) -> u64 {
    let TlsConfig { cert_file, key_file, client_ca_file, proxy_ca_file, .. } = config;
    files::fingerprint([cert_file, key_file, client_ca_file, proxy_ca_file], MAX_FILE)
}
