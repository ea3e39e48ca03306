//! From our errors to those of GraphQL: the code and the cluster go into `extensions`.

use async_graphql::ErrorExtensions;
use fleetgraph_core::{Error, ErrorCode};

/// The GraphQL form of an error.
#[must_use]
pub fn graphql_error(error: &Error) -> async_graphql::Error {
    async_graphql::Error::new(&error.message).extend_with(|_, extensions| {
        extensions.set("code", error.code.as_str());
        if let Some(cluster) = &error.cluster {
            extensions.set("cluster", cluster.as_str());
        }
    })
}

/// Adds an error beside the data of the field that is being answered.
pub fn report(ctx: &async_graphql::Context<'_>, problem: &Error) {
    let error = graphql_error(problem).into_server_error(ctx.item.pos);
    ctx.add_error(ctx.set_error_path(error));
}

/// Turns our errors into those of GraphQL with `?`.
pub trait ErrorExt<T> {
    /// # Errors
    /// The same error, in its GraphQL form.
    fn graphql(self) -> async_graphql::Result<T>;
}

impl<T> ErrorExt<T> for Result<T, Error> {
    fn graphql(self) -> async_graphql::Result<T> {
        self.map_err(|error| graphql_error(&error))
    }
}

impl<T> ErrorExt<T> for Result<T, cluster_registry::DecodeError> {
    fn graphql(self) -> async_graphql::Result<T> {
        self.map_err(|error| unreadable(&error))
    }
}

impl<T> ErrorExt<T> for Result<T, serde_json::Error> {
    fn graphql(self) -> async_graphql::Result<T> {
        self.map_err(|error| unreadable(&error))
    }
}

fn unreadable(error: &dyn std::error::Error) -> async_graphql::Error {
    graphql_error(&Error::new(
        ErrorCode::MalformedObject,
        format!("a part of the object can't be read: {error}"),
    ))
}
