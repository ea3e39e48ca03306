//! The settings of authentication: by which ways somebody may prove who they are, and what follows from that.
//!
//! Everything is off by default. Whoever is nobody by any of these ways is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Who is let in, by what proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthenticationConfig {
    /// OpenID Connect issuers whose tokens are accepted. A token's `iss` chooses the issuer.
    pub oidc: Vec<OidcConfig>,
    /// Clusters that are asked, by TokenReview, whose a token is that none of the issuers above has issued.
    pub token_reviews: Vec<TokenReviewConfig>,
    pub client_certificates: ClientCertificateConfig,
    pub trusted_proxy: TrustedProxyConfig,
    pub admins: AdminsConfig,
    /// Tenants of users and groups, whichever way they proved who they are.
    pub tenants: Vec<TenantConfig>,
    /// Tenants of those for whom neither their issuer nor `tenants` names one. Not for callers of an issuer with a
    /// `tenants_claim`: for them there are no others than it gives.
    pub default_tenants: Vec<String>,
    /// How many verified tokens, and how many refused ones, are remembered at most. Others are verified again.
    pub cached_tokens: u64,
}

impl Default for AuthenticationConfig {
    fn default() -> Self {
        Self {
            oidc: Vec::new(),
            token_reviews: Vec::new(),
            client_certificates: ClientCertificateConfig::default(),
            trusted_proxy: TrustedProxyConfig::default(),
            admins: AdminsConfig::default(),
            tenants: Vec::new(),
            default_tenants: vec!["default".to_owned()],
            cached_tokens: 20_000,
        }
    }
}

impl AuthenticationConfig {
    /// Whether there is any way, besides fleetgraph's own API tokens, to prove who one is.
    #[must_use]
    pub fn is_configured(&self) -> bool {
        !self.oidc.is_empty()
            || !self.token_reviews.is_empty()
            || self.client_certificates.is_configured()
            || self.trusted_proxy.is_configured()
    }
}

/// An OpenID Connect issuer. The names that its tokens give are those that kube-apiserver gives with the same settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OidcConfig {
    /// The issuer's URL, exactly as tokens have it in `iss`. Required. `https`, or `http` on loopback.
    pub issuer: String,
    /// Where the discovery document is, if not at `/.well-known/openid-configuration` below the issuer's URL: for
    /// issuers that can't be reached by their own name, such as a cluster's. The document must name the issuer.
    pub discovery_url: String,
    /// A token must have one of these in `aud`. Required.
    pub audiences: Vec<String>,
    /// Algorithms by which tokens may be signed: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA.
    pub algorithms: Vec<SigningAlgorithm>,
    /// How far the issuer's clock may be ahead: for `nbf` and `iat`. A token's end, `exp`, is taken as it is.
    /// At most 5 minutes.
    #[serde(with = "humantime_serde")]
    pub clock_skew: Duration,
    /// PEM file of the authorities that sign the issuer's certificate. Empty: those of the machine.
    pub ca_file: PathBuf,
    /// Claim that holds the user's name. With `email`, the token must have `email_verified: true`.
    pub username_claim: String,
    /// What stands before the user's name. Empty: nothing for the claim `email`; else the issuer's URL and `#`, so that
    /// two issuers' users are never the same. `-`: nothing.
    pub username_prefix: String,
    /// Claim that holds the groups: texts, or one text. Empty: no groups are read.
    pub groups_claim: String,
    /// What stands before the name of each group.
    pub groups_prefix: String,
    /// Claim that holds the user's id; a token must have it then. Empty: there is none.
    pub uid_claim: String,
    /// Further attributes of the user (`extra` in Kubernetes), each by the claim that holds it.
    pub extra_claims: BTreeMap<String, String>,
    /// Claims that a token must have, with exactly these texts.
    pub required_claims: BTreeMap<String, String>,
    /// Claim that holds the caller's tenants: texts, or one text. Empty: tenants come from elsewhere.
    pub tenants_claim: String,
    /// Tenants that a text in `tenants_claim` stands for. Texts that aren't listed stand for none. Empty: each text is
    /// the name of a tenant itself.
    pub tenants_mapping: BTreeMap<String, Vec<String>>,
    /// Tenants of all callers of this issuer.
    pub tenants: Vec<String>,
    /// Ids of the clusters that callers of this issuer stay within, whatever others would let them see. Empty, or `*`:
    /// all. Required with `trust_system_names: service_accounts`.
    pub clusters: Vec<String>,
    /// Claim that holds ids of the clusters that a caller stays within; `*` stands for all. A token must have it then.
    /// Empty: none is read.
    pub clusters_claim: String,
    /// Claim that holds names of the namespaces that a caller stays within; `*` stands for everything. A token must have
    /// it then. Empty: none is read.
    pub namespaces_claim: String,
    /// Which names that begin with `system:` the issuer may give: `none`, `service_accounts` or `all`. Clusters give
    /// rights to such names by themselves: whoever is in `system:masters` may do everything in each of them, and a
    /// service account's name means another account in each cluster. For a cluster's own issuer, take
    /// `service_accounts` and name the cluster in `clusters`.
    pub trust_system_names: SystemNames,
    /// Time between two looks at the issuer's keys. A token by a key that isn't known brings the next one forward.
    #[serde(with = "humantime_serde")]
    pub keys_refresh: Duration,
    /// Least time between two looks at the issuer's keys, whatever tokens come in.
    #[serde(with = "humantime_serde")]
    pub keys_least_interval: Duration,
    /// How long keys are trusted while the issuer can't be reached. Then nobody with its tokens is let in.
    #[serde(with = "humantime_serde")]
    pub keys_max_age: Duration,
    /// Time that the issuer has to answer.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

