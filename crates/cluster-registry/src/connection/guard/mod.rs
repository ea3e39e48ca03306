//! Where a connection that somebody outside asked for may go.
//!
//! ```text
//!   URI ─► https? port? ─► name ─► addresses ─► those that are allowed ─► connect to that very address ─► TLS for the name
//! ```
//!
//! A name is resolved once for each connection, and the address that was judged is the one that is connected to: a name
//! that answers otherwise the next time (DNS rebinding) gains nothing. Behind a proxy, the proxy is asked for the address
//! and not for the name. Clusters of the configuration file are the operator's own and have no guard.

mod rules;

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use http::Uri;
use tower::{BoxError, Service, ServiceExt};

pub use self::rules::{AddressRules, DEFAULT_PORTS};

/// Asks for the addresses of a host.
pub trait Resolve: fmt::Debug + Send + Sync {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            Ok(tokio::net::lookup_host((host, 0)).await?.map(|address| address.ip()).collect())
        })
    }
}

/// Judges each connection of a cluster. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Guard {
    rules: Arc<AddressRules>,
    resolver: Arc<dyn Resolve>,
}

/// Why a connection was not made. No address is quoted: whoever names a host is not told what it resolves to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the API server's URL must begin with https://")]
    NotHttps,
    #[error("the URL names no host")]
    NoHost,
    #[error("connections may not go to port {0}; the allowed ones are in `connections.allowed_ports`")]
    Port(u16),
    #[error(
        "connections may not go to the address of that host; the allowed ones are in `connections.allowed_addresses`"
    )]
    Address,
    #[error("the host name is not known to DNS")]
    Unknown,
}

impl Default for Guard {
    fn default() -> Self {
        Self::new(AddressRules::default())
    }
}

impl Guard {
    #[must_use]
    pub fn new(rules: AddressRules) -> Self {
        Self::with_resolver(rules, Arc::new(SystemResolver))
    }

    #[must_use]
    pub fn with_resolver(rules: AddressRules, resolver: Arc<dyn Resolve>) -> Self {
        Self { rules: Arc::new(rules), resolver }
    }

    /// What can be said of a URL without asking anybody.
    ///
    /// # Errors
    /// When no connection to it would ever be made.
    pub fn check(&self, server: &Uri) -> Result<(), Refused> {
        if server.scheme_str() != Some("https") {
            return Err(Refused::NotHttps);
        }
        self.check_host(server).map(drop)
    }

    fn check_host<'a>(&self, uri: &'a Uri) -> Result<(&'a str, u16), Refused> {
        let host = uri.host().filter(|host| !host.is_empty()).ok_or(Refused::NoHost)?;
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        if !self.rules.allows_port(port) {
            return Err(Refused::Port(port));
        }
        match literal(host) {
            Some(address) if !self.rules.allows(address) => Err(Refused::Address),
            _ => Ok((host, port)),
        }
    }

    /// The addresses that a connection to a URL may go to now; at least one.
    async fn addresses(&self, uri: &Uri) -> Result<Vec<SocketAddr>, Refused> {
        let (host, port) = self.check_host(uri)?;
        let found = match literal(host) {
            Some(address) => vec![address],
            None => self.resolver.resolve(host).await.map_err(|error| {
                tracing::debug!(host, %error, "a host name can't be resolved");
                Refused::Unknown
            })?,
        };
        if found.is_empty() {
            return Err(Refused::Unknown);
        }
        let (allowed, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|address| self.rules.allows(*address));
        if !others.is_empty() {
            tracing::warn!(host, addresses = ?others, "a cluster's host has addresses that connections may not go to");
        }
        if allowed.is_empty() {
            return Err(Refused::Address);
        }
        Ok(allowed.into_iter().map(|address| SocketAddr::new(address, port)).collect())
    }
}

fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// A connector that goes nowhere but where its guard allows; anywhere, if it has none.
#[derive(Clone)]
pub(super) struct Guarded<C> {
    inner: C,
    guard: Option<Guard>,
    /// For all addresses of a name together.
    patience: Duration,
}

impl<C> Guarded<C> {
    pub(super) fn new(inner: C, guard: Option<Guard>, patience: Duration) -> Self {
        Self { inner, guard, patience }
    }
}

impl<C> Service<Uri> for Guarded<C>
where
    C: Service<Uri> + Clone + Send + 'static,
    C::Response: Send,
    C::Future: Send + 'static,
    C::Error: Into<BoxError> + Send,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<C::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let Some(guard) = &this.guard else { return this.inner.oneshot(uri).await.map_err(Into::into) };
            let addresses = guard.addresses(&uri).await?;
            let share = this.patience / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
            let mut last: BoxError = Refused::Address.into();
            for address in addresses {
                let connecting = this.inner.clone().oneshot(at(&uri, address)?);
                match tokio::time::timeout(share, connecting).await {
                    Ok(Ok(connection)) => return Ok(connection),
                    Ok(Err(error)) => last = error.into(),
                    Err(_) => last = io::Error::from(io::ErrorKind::TimedOut).into(),
                }
            }
            Err(last)
        })
    }
}

/// The same URL with an address in place of its host.
fn at(uri: &Uri, address: SocketAddr) -> Result<Uri, http::Error> {
    Uri::builder()
        .scheme(uri.scheme_str().unwrap_or("https"))
        .authority(address.to_string())
        .path_and_query("/")
        .build()
}

#[cfg(test)]
mod tests;
