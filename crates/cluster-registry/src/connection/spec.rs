//! What is known about a cluster before anything was asked of it: where it is, who we are there, how much we
//! may ask. A plain value: it comes from the configuration, a kubeconfig or the pod's own environment, and goes
//! into [`Connection::open`](super::Connection::open).
//!
//! Secrets are [`SecretString`]s, so that `Debug` never shows them.

use std::{path::PathBuf, sync::Arc, time::Duration};

use fleetgraph_core::ClusterId;
use secrecy::SecretString;

use super::{actor::WriteAs, guard::Guard};
use crate::breaker::BreakerSettings;

/// Where Kubernetes mounts the token of a pod's service account.
pub const POD_TOKEN_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/// Where Kubernetes mounts the certificate authority of a pod's own cluster.
pub const POD_CA_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";

/// The tenant of clusters that are given to none.
pub const DEFAULT_TENANT: &str = "default";

/// One cluster of the fleet.
#[derive(Debug, Clone)]
pub struct ClusterSpec {
    pub id: ClusterId,
    /// For people; the id when nothing better is known.
    pub name: String,
    /// `dev`, `staging`, `prod`, or whatever the fleet's owners call it; may be empty.
    pub environment: String,
    pub region: Option<String>,
    /// Whose cluster it is: callers see clusters of their own tenants only.
    pub tenant: Arc<str>,
    /// How it is found out what callers may see in it.
    pub access: AccessRule,
    /// How it is told who changes something in it.
    pub write_as: WriteAs,
    pub auth: Auth,
    /// For `Auth::Kubeconfig` and `Auth::InCluster`, what is set here goes before what is found there.
    pub tls: TlsSpec,
    /// An HTTP or HTTPS proxy for this cluster. Goes before the kubeconfig's `proxy-url`, which goes before
    /// `HTTPS_PROXY` and `NO_PROXY`.
    pub proxy_url: Option<String>,
    /// Requests a second to this cluster, in the long run.
    pub qps: f32,
    /// Requests at once, after a quiet time.
    pub burst: u32,
    /// The longest time for a request and its answer; for a watch, until its headers arrive.
    pub timeout: Duration,
    /// Where connections may go, for a cluster that somebody outside has named; nothing may be read from files then.
    /// `None` for those of the configuration: anywhere.
    pub guard: Option<Guard>,
    pub tuning: Tuning,
}

impl ClusterSpec {
    /// A cluster with the default limits: 50 requests a second, bursts of 100, 30 seconds for a request.
    #[must_use]
    pub fn new(id: ClusterId, auth: Auth) -> Self {
        Self {
            name: id.as_str().to_owned(),
            id,
            environment: String::new(),
            region: None,
            tenant: Arc::from(DEFAULT_TENANT),
            access: AccessRule::default(),
            write_as: WriteAs::default(),
            auth,
            tls: TlsSpec::default(),
            proxy_url: None,
            qps: 50.0,
            burst: 100,
            timeout: Duration::from_secs(30),
            guard: None,
            tuning: Tuning::default(),
        }
    }
}

/// How it is found out what callers may see in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AccessRule {
    /// By the cluster's roles and bindings where they are known to be all that decides, else by asking it.
    #[default]
    Auto,
    /// By the cluster's roles and bindings, whoever else decides there.
    Rbac,
    /// By asking the cluster.
    Reviews,
}

/// How fleetgraph proves to a cluster who it is.
#[derive(Debug, Clone)]
pub enum Auth {
    /// A context of one or more kubeconfig files, merged as `kubectl` merges them (the first to name a thing wins).
    Kubeconfig {
        /// None: the files in `KUBECONFIG`, or `~/.kube/config`.
        paths: Vec<PathBuf>,
        /// `None`: the file's `current-context`.
        context: Option<String>,
    },
    /// The cluster that fleetgraph itself runs in, by its pod's service account.
    InCluster,
    /// A service account's token, for a cluster at `server`.
    ServiceAccount {
        server: String,
        /// `None`: the file where Kubernetes mounts a pod's token.
        token: Option<Token>,
    },
    /// Any bearer token, for a cluster at `server`.
    Token { server: String, token: Token },
    /// An OpenID Connect ID token, renewed with a refresh token when it is about to expire.
    Oidc {
        server: String,
        issuer_url: String,
        client_id: String,
        client_secret: Option<SecretString>,
        /// `None`: the first one is fetched with the refresh token.
        id_token: Option<Token>,
        refresh_token: Option<Token>,
    },
    /// Only what `tls` holds: a client certificate, or nothing.
    Certificate { server: String },
}

impl Auth {
    /// One kubeconfig file and one of its contexts.
    #[must_use]
    pub fn kubeconfig(path: impl Into<PathBuf>, context: Option<&str>) -> Self {
        Self::Kubeconfig { paths: vec![path.into()], context: context.map(str::to_owned) }
    }
}

/// A token, or the file that holds it and may be rewritten at any time.
#[derive(Debug, Clone)]
pub enum Token {
    Inline(SecretString),
    File(PathBuf),
}

/// How the connection is secured. For each item at most one of file and data may be set; data is PEM, or the
/// base64 of PEM, as in a kubeconfig.
#[derive(Debug, Clone, Default)]
pub struct TlsSpec {
    pub ca_file: Option<PathBuf>,
    pub ca_data: Option<String>,
    pub cert_file: Option<PathBuf>,
    pub cert_data: Option<String>,
    pub key_file: Option<PathBuf>,
    pub key_data: Option<SecretString>,
    /// The name that the server's certificate must hold, where it isn't the host in the URL.
    pub server_name: Option<String>,
    /// Accept any certificate. Whoever sits between can then read and change everything.
    pub insecure: bool,
}

/// What an operator seldom changes and a test often does.
#[derive(Debug, Clone)]
pub struct Tuning {
    pub breaker: BreakerSettings,
    /// How often the files behind the credentials are looked at.
    pub reload_interval: Duration,
    /// How often a reachable cluster's health is looked at.
    pub health_interval: Duration,
    /// The longest time to a usable connection: name, TCP, proxy and TLS together.
    pub connect_timeout: Duration,
    /// The longest answer to a request that isn't a list, and the longest event of a watch, in bytes.
    pub max_object_bytes: u64,
    /// The longest answer to a list, in bytes.
    pub max_list_bytes: u64,
    /// Streams on one HTTP/2 connection before a second is opened. API servers admit 100 by default
    /// (`--http2-max-streams-per-connection`), and further ones wait in silence.
    pub streams_per_connection: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            breaker: BreakerSettings::default(),
            reload_interval: Duration::from_secs(5),
            health_interval: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            max_object_bytes: 32 << 20,
            max_list_bytes: 2 << 30,
            streams_per_connection: 80,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_spec_shows_no_secret() {
        let mut spec = ClusterSpec::new(
            ClusterId::new("prod").unwrap(),
            Auth::Oidc {
                server: "https://api".into(),
                issuer_url: "https://idp".into(),
                client_id: "fleet".into(),
                client_secret: Some("hush-1".into()),
                id_token: Some(Token::Inline("hush-2".into())),
                refresh_token: Some(Token::Inline("hush-3".into())),
            },
        );
        spec.tls.key_data = Some("hush-4".into());
        let shown = format!("{spec:?}");
        assert!(shown.contains("https://idp"), "{shown}");
        assert!(!shown.contains("hush"), "{shown}");
    }
}
