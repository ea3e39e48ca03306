//! The configuration: what the file, the environment and the flags may say, checked before anything starts.
//!
//! ```text
//! flags  >  environment  >  file  >  defaults
//! ```
//!
//! A configuration is either right or refused: an unknown key, a value of the wrong type and a value that can't work are
//! all reported in one run, each with file, line, column and key path.

mod check;
pub mod cluster;
mod custom;
mod document;
mod foreign;
mod keys;
pub mod nearest;
pub mod problem;
mod read;
mod reference;
mod registry;
pub mod secret;
pub mod settings;
mod sources;
pub mod telemetry;

use std::{net::SocketAddr, time::Duration};

pub use self::{
    cluster::{AuthMethod, ClusterConfig, OidcConfig, TlsConfig},
    custom::{CustomResourceConfig, CustomResourceReferenceConfig, SecretDetail},
    problem::{Mark, Problem, Problems},
    reference::{commented_default, reference_markdown},
    registry::RegistryConfig,
    sources::{OVERRIDES, Override, Overrides, load},
    telemetry::{LogFormat, TelemetryConfig},
};

settings::settings! {
    /// The whole configuration file.
    pub struct Config {
        /// Clusters of the fleet. Empty: every context of the kubeconfig (KUBECONFIG, or `~/.kube/config`), or else the
        /// cluster in whose pod the server runs.
        clusters: Vec<ClusterConfig> = Vec::new(),
        /// Namespace of a single object that a query asks for without one.
        default_namespace: String = "default".to_owned(),
        /// Kinds to watch, such as `pods` or `Deployment`. `default` means all that the server knows but
        /// `leases`, as an empty list does: `[default, leases]` adds these.
        watch_resources: Vec<String> = Vec::new(),
        /// What is read of secrets: `metadata`, or `keys` for their types, key names and sizes too. Values are never kept.
        secrets: SecretDetail = SecretDetail::default(),
        /// Whether kinds are watched that clusters have besides those that the server knows.
        enable_custom_resources: bool = false,
        /// Those kinds. Empty: every one that a CustomResourceDefinition defines.
        custom_resource_definitions: Vec<CustomResourceConfig> = Vec::new(),
        /// Where custom resources name other objects, so that relations and graphs show it.
        custom_resource_references: Vec<CustomResourceReferenceConfig> = Vec::new(),
        /// How often each watch is checked against a full list, as a safety net. `0s`: never.
        #[serde(with = "humantime_serde")]
        resync_period: Duration = Duration::from_secs(600),
        /// How often the versions of each kind are compared with a list of the cluster's metadata, to find and repair what
        /// a watch lost without a word. `0s`: never.
        #[serde(with = "humantime_serde")]
        audit_period: Duration = Duration::from_secs(30),
        /// Address of the GraphQL server. Until requests are authenticated, it must be a loopback address.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)),
        /// Address of Prometheus' `/metrics`. Until requests are authenticated, it must be a loopback address.
        metrics_listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9090)),
        /// How the clusters are watched.
        registry: RegistryConfig = RegistryConfig::default(),
        /// The HTTP server and its bounds.
        http: http_api::HttpConfig = http_api::HttpConfig::default(),
        /// Objects that a page of a connection may have at most. A query for a longer page is refused.
        max_page_size: usize = 1000,
        /// What a single GraphQL document may ask for.
        limits: graphql::limits::LimitsConfig = graphql::limits::LimitsConfig::default(),
        /// Logs, traces and metrics of the server itself.
        telemetry: TelemetryConfig = TelemetryConfig::default(),
    }
}
