//! Fields about fleetgraph itself: who the caller is, API tokens, tenants, clusters that come and go, and the audit trail;
//! and what callers change, which goes on that trail.

mod audit_log;
mod audited;
mod clusters;
mod objects;
mod tenants;
mod tokens;
mod viewer;

use std::sync::Arc;

use async_graphql::MergedObject;
use catalog::{Catalog, CatalogError, audit::AuditQueue};
use fleetgraph_core::{Error, ErrorCode};

pub use clusters::{Connections, Given, NewConnection};
pub use objects::Writes;
pub use tenants::{TenantBounds, TenantQuotas};

pub(crate) use audited::{Action, audited};

/// What fleetgraph remembers, for the resolvers; in the schema's data.
#[derive(Debug, Clone)]
pub struct Desk {
    pub catalog: Catalog,
    pub audit: AuditQueue,
    pub connections: Arc<dyn Connections>,
    /// Where objects of clusters may be changed.
    pub writes: Option<Arc<dyn Writes>>,
    /// How much each tenant may ask for.
    pub bounds: Arc<dyn TenantBounds>,
}

#[derive(MergedObject, Default)]
pub struct AdminQuery(
    viewer::ViewerQuery,
    tokens::TokenQuery,
    tenants::TenantQuery,
    clusters::ClusterQuery,
    audit_log::AuditQuery,
);

#[derive(MergedObject, Default)]
pub struct Mutation(tokens::TokenMutation, clusters::ClusterMutation, objects::ObjectMutation);

/// What a caller is told of a fault of the catalog.
#[must_use]
pub fn told(error: CatalogError) -> Error {
    let code = match &error {
        CatalogError::Invalid(_) => ErrorCode::BadUserInput,
        CatalogError::Exists { .. } | CatalogError::InUse { .. } | CatalogError::Conflict { .. } => {
            ErrorCode::Conflict
        }
        CatalogError::NotFound { .. } => ErrorCode::NotFound,
        error if error.is_passing() => {
            tracing::error!(%error, "the catalog did not answer");
            return Error::new(ErrorCode::CatalogUnavailable, "the catalog does not answer now; try again");
        }
        error => {
            tracing::error!(%error, "the catalog failed");
            return Error::new(ErrorCode::Internal, "internal error; the log has more under this requestId");
        }
    };
    Error::new(code, error.to_string())
}
