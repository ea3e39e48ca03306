//! API tokens: issued once, shown once, and from then on known by their hash.

mod cache;
mod plain;
mod store;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use fleetgraph_core::{Principal, Timestamp};
use secrecy::SecretString;

use crate::CatalogError;

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

/// The most characters of a token's name, and of a name that it gives.
const MAX_NAME: usize = 200;
/// What everybody is in who has proven who they are.
const AUTHENTICATED: &str = "system:authenticated";

impl NewToken {
    /// Whether somebody may be given these names, by whatever way tokens are made.
    ///
    /// # Errors
    /// When one is Kubernetes' own, too long, or can't stand in a header.
    pub fn check(&self) -> Result<(), CatalogError> {
        let Principal { user, groups, .. } = &self.principal;
        let given = || groups.iter().filter(|group| ***group != *AUTHENTICATED).chain([user]);
        if let Some(name) = given().find(|name| name.starts_with("system:")) {
            return Err(CatalogError::Invalid(format!(
                "{name:?}: names that begin with system: are Kubernetes' own, and no token gives them"
            )));
        }
        for name in given().map(|name| &**name).chain([&*self.name]) {
            if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
                return Err(CatalogError::Invalid(format!(
                    "the names of a token, its user and its groups may have {MAX_NAME} characters each, none of them a \
                     control character"
                )));
            }
        }
        Ok(())
    }

    /// What it gives, for the audit trail.
    #[must_use]
    pub fn details(&self) -> serde_json::Value {
        let Principal { user, groups, tenants, bounds, admin, .. } = &self.principal;
        let texts = |texts: &BTreeSet<Arc<str>>| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        serde_json::json!({
            "user": &**user,
            "groups": groups.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "tenants": texts(tenants),
            "clusters": bounds.clusters.as_deref().map(texts),
            "namespaces": bounds.namespaces.as_deref().map(texts),
            "admin": admin,
            "readOnly": bounds.read_only,
            "expiresAt": self.expires_at.map(|at| at.to_string()),
        })
    }
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
