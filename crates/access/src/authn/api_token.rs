//! fleetgraph's own API tokens: a port, since they are kept in the catalog, which this crate does not know.

use fleetgraph_core::Identity;
use futures::future::BoxFuture;

use super::Denied;

/// What each API token begins with. A token that does is never shown to anybody else.
pub const PREFIX: &str = "fgt_";

/// Whoever knows fleetgraph's own API tokens.
pub trait ApiTokens: Send + Sync + 'static {
    /// Whose a token is; nobody's if it is unknown, expired or revoked. An answer is used for two seconds at most.
    ///
    /// # Errors
    /// [`Denied::Unavailable`] when it can't be found out now.
    fn verify<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<Identity>, Denied>>;
}
