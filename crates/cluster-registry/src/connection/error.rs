//! What can go wrong on the way to a cluster before Kubernetes itself has said anything. Each message says what
//! to do about it, and none holds a secret: the output of a plugin, a token or a key never gets in here.

use std::{path::PathBuf, time::Duration};

use fleetgraph_core::ErrorCode;

/// The configuration of a cluster can't be turned into a connection, or into a new generation of its credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Settings that contradict each other or can't be parsed; no file will cure it.
    #[error("{0}")]
    Spec(String),
    #[error(
        "cannot read {what} {path:?}: {reason}; check that the file exists and that fleetgraph may read it"
    )]
    File { what: &'static str, path: PathBuf, reason: String },
    #[error("kubeconfig {path:?} is not valid: {reason}")]
    Kubeconfig { path: PathBuf, reason: String },
    #[error(
        "no kubeconfig was found: set KUBECONFIG, create ~/.kube/config, or list the clusters in the configuration"
    )]
    NoKubeconfig,
    #[error("the kubeconfig has no context {wanted:?}; it has {}", listed(.known))]
    MissingContext { wanted: String, known: Vec<String> },
    #[error("the kubeconfig has no current-context; name one of its contexts: {}", listed(.known))]
    NoCurrentContext { known: Vec<String> },
    #[error("context {context:?} names the cluster {cluster:?}, which the kubeconfig does not define")]
    MissingCluster { context: String, cluster: String },
    #[error("context {context:?} names the user {user:?}, which the kubeconfig does not define")]
    MissingUser { context: String, user: String },
    #[error("not in a pod: {0}; the in_cluster method works only inside Kubernetes")]
    NotInCluster(String),
    #[error("the {what} is not usable: {reason}")]
    Material { what: &'static str, reason: String },
    #[error(
        "the credential plugin {command:?} is not installed or cannot be run here ({reason}); install it on this machine or \
         use another auth method"
    )]
    PluginMissing { command: String, reason: String },
    #[error(
        "the credential plugin {command:?} failed ({reason}); run it by hand as the user that fleetgraph runs as"
    )]
    PluginFailed { command: String, reason: String },
    #[error("the OpenID Connect settings are not usable: {0}")]
    Oidc(String),
    #[error("the proxy {0:?} is not usable: only http:// and https:// proxies are supported")]
    Proxy(String),
}

impl ConnectError {
    /// What those are told who ask about the cluster. Paths, and the other clusters of a kubeconfig, are for the log of the
    /// server: a caller need not know of them.
    #[must_use]
    pub fn told(&self) -> String {
        let what = match self {
            Self::File { what, .. } => {
                format!("check that its {what} exists, and that fleetgraph may read it")
            }
            Self::Spec(_) => "its settings can't be used".to_owned(),
            Self::Kubeconfig { .. } => "its kubeconfig is not valid".to_owned(),
            Self::NoKubeconfig => "there is no kubeconfig".to_owned(),
            Self::MissingContext { .. }
            | Self::NoCurrentContext { .. }
            | Self::MissingCluster { .. }
            | Self::MissingUser { .. } => "its kubeconfig lacks the context, or what that names".to_owned(),
            Self::NotInCluster(_) => "it is the server's own cluster, and the server is in none".to_owned(),
            Self::Material { what, .. } => format!("its {what} can't be used"),
            Self::PluginMissing { .. } | Self::PluginFailed { .. } => {
                "its credential plugin failed".to_owned()
            }
            Self::Oidc(_) => "its OpenID Connect settings can't be used".to_owned(),
            Self::Proxy(_) => "its proxy can't be used".to_owned(),
        };
        format!(
            "the server's configuration of this cluster needs mending: {what}; the server's log says more"
        )
    }

    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Material { .. } => ErrorCode::ClusterTls,
            Self::PluginFailed { .. } | Self::Oidc(_) => ErrorCode::ClusterUnauthenticated,
            _ => ErrorCode::ClusterConfig,
        }
    }
}

pub(super) fn listed(names: &[String]) -> String {
    /// A kubeconfig of a whole fleet would fill the log.
    const SHOWN: usize = 10;
    if names.is_empty() {
        return "no contexts at all".to_owned();
    }
    let shown = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// A call ended in this process, before or instead of an answer from the API server.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    #[error("cluster {cluster} is unreachable and is tried again by itself; the last failure: {reason}")]
    Unavailable { cluster: String, reason: String },
    #[error(
        "cluster {cluster} gets more requests than its qps of {qps} and burst of {burst} allow; raise them in its configuration \
         if the API server can take it"
    )]
    Throttled { cluster: String, qps: f32, burst: u32 },
    #[error("cluster {cluster} did not answer within {}; check its load, or raise its timeout", humane(*.after))]
    TimedOut { cluster: String, after: Duration },
    #[error("cluster {cluster} answered with {what} instead of Kubernetes' API; {hint}")]
    NotKubernetes { cluster: String, what: String, hint: &'static str },
    #[error(
        "changes can't be sent to the cluster in the caller's name: fleetgraph's own credentials for it act in somebody's \
         name already (`as` in its kubeconfig), or its `write_as` is another"
    )]
    NotInAnothersName,
    #[error("cluster {cluster} sent more than the allowed {limit} bytes in one answer; it was cut off")]
    TooLarge { cluster: String, limit: u64 },
}

impl CallError {
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unavailable { .. } => ErrorCode::ClusterUnavailable,
            Self::Throttled { .. } => ErrorCode::ClusterRateLimited,
            Self::TimedOut { .. } => ErrorCode::ClusterTimeout,
            Self::NotInAnothersName => ErrorCode::ClusterConfig,
            Self::NotKubernetes { .. } | Self::TooLarge { .. } => ErrorCode::ClusterProtocol,
        }
    }
}

fn humane(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}
