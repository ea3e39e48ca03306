//! What the transports know about a request, and the one place where the composition root has its say.
//!
//! The transports know nothing of clusters, access or limits. They hand each request to a [`Gate`], which may
//! refuse it, and puts what resolvers need (the caller, request-scoped loaders) into it.

use std::{fmt, net::SocketAddr, sync::Arc};

use async_graphql::{Request, ServerError};
use fleetgraph_core::{Error, Identity};
use futures::future::BoxFuture;
use http::{Extensions, HeaderMap};

use crate::request_id::RequestId;

/// How a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    Http,
    Sse,
    WebSocket,
}

impl Transport {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Sse => "sse",
            Self::WebSocket => "websocket",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a request comes from. For a WebSocket, the headers and the id are those of the upgrade; each operation
/// on it has the same.
#[derive(Debug, Clone)]
pub struct RequestContext {
    pub request_id: RequestId,
    pub transport: Transport,
    pub headers: Arc<HeaderMap>,
    /// The address of the connection, which may be a proxy's.
    pub peer: Option<SocketAddr>,
    /// The payload of a WebSocket's `connection_init`, where browsers put a token that they can't send as a header.
    pub connection_params: Option<Arc<serde_json::Map<String, serde_json::Value>>>,
    /// What the listener and tower layers have found out, such as the connection's certificate.
    pub extensions: Extensions,
    /// Who is calling; nobody in particular where callers aren't asked.
    pub caller: Option<Arc<Identity>>,
}

/// Decides on requests before anything is executed.
///
/// Any `Fn(&RequestContext, Request) -> Result<Request, Vec<ServerError>>` is one that asks nobody who they are.
pub trait Gate: Send + Sync + 'static {
    /// Who is calling: asked once for each HTTP request, before its body is read; for a WebSocket at its
    /// `connection_init`; and again every [`REASK`](crate::REASK) for as long as a stream stays open.
    ///
    /// # Errors
    /// What the caller is told: [`ErrorCode::Unauthenticated`](fleetgraph_core::ErrorCode::Unauthenticated) ends what is
    /// open at once; any other code says that it can't be told now.
    fn identify<'a>(
        &'a self,
        _context: &'a RequestContext,
    ) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Error>> {
        Box::pin(async { Ok(None) })
    }

    /// Whether this caller may send any document where only trusted ones are executed: a federation gateway, whose
    /// operations are made for each request, or somebody who explores. Asked before [`Gate::admit`].
    fn may_send_any_document(&self, _context: &RequestContext) -> bool {
        false
    }

    /// Lets a request through, with whatever its resolvers need in its data.
    ///
    /// # Errors
    /// What the caller is told instead. Each error should have its code in its extensions.
    fn admit(&self, context: &RequestContext, request: Request) -> Result<Request, Vec<ServerError>>;
}

impl<F> Gate for F
where
    F: Fn(&RequestContext, Request) -> Result<Request, Vec<ServerError>> + Send + Sync + 'static,
{
    fn admit(&self, context: &RequestContext, request: Request) -> Result<Request, Vec<ServerError>> {
        self(context, request)
    }
}
