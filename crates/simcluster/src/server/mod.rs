//! One HTTPS listener for all clusters. `/clusters/<name>` before a path says which cluster it is for, and a kubeconfig's
//! `server` may have such a path, so every client works as with a server of its own.
//!
//! ```text
//!   accept ─ TLS (http/1.1, h2) ─ request ─▶ target.rs   which cluster, verb, resource, name
//!                                            entry.rs    who is calling, may they, which handler
//!                                            read.rs · watch.rs · write.rs · discovery.rs
//!                                            answer.rs   bodies, Status
//! ```

mod admin;
mod answer;
mod body;
mod discovery;
mod entry;
mod kubeconfig;
mod logs;
mod mangle;
mod metrics;
mod openapi;
mod read;
mod review;
mod table;
mod target;
mod tls;
mod watch;
mod write;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use tls::Identity;

/// A free port of this machine.
pub const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The running server. Dropping it ends the listener and every connection.
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    identity: Identity,
    stopping: CancellationToken,
}

pub(crate) struct Shared {
    pub address: SocketAddr,
    pub clusters: RwLock<BTreeMap<String, Cluster>>,
}

impl Shared {
    pub fn cluster(&self, name: &str) -> Option<Cluster> {
        self.clusters.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

impl Simulator {
    /// Binds and serves; clusters can be added before and after.
    ///
    /// # Errors
    /// When the address is taken or no certificate can be made.
    pub async fn start(listen: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let identity = Identity::new(address).map_err(io::Error::other)?;
        let shared = Arc::new(Shared { address, clusters: RwLock::default() });
        let stopping = CancellationToken::new();
        let acceptor = TlsAcceptor::from(Arc::clone(&identity.server));
        tokio::spawn(accept(listener, acceptor, Arc::clone(&shared), stopping.clone()));
        Ok(Self { shared, address, identity, stopping })
    }

    /// Serves a cluster under its name, in place of one that had it.
    pub fn add(&self, cluster: &Cluster) {
        let mut clusters = self.shared.clusters.write().unwrap_or_else(PoisonError::into_inner);
        clusters.insert(cluster.name().to_owned(), cluster.clone());
    }

    pub fn remove(&self, name: &str) -> Option<Cluster> {
        self.shared.clusters.write().unwrap_or_else(PoisonError::into_inner).remove(name)
    }

    pub fn cluster(&self, name: &str) -> Option<Cluster> {
        self.shared.cluster(name)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where a cluster is served, as a kubeconfig's `server` says it.
    pub fn url(&self, name: &str) -> String {
        format!("https://{}/clusters/{name}", self.address)
    }

    pub fn ca_pem(&self) -> &str {
        &self.identity.ca_pem
    }

    /// A kubeconfig with a context for each of the clusters, as their administrators.
    pub fn kubeconfig(&self, clusters: &[&Cluster]) -> String {
        let contexts: Vec<kubeconfig::Context<'_>> = clusters
            .iter()
            .map(|cluster| kubeconfig::Context {
                name: cluster.name(),
                url: self.url(cluster.name()),
                token: &cluster.options().admin_token,
            })
            .collect();
        kubeconfig::render(&contexts, self.ca_pem())
    }

    /// Writes [`Simulator::kubeconfig`] for its owner's eyes only.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn write_kubeconfig(&self, path: &Path, clusters: &[&Cluster]) -> io::Result<()> {
        kubeconfig::write(path, &self.kubeconfig(clusters))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    stopping: CancellationToken,
) {
    loop {
        let stream = tokio::select! {
            () = stopping.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors: they come back as connections end.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        tokio::spawn(connection(stream, acceptor.clone(), Arc::clone(&shared), stopping.clone()));
    }
}

/// One connection until it ends, the server stops, or a fault cuts it.
async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    stopping: CancellationToken,
) {
    let _no_delay = stream.set_nodelay(true);
    let stream = tokio::select! {
        () = stopping.cancelled() => return,
        () = tokio::time::sleep(std::time::Duration::from_secs(10)) => return,
        stream = acceptor.accept(stream) => match stream {
            Ok(stream) => stream,
            Err(error) => return tracing::debug!(%error, "a TLS handshake failed"),
        },
    };
    let cut = CancellationToken::new();
    let service = {
        let cut = cut.clone();
        service_fn(move |request| {
            let (shared, cut) = (Arc::clone(&shared), cut.clone());
            async move { entry::answer(&shared, &cut, request).await }
        })
    };
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http2().max_concurrent_streams(250);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stopping.cancelled() => {}
        () = cut.cancelled() => {}
        ended = serving => if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended");
        }
    }
}
