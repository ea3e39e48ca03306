//! The GraphQL schema: its roots, what a page is, how changes become subscription events.
//!
//! The types of the kinds come from the crate `kinds`; here, the table of kinds becomes the fields of Query and
//! Subscription and the entities of the federation. Resolvers are thin: they take the viewer out of the
//! request, make a query of the arguments, and hand it to the registry.

mod custom;
mod diff;
mod entities;
mod fleet;
mod graph;
pub mod limits;
mod list;
mod page;
mod query;
mod search;
mod subscription;
mod watch;

use async_graphql::{EmptyMutation, SDLExportOptions, SchemaBuilder};

pub use kinds::Viewer;

/// The roots of the schema.
pub type Schema = async_graphql::Schema<query::Query, EmptyMutation, subscription::Subscription>;

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

/// The schema. Each request has to carry a [`Viewer`] in its data.
#[must_use]
pub fn schema(settings: SchemaSettings) -> Schema {
    builder().data(settings).finish()
}

fn builder() -> SchemaBuilder<query::Query, EmptyMutation, subscription::Subscription> {
    Schema::build(query::Query::default(), EmptyMutation, subscription::Subscription::default())
        .enable_federation()
        .enable_subscription_in_federation()
        // Our own limits run before execution; these would only repeat them.
        .disable_suggestions()
}

/// The schema's SDL for a federation gateway.
#[must_use]
pub fn federation_sdl() -> String {
    schema(SchemaSettings::default()).sdl_with_options(
        SDLExportOptions::new()
            .federation()
            .compose_directive()
            .sorted_fields()
            .sorted_arguments()
            .sorted_enum_items(),
    )
}