impl Default for OidcConfig {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            discovery_url: String::new(),
            audiences: Vec::new(),
            algorithms: vec![SigningAlgorithm::Rs256, SigningAlgorithm::Es256],
            clock_skew: Duration::from_secs(10),
            ca_file: PathBuf::new(),
            username_claim: "sub".to_owned(),
            username_prefix: String::new(),
            groups_claim: String::new(),
            groups_prefix: String::new(),
            uid_claim: String::new(),
            extra_claims: BTreeMap::new(),
            required_claims: BTreeMap::new(),
            tenants_claim: String::new(),
            tenants_mapping: BTreeMap::new(),
            tenants: Vec::new(),
            clusters: Vec::new(),
            clusters_claim: String::new(),
            namespaces_claim: String::new(),
            trust_system_names: SystemNames::None,
            keys_refresh: Duration::from_secs(5 * 60),
            keys_least_interval: Duration::from_secs(5),
            keys_max_age: Duration::from_secs(60 * 60),
            timeout: Duration::from_secs(5),
        }
    }
}

/// A cluster that is asked whose a token is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenReviewConfig {
    /// Id of the cluster. Required. Its account must be allowed to create `tokenreviews.authentication.k8s.io`.
    pub cluster: String,
    /// Values of `iss` with which tokens are shown to this cluster. Empty: each token is shown to it that is of no issuer
    /// in `oidc`, so that this cluster could use what was meant for another.
    pub issuers: Vec<String>,
    /// Audiences that a token must be for. Empty: that of the cluster's API server.
    pub audiences: Vec<String>,
    /// Ids of the clusters that callers stay within. Empty: the one that was asked, since a service account's name
    /// means another account in another cluster. `*` stands for all.
    pub clusters: Vec<String>,
    /// Tenants of all callers whose tokens this cluster accepts.
    pub tenants: Vec<String>,
    /// Which names that begin with `system:` the cluster may give: `none`, `service_accounts` or `all`.
    pub trust_system_names: SystemNames,
}

impl Default for TokenReviewConfig {
    fn default() -> Self {
        Self {
            cluster: String::new(),
            issuers: Vec::new(),
            audiences: Vec::new(),
            clusters: Vec::new(),
            tenants: Vec::new(),
            trust_system_names: SystemNames::ServiceAccounts,
        }
    }
}

/// Callers who prove who they are by the certificate of their connection: CN is the user, each O a group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientCertificateConfig {
    /// PEM file of the authorities that sign clients' certificates. Empty: certificates prove nothing.
    pub ca_file: PathBuf,
    /// Which names that begin with `system:` a certificate may hold: `none`, `service_accounts` or `all`. With `all`, a
    /// certificate of `system:masters`, as kubeadm makes for administrators, may do everything in each cluster.
    pub trust_system_names: SystemNames,
}

impl ClientCertificateConfig {
    #[must_use]
    pub fn is_configured(&self) -> bool {
        !self.ca_file.as_os_str().is_empty()
    }
}

/// A proxy that has found out who is calling and says so in headers, as kube-apiserver's front proxy does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustedProxyConfig {
    /// PEM file of the authorities that sign the proxy's certificate, and nobody else's. Empty: there is no proxy, and
    /// the headers mean nothing.
    pub ca_file: PathBuf,
    /// Common names of the certificates that the proxy may have. Required.
    pub allowed_names: Vec<String>,
    /// Header with the user's name.
    pub user_header: String,
    /// Header with a group; there may be several.
    pub group_header: String,
    /// Header with the user's id.
    pub uid_header: String,
    /// What the names of headers begin with that hold further attributes of the user.
    pub extra_header_prefix: String,
    /// Which names that begin with `system:` the proxy may give: `none`, `service_accounts` or `all`.
    pub trust_system_names: SystemNames,
}

impl Default for TrustedProxyConfig {
    fn default() -> Self {
        Self {
            ca_file: PathBuf::new(),
            allowed_names: Vec::new(),
            user_header: "X-Remote-User".to_owned(),
            group_header: "X-Remote-Group".to_owned(),
            uid_header: "X-Remote-Uid".to_owned(),
            extra_header_prefix: "X-Remote-Extra-".to_owned(),
            trust_system_names: SystemNames::None,
        }
    }
}

impl TrustedProxyConfig {
    #[must_use]
    pub fn is_configured(&self) -> bool {
        !self.ca_file.as_os_str().is_empty()
    }
}

/// Who may administer fleetgraph itself, within their tenants. It gives no rights in clusters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdminsConfig {
    /// Names of users, with their prefixes.
    pub users: Vec<String>,
    /// Names of groups, with their prefixes.
    pub groups: Vec<String>,
}

/// Who belongs to a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantConfig {
    /// Name of the tenant. Required.
    pub name: String,
    /// Names of users, with their prefixes.
    pub users: Vec<String>,
    /// Names of groups, with their prefixes.
    pub groups: Vec<String>,
}

/// Which of the names that Kubernetes keeps for itself somebody may give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemNames {
    /// None.
    #[default]
    None,
    /// Those of service accounts, with their own groups.
    ServiceAccounts,
    /// All, `system:masters` and the nodes' among them.
    All,
}

/// An algorithm that signs with a private key. There are no others here: a secret that both sides have would let each
/// that verifies tokens make them, and a public key taken for such a secret lets everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "RS384")]
    Rs384,
    #[serde(rename = "RS512")]
    Rs512,
    #[serde(rename = "PS256")]
    Ps256,
    #[serde(rename = "PS384")]
    Ps384,
    #[serde(rename = "PS512")]
    Ps512,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "ES384")]
    Es384,
    #[serde(rename = "EdDSA")]
    EdDsa,
}
