//! API tokens: issued once, shown once, and from then on known by their hash.

mod cache;
mod plain;
mod store;

use std::fmt;
use std::sync::Arc;

use fleetgraph_core::{Principal, Timestamp};
use secrecy::SecretString;

pub use self::cache::{CacheSettings, TokenCache, TokenRefresher};
pub use self::plain::PlainToken;
pub(crate) use self::store::storable;

/// What a token is called in lists, logs and the audit trail: the middle part of `fgt_<id>_<secret>`. No secret.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenId(Arc<str>);

impl TokenId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TokenId {
    /// Any text will do: one that was never issued names no token.
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

/// A token to be issued.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// For people, such as `deploy bot of the shop`.
    pub name: String,
    /// Who its bearer is, in which tenants, and within what bounds.
    pub principal: Principal,
    /// Never, if missing.
    pub expires_at: Option<Timestamp>,
    pub created_by: String,
}

/// A token as the catalog knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    pub id: TokenId,
    pub name: String,
    pub principal: Arc<Principal>,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub revoked_by: Option<String>,
    /// To the minute or so: uses are written down together, once a minute for each token.
    pub last_used_at: Option<Timestamp>,
}

/// A token that was just issued. The plain text exists here alone.
#[derive(Debug)]
pub struct Issued {
    pub token: ApiToken,
    pub plain: SecretString,
}

/// What the catalog says of a token that somebody presents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Valid(Arc<ApiToken>),
    /// Not of a token's form, or its checksum is wrong: a typing error, or something else's token.
    Malformed,
    /// Never issued, or the secret isn't the one that was.
    Unknown,
    Expired(Arc<ApiToken>),
    Revoked(Arc<ApiToken>),
}

impl Verdict {
    /// The token, if it may be used.
    #[must_use]
    pub fn valid(self) -> Option<Arc<ApiToken>> {
        match self {
            Self::Valid(token) => Some(token),
            _ => None,
        }
    }
}

/// A token with what proves it. The digest is no secret (see [`PlainToken`]), but nobody outside has a use for it.
#[derive(Debug, Clone)]
struct Stored {
    token: Arc<ApiToken>,
    digest: Vec<u8>,
}

impl Stored {
    /// Judges a presented token with this one's id, as of `now`. A wrong secret learns nothing, not even that the token
    /// was revoked.
    fn judge(&self, presented: &PlainToken, now: Timestamp) -> Verdict {
        if !presented.matches(&self.digest) {
            return Verdict::Unknown;
        }
        let token = Arc::clone(&self.token);
        if token.revoked_at.is_some() {
            Verdict::Revoked(token)
        } else if token.expires_at.is_some_and(|at| at <= now) {
            Verdict::Expired(token)
        } else {
            Verdict::Valid(token)
        }
    }
}
