//! What happens to each GraphQL request before it is executed, whatever transport it came by.

use async_graphql::{Request, ServerError};
use cluster_registry::Registry;
use fleetgraph_core::Scope;
use graphql::{Viewer, limits::Limits};
use http_api::RequestContext;

/// Refuses documents that ask for too much, and gives each request the view of the fleet that its caller has.
pub struct Gate {
    pub limits: Limits,
    pub registry: Registry,
}

impl http_api::Gate for Gate {
    fn admit(&self, _context: &RequestContext, mut request: Request) -> Result<Request, Vec<ServerError>> {
        self.limits.admit(&mut request).map_err(|error| vec![error.into()])?;
        // Callers aren't authenticated yet, and so the server listens on loopback only: whoever is there sees all.
        Ok(request.data(Viewer::new(self.registry.clone(), Scope::everything())))
    }
}
