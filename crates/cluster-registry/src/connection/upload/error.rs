//! Why a connection that somebody gave is not accepted. Texts are for whoever gave it, and quote names of contexts,
//! clusters and users at most.

use crate::connection::{error::listed, guard::Refused};

/// What is wrong, and what to give instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    #[error("it is longer than {} KiB; give the one context that is meant", super::MAX_BYTES >> 10)]
    TooLong,
    /// The parser's own text would quote the lines around the fault, and those may be a key.
    #[error(
        "it is not the YAML of a kubeconfig{}: check its keys and the types of their values; anchors and aliases are not accepted",
        place(.0)
    )]
    NotKubeconfig(Option<(u64, u64)>),
    #[error("name the context: the kubeconfig has no current-context; it has {}", listed(.known))]
    NoContext { known: Vec<String> },
    #[error("the kubeconfig has no context {wanted:?}; it has {}", listed(.known))]
    MissingContext { wanted: String, known: Vec<String> },
    #[error("the context names a {what} {name:?}, which the kubeconfig does not define")]
    Missing { what: &'static str, name: String },
    #[error("the kubeconfig has more than one {what} {name:?}; keep the one that is meant")]
    Ambiguous { what: &'static str, name: String },
    #[error(
        "its user has an exec plugin, and uploaded kubeconfigs run no program; give a service account's token or a client certificate"
    )]
    Plugin,
    #[error(
        "its user has an auth-provider, which is not accepted; give a service account's token or a client certificate"
    )]
    AuthProvider,
    #[error(
        "{key} names a file, and uploaded kubeconfigs read none; give {instead} (kubectl config view --flatten)"
    )]
    File { key: &'static str, instead: &'static str },
    #[error("its user has a user name and password, which API servers no longer take; give a token")]
    Password,
    #[error("its user acts as somebody else (as, as-uid, as-groups); give credentials of their own")]
    Impersonation,
    #[error("proxy-url is not accepted here (`connections.allow_proxy`)")]
    Proxy,
    #[error(
        "insecure-skip-tls-verify is not accepted here (`connections.allow_insecure`); give certificate-authority-data"
    )]
    Insecure,
    #[error("insecure-skip-tls-verify contradicts the certificate authority; keep one of them")]
    Contradiction,
    #[error("a client certificate needs both client-certificate-data and client-key-data")]
    HalfAnIdentity,
    #[error("there are no credentials: give a token or a client certificate")]
    NoCredentials,
    #[error("the {0} can't be used as it is; check that it was copied whole")]
    Unusable(&'static str),
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("what was stored of this connection can't be read by this release")]
    Stored,
}

fn place(at: &Option<(u64, u64)>) -> String {
    at.map_or_else(String::new, |(line, column)| format!(", near line {line}, column {column}"))
}
