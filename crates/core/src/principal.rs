//! Who is calling: an explicit value that is passed down, and that nothing looks up from the surroundings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

/// Who is calling, as far as it was proven: names as the clusters' RBAC knows them, and what fleetgraph itself says of
/// their owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    pub user: Arc<str>,
    /// Tells two users of one name apart, if the issuer does; else empty.
    pub uid: Arc<str>,
    /// Without duplicates.
    pub groups: Arc<[Arc<str>]>,
    /// Further attributes (`UserInfo.extra` of Kubernetes), which impersonation passes on.
    pub extra: Arc<BTreeMap<String, Vec<String>>>,
    /// The tenants whose clusters there are, for this caller.
    pub tenants: Arc<BTreeSet<Arc<str>>>,
    pub bounds: Bounds,
    /// Whether the caller may administer fleetgraph itself, within the tenants: tokens, clusters, the audit trail. It
    /// says nothing of what may be seen in a cluster.
    pub admin: bool,
}

/// What a principal stays within, whatever the clusters' own rules give: of a token, or of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Bounds {
    /// Ids of clusters; every cluster if missing.
    pub clusters: Option<Arc<BTreeSet<Arc<str>>>>,
    /// Names of namespaces, and with them nothing that is cluster-scoped; everything if missing.
    pub namespaces: Option<Arc<BTreeSet<Arc<str>>>>,
    /// Whether nothing may be changed.
    pub read_only: bool,
}

impl Bounds {
    /// Both at once.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        type Names = Option<Arc<BTreeSet<Arc<str>>>>;
        let both = |one: &Names, other: &Names| match (one, other) {
            (Some(one), Some(other)) => Some(Arc::new(one.intersection(other).cloned().collect())),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        Self {
            clusters: both(&self.clusters, &other.clusters),
            namespaces: both(&self.namespaces, &other.namespaces),
            read_only: self.read_only || other.read_only,
        }
    }
}

impl Principal {
    /// A user in no group and no tenant, without bounds.
    #[must_use]
    pub fn new(user: impl Into<Arc<str>>) -> Self {
        Self {
            user: user.into(),
            uid: Arc::from(""),
            groups: Arc::from([]),
            extra: Arc::default(),
            tenants: Arc::default(),
            bounds: Bounds::default(),
            admin: false,
        }
    }

    #[must_use]
    pub fn in_groups<G: Into<Arc<str>>>(self, groups: impl IntoIterator<Item = G>) -> Self {
        let mut known = BTreeSet::new();
        let groups = groups.into_iter().map(Into::into).filter(|group| known.insert(Arc::clone(group)));
        Self { groups: groups.collect(), ..self }
    }

    #[must_use]
    pub fn of_tenants<T: Into<Arc<str>>>(self, tenants: impl IntoIterator<Item = T>) -> Self {
        Self { tenants: Arc::new(tenants.into_iter().map(Into::into).collect()), ..self }
    }

    /// The tenant whose administrators find on record what is done to a credential of this principal.
    #[must_use]
    pub fn first_tenant(&self) -> Option<String> {
        self.tenants.first().map(ToString::to_string)
    }
}

/// Somebody who has proven who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub principal: Arc<Principal>,
    /// When the proof ends by itself.
    pub until: Option<SystemTime>,
    pub method: Method,
    /// What the audit trail names the credential by, such as the id of an API token; never the credential.
    pub credential: Arc<str>,
}

/// How somebody proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    Oidc,
    TokenReview,
    ApiToken,
    ClientCertificate,
    TrustedHeaders,
}

impl Method {
    /// The word for it in logs and in the audit trail.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Oidc => "oidc",
            Self::TokenReview => "token_review",
            Self::ApiToken => "api_token",
            Self::ClientCertificate => "client_certificate",
            Self::TrustedHeaders => "trusted_headers",
        }
    }
}

/// Which of the configured authorities have signed a client's certificate. The listener verifies a chain against those of
/// clients and against those of the trusted proxy, each alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignedBy {
    /// Those of end users: the certificate says who is calling.
    Clients,
    /// Those of the trusted proxy: the certificate says that the proxy is calling for somebody.
    Proxy,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Option<Arc<BTreeSet<Arc<str>>>> {
        Some(Arc::new(names.iter().map(|name| Arc::from(*name)).collect()))
    }

    #[test]
    fn bounds_within_bounds_are_never_wider_than_either() {
        let one = Bounds { clusters: names(&["a", "b"]), namespaces: None, read_only: false };
        let other = Bounds { clusters: names(&["b", "c"]), namespaces: names(&["shop"]), read_only: true };
        let both = Bounds { clusters: names(&["b"]), namespaces: names(&["shop"]), read_only: true };
        assert_eq!((one.within(&other), other.within(&one)), (both.clone(), both));
        assert_eq!(one.within(&Bounds::default()), one);
        let apart = Bounds { clusters: names(&["z"]), ..Bounds::default() };
        assert_eq!(one.within(&apart).clusters, names(&[]), "nothing, and not everything");
    }
}
