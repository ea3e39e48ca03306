//! A cluster as the configuration file names it.

use std::{path::PathBuf, time::Duration};

use super::{
    secret::Secret,
    settings::{choice, settings},
};

choice! {
    /// How the server proves to a cluster who it is.
    pub enum AuthMethod {
        /// As a kubeconfig file says, including exec plugins, client certificates and OIDC providers.
        Kubeconfig = "kubeconfig",
        /// As the pod in which the server runs.
        InCluster = "in_cluster",
        /// With a service account's token; without one, the pod's own token file.
        ServiceAccount = "service_account",
        /// With a bearer token.
        Token = "token",
        /// With an OpenID Connect ID token, renewed before it expires.
        Oidc = "oidc",
        /// With the client certificate of `tls_config`.
        Certificate = "certificate",
    }
}

choice! {
    /// How it is found out what callers may see in a cluster.
    pub enum AccessMode {
        /// By its roles and bindings where these are known to be all that decides there; else by asking it.
        Auto = "auto",
        /// By its roles and bindings, whoever else decides there.
        Rbac = "rbac",
        /// By asking it (SubjectAccessReview), object by object where need be.
        Reviews = "reviews",
    }
}

choice! {
    /// How a cluster is told who changes something in it.
    pub enum WriteAs {
        /// fleetgraph's own account says for whom it asks, which it needs the right to `impersonate` for.
        Impersonation = "impersonation",
        /// By the token that the caller came with. The cluster has to accept it, and to call the caller by the same name.
        Token = "token",
    }
}

settings! {
    /// One cluster of the fleet.
    pub struct ClusterConfig {
        /// Unique identifier, the first part of every object's id (`cluster:namespace:name`): letters, digits, `-`, `_`,
        /// `.`, `/` and `@`. Required.
        id: String = String::new(),
        /// Name for people. Empty: the id.
        name: String = String::new(),
        /// Environment, such as `dev`, `staging` or `prod`.
        environment: String = String::new(),
        /// Region or zone, such as `us-east-1`.
        region: String = String::new(),
        /// Tenant that the cluster belongs to: callers of other tenants are not told that there is such a cluster.
        tenant: String = "default".to_owned(),
        /// How it is found out what callers may see in it: `auto`, `rbac` or `reviews`.
        access_mode: AccessMode = AccessMode::default(),
        /// How it is told who changes something in it, with `enable_mutations`: `impersonation`, or the caller's own `token`.
        write_as: WriteAs = WriteAs::default(),
        /// How to authenticate: `kubeconfig`, `in_cluster`, `service_account`, `token`, `oidc` or `certificate`.
        auth_method: AuthMethod = AuthMethod::default(),
        /// Kubeconfig file, for `kubeconfig`. Empty: the files of KUBECONFIG, or `~/.kube/config`.
        kubeconfig_path: PathBuf = PathBuf::new(),
        /// Context of the kubeconfig. Empty: its current context.
        kubeconfig_context: String = String::new(),
        /// Token, for `service_account` and `token`. It is never printed; prefer a file, which can be rotated.
        service_account_token: Secret = Secret::default(),
        /// File that holds the token; read again when it changes. For `service_account`, when both are empty, the token
        /// that Kubernetes mounts into the pod.
        service_account_token_file: PathBuf = PathBuf::new(),
        /// URL of the API server, such as `https://10.0.0.1:6443`. Required, except for `kubeconfig` and `in_cluster`.
        api_server_url: String = String::new(),
        /// Who issues the ID token, for `oidc`.
        oidc: OidcConfig = OidcConfig::default(),
        /// Certificates. For `kubeconfig` and `in_cluster`, what is set here goes before what is found there.
        tls_config: TlsConfig = TlsConfig::default(),
        /// HTTP or HTTPS proxy for this cluster. Empty: as the kubeconfig, HTTPS_PROXY and NO_PROXY say.
        proxy_url: String = String::new(),
        /// Requests a second to this cluster, on average.
        qps: f32 = 50.0,
        /// Requests that may be sent at once before `qps` holds them back.
        burst: u32 = 100,
        /// Time that a request may take; for a watch, until it begins.
        #[serde(with = "humantime_serde")]
        timeout: Duration = Duration::from_secs(30),
    }
}

settings! {
    /// Certificates for the connection to a cluster. Of each pair of a file and data, give one; data is PEM, or base64 of it.
    pub struct TlsConfig {
        /// File of the certificate authority that signed the API server's certificate. Empty: the system's authorities.
        ca_file: PathBuf = PathBuf::new(),
        /// The same, inline.
        ca_data: String = String::new(),
        /// Client certificate file.
        cert_file: PathBuf = PathBuf::new(),
        /// The same, inline.
        cert_data: String = String::new(),
        /// Key file of the client certificate.
        key_file: PathBuf = PathBuf::new(),
        /// The same, inline. It is never printed.
        key_data: Secret = Secret::default(),
        /// Name that the API server's certificate must hold, where it isn't the host of the URL.
        server_name: String = String::new(),
        /// Accept any certificate of the API server. Whoever is on the network path can then read and change everything.
        insecure: bool = false,
    }
}

settings! {
    /// An OpenID Connect client, for `auth_method: oidc`.
    pub struct OidcConfig {
        /// URL of the issuer. Required.
        issuer_url: String = String::new(),
        /// Name of the client. Required.
        client_id: String = String::new(),
        /// Secret of the client, where it has one. It is never printed.
        client_secret: Secret = Secret::default(),
        /// File that holds the first ID token. Empty: it is fetched with the refresh token.
        id_token_file: PathBuf = PathBuf::new(),
        /// File that holds the refresh token. Empty: the ID token is used until it expires.
        refresh_token_file: PathBuf = PathBuf::new(),
    }
}
