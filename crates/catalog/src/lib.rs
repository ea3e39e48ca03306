//! What fleetgraph itself has to remember: API tokens, tenants, clusters that were connected at run time, and who did
//! what.
//!
//! ```text
//!   Catalog ──┬── token     issued once, kept as hashes, revoked everywhere within seconds  (TokenCache)
//!             ├── tenant    whose clusters there are, and how much each tenant may ask for
//!             ├── cluster   connections as sealed documents                                 (seal)
//!             └── audit     one chain of hashes, which nothing here can change              (AuditQueue)
//!        │
//!       db ── SQLite: a file, or memory   │   PostgreSQL
//! ```
//!
//! Only this crate knows SQL. What several replicas have to learn of one another is found by polling one row of counters
//! ([`Catalog::changes`]).

pub mod audit;
mod catalog;
mod cluster;
mod db;
mod error;
mod migrate;
pub mod seal;
mod settings;
mod tenant;
mod token;

pub use catalog::{Catalog, Changes};
pub use cluster::{ClusterChange, ClusterRecord, NewCluster, Rotation};
pub use error::CatalogError;
pub use settings::{Location, Settings};
pub use tenant::{DEFAULT_TENANT, NewTenant, Quotas, Tenant};
pub use token::{
    ApiToken, CacheSettings, Issued, NewToken, PlainToken, TokenCache, TokenId, TokenRefresher, Verdict,
};
