//! The HTTP side: GraphQL over HTTP, WebSockets and server-sent events, and the health probes.
//!
//! The transports are our own, over [`async_graphql::Executor`], since those that come with the library run mutations
//! over GET and bodies that need no preflight, and leave out several close codes and time limits (`docs/decisions`).
//! They know neither clusters nor limits of documents: the composition root hands in a [`Gate`] for these, a
//! [`Readiness`], and a [`Shutdown`] that begins the drain.
//!
//! ```text
//!   serve ─▶ router ─▶ observe ─▶ graphql::handle ─┬▶ Gate ─▶ Executor::execute          (HTTP)
//!   accept   routes    id, span,   method, media    ├▶ Gate ─▶ Executor::execute_stream   (SSE)
//!   loop               metrics     type, body       └▶ websocket ─▶ Gate ─▶ …             (WebSocket)
//! ```

mod app;
mod caller;
mod config;
mod connection;
mod context;
mod documents;
mod failure;
mod files;
#[cfg(test)]
mod fuzz;
mod graphql;
mod hardening;
mod health;
mod hosts;
mod metrics;
mod observe;
mod origins;
mod page;
mod request_id;
mod router;
mod serve;
mod shutdown;
mod tls;
mod unread;
mod websocket;

pub use caller::REASK;
pub use config::{
    HttpConfig, PersistedQueriesConfig, SseConfig, TlsConfig, TrustMode, TrustedDocumentsConfig,
    WebSocketConfig,
};
pub use context::{Gate, RequestContext, Transport};
pub use documents::{Documents, DocumentsError};
pub use health::{Check, Readiness};
pub use hosts::{HostPattern, HostPatternError};
pub use request_id::RequestId;
pub use router::{Parts, router};
pub use serve::{Drained, serve};
pub use shutdown::Shutdown;
pub use tls::{PeerCertificate, SignedBy, Tls, TlsError};
