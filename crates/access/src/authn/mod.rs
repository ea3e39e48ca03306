//! Who is calling: from what a request presents to a principal.
//!
//! ```text
//!   Presented { bearer, certificate, headers } ─▶ Authenticator ─▶ Identity { principal, until }
//!                                                      └─▶ Denied { Missing | Invalid | Unavailable }
//! ```
//!
//! Nothing here knows a transport: a request, and a WebSocket's `connection_init`, are turned into [`Presented`] by the
//! composition root. Those who stay connected are asked for again every few seconds, so whatever an answer depends on is
//! cached within bounds of time, and a credential that ended is refused from then on.

mod api_token;
mod authenticator;
mod cache;
mod certificate;
mod check;
mod config;
mod headers;
mod names;
mod oidc;
mod review;

use std::sync::Arc;

pub use fleetgraph_core::{Identity, Method, SignedBy};
use http::HeaderMap;
use secrecy::SecretString;

pub use self::api_token::{ApiTokens, PREFIX};
pub use self::authenticator::{Authenticator, Unusable};
pub use self::certificate::{CertificateError, ClientCertificate};
pub use self::config::{
    AdminsConfig, AuthenticationConfig, ClientCertificateConfig, OidcConfig, SigningAlgorithm, SystemNames,
    TenantConfig, TokenReviewConfig, TrustedProxyConfig,
};
pub(crate) use self::names::AUTHENTICATED;

/// What a request says of its caller, none of it believed yet, except that the connection's certificate was checked.
#[derive(Debug, Clone, Default)]
pub struct Presented {
    /// The token of `authorization: Bearer`, or of a WebSocket's `connection_init`.
    pub bearer: Option<SecretString>,
    /// The certificate that the connection was made with; the listener has verified its chain.
    pub certificate: Option<Arc<ClientCertificate>>,
    pub headers: Arc<HeaderMap>,
}

/// Why somebody isn't let in. The text is for operators: callers learn which of the three it is, and no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("nothing that proves who is calling")]
    Missing,
    #[error("{0}")]
    Invalid(String),
    /// It can't be decided now: the issuer, the cluster or the catalog doesn't answer.
    #[error("{0}")]
    Unavailable(String),
}
