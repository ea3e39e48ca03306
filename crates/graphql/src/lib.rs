//! The GraphQL schema: its roots, what a page is, how changes become subscription events.
//!
//! The types of the kinds come from the crate `kinds`; here, the table of kinds becomes the fields of Query and
//! Subscription and the entities of the federation. Resolvers are thin: they take the viewer out of the
//! request, make a query of the arguments, and hand it to the registry.

mod admin;
mod aside;
mod caller;
mod custom;
mod diff;
mod entities;
mod fleet;
mod graph;
mod list;
mod page;
mod query;
mod search;
mod settled;
mod subscription;
mod watch;

use std::sync::Arc;

use async_graphql::{Data, Executor, Request, Response, SDLExportOptions, SchemaBuilder};
use futures::{future::BoxFuture, stream::BoxStream};

pub use admin::{
    Connections, Desk, Given, NewConnection, TenantBounds, TenantQuotas, Writes, told as catalog_error,
};
pub use caller::Caller;
pub use kinds::{Budget, Viewer};
pub use limits;

/// The roots of the schema.
type Roots = async_graphql::Schema<query::Query, admin::Mutation, subscription::Subscription>;

/// The schema, ready to execute. Cheap to clone.
///
/// The roots are generic over every kind, and whoever executes them has all resolvers compiled into itself. Here they
/// are behind boxed futures, so that this crate compiles them once, and the program that serves them not again.
#[derive(Clone)]
pub struct Schema(Roots);

impl Schema {
    /// The SDL, as a server tells it.
    #[must_use]
    pub fn sdl(&self) -> String {
        self.0.sdl()
    }

    /// Executes a query or a mutation.
    pub fn execute(&self, request: impl Into<Request>) -> BoxFuture<'static, Response> {
        executed(self.0.clone(), request.into())
    }

    /// Executes any operation; a query or a mutation gives one response.
    pub fn execute_stream(&self, request: impl Into<Request>) -> BoxStream<'static, Response> {
        streamed(&self.0, request.into(), None)
    }
}

fn executed(roots: Roots, request: Request) -> BoxFuture<'static, Response> {
    Box::pin(settled::execute(roots, request))
}

fn streamed(roots: &Roots, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
    settled::execute_stream(roots, request, session)
}

impl Executor for Schema {
    fn execute(&self, request: Request) -> impl Future<Output = Response> + Send {
        executed(self.0.clone(), request)
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        streamed(&self.0, request, session)
    }
}

/// What resolvers need to know of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaSettings {
    /// The namespace of single objects that are asked for without one.
    pub default_namespace: String,
    /// The most objects that a page of a connection may have.
    pub max_page_size: usize,
}

impl Default for SchemaSettings {
    fn default() -> Self {
        Self { default_namespace: "default".to_owned(), max_page_size: 1000 }
    }
}

/// The schema. Each request has to carry a [`Viewer`] in its data, and a [`Caller`] where callers are asked who they are.
#[must_use]
pub fn schema(settings: SchemaSettings, desk: Option<Desk>) -> Schema {
    let builder = builder().data(settings);
    Schema(match desk {
        Some(desk) => builder.data(desk).finish(),
        None => builder.finish(),
    })
}

fn builder() -> SchemaBuilder<query::Query, admin::Mutation, subscription::Subscription> {
    Roots::build(query::Query::default(), admin::Mutation::default(), subscription::Subscription::default())
        .enable_federation()
        .enable_subscription_in_federation()
        // Our own limits run before execution; these would only repeat them.
        .disable_suggestions()
}

/// The schema's SDL for a federation gateway.
#[must_use]
pub fn federation_sdl() -> String {
    schema(SchemaSettings::default(), None).0.sdl_with_options(
        SDLExportOptions::new()
            .federation()
            .compose_directive()
            .sorted_fields()
            .sorted_arguments()
            .sorted_enum_items(),
    )
}

#[cfg(test)]
mod tests {
    use async_graphql::Request;
    use limits::{LimitError, Limits, LimitsConfig};

    fn admit(limits: &Limits, query: &str) -> Result<(), LimitError> {
        limits.admit(&mut Request::new(query)).map(drop)
    }

    #[test]
    fn the_default_limits_hold_for_the_real_schema() {
        let config = LimitsConfig { introspection: true, ..LimitsConfig::default() };
        let limits = Limits::new(config, &super::federation_sdl()).unwrap();
        for query in [
            "{ pods(limit: 10000) { id name nodeName phase podIP startedAt namespace uid createdAt __typename } }",
            "{ podsConnection(first: 1000) { edges { node { id name } } } }",
            "{ __schema { types { name fields { name args { name } type { name ofType { name } } } } } }",
        ] {
            assert_eq!(admit(&limits, query), Ok(()), "{query}");
        }
        assert!(admit(&limits, "{ pods(limit: 2000000) { id } }").is_err());
    }
}
