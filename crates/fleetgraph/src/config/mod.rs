//! The configuration: what the file, the environment and the flags may say, checked before anything starts.
//!
//! ```text
//! flags  >  environment  >  file  >  defaults
//! ```
//!
//! A configuration is either right or refused: an unknown key, a value of the wrong type and a value that can't work are
//! all reported in one run, each with file, line, column and key path.

mod catalog;
mod check;
pub mod cluster;
mod connections;
mod custom;
mod document;
mod foreign;
mod keys;
pub mod nearest;
mod pii;
pub mod problem;
mod read;
mod reference;
mod registry;
pub mod secret;
pub mod settings;
mod sources;
pub mod telemetry;

use std::{net::SocketAddr, time::Duration};

use access::{authn::AuthenticationConfig, quota::QuotaConfig};

pub use self::{
    catalog::CatalogConfig,
    cluster::{AccessMode, AuthMethod, ClusterConfig, OidcConfig, TlsConfig, WriteAs},
    connections::ConnectionsConfig,
    custom::{CustomResourceConfig, CustomResourceReferenceConfig, SecretDetail},
    pii::{PiiConfig, PiiRuleConfig},
    problem::{Mark, Problem, Problems},
    reference::{commented_default, reference_markdown},
    registry::RegistryConfig,
    sources::{OVERRIDES, Override, Overrides, Source, load},
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
        /// Which parts of which objects only those may see who may `unmask` them.
        pii: PiiConfig = PiiConfig::default(),
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
        /// Address of the GraphQL server. Unless `authentication` says how callers prove who they are, it must be a loopback
        /// address, and whoever reaches it sees everything.
        listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 8080)),
        /// Address of Prometheus' `/metrics`, which asks nobody who they are: it tells the clusters' ids, and how much there
        /// is. A loopback address, unless `authentication` is configured.
        metrics_listen: SocketAddr = SocketAddr::from(([127, 0, 0, 1], 9090)),
        /// Who is let in. Callers see of each cluster what its own roles and bindings give them. Nothing configured: nobody is
        /// asked, and the server listens on loopback only.
        authentication: AuthenticationConfig = AuthenticationConfig::default(),
        /// What fleetgraph remembers itself. With a catalog that is kept, its API tokens are let in, and callers are asked who
        /// they are even if `authentication` says nothing.
        catalog: CatalogConfig = CatalogConfig::default(),
        /// Clusters that administrators connect at run time. The configuration's own clusters are not bound by this.
        connections: ConnectionsConfig = ConnectionsConfig::default(),
        /// Whether callers may change objects of clusters (`patchResource`, `deleteResource`): as themselves, by their own
        /// rights there, and on record. fleetgraph's own account changes nothing.
        enable_mutations: bool = false,
        /// How old fleetgraph's copies of a cluster's roles and bindings may be while the cluster can't be heard. Until then
        /// callers see its objects as they last were; from then on nothing of it, since what was revoked meanwhile can't
        /// be known.
        #[serde(with = "humantime_serde")]
        max_rules_age: Duration = Duration::from_secs(300),
        /// How much each caller, and each tenant, may ask for.
        quotas: QuotaConfig = QuotaConfig::default(),
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

impl Config {
    /// Whether callers are asked who they are.
    #[must_use]
    pub fn asks_callers(&self) -> bool {
        self.authentication.is_configured() || self.catalog.is_kept()
    }
}
