//! The fields of the query root that are about custom resources.

use async_graphql::{Context, ID, Object};
use fleetgraph_core::{Error, Verb};
use kinds::{CustomResource, Resource, ResourceFilter, Viewer, graph::ResourceId, graphql_error, report};

use crate::{
    SchemaSettings,
    graph::OfKind,
    list::{self, Place},
};

#[derive(Default)]
pub struct CustomQuery;

#[Object]
impl CustomQuery {
    #[graphql(entity)]
    async fn find_custom_resource_by_id(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> async_graphql::Result<Option<Resource<CustomResource>>> {
        let Ok(id) = id.parse::<ResourceId>() else { return Ok(None) };
        let ResourceId { resource, object } = id;
        one(ctx, object.cluster.as_str(), &resource, &object.namespace, &object.name)
    }

    /// One custom resource by its kind and name; null if there is none.
    async fn custom_resource(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the cluster.")] cluster: String,
        #[graphql(desc = "The kind: `certificates.cert-manager.io`.")] resource: String,
        #[graphql(desc = "The configured default namespace if missing.")] namespace: Option<String>,
        name: String,
    ) -> async_graphql::Result<Option<Resource<CustomResource>>> {
        let viewer = Viewer::of(ctx)?;
        let kind = OfKind::find(&viewer.registry.read_any(&viewer.scope), &cluster, &resource)?.kind;
        let namespace = match namespace {
            _ if !kind.namespaced => String::new(),
            Some(namespace) => namespace,
            None => ctx.data::<SchemaSettings>()?.default_namespace.clone(),
        };
        one(ctx, &cluster, &kind.resource(), &namespace, &name)
    }

    /// Custom resources of a namespace, a cluster, or all clusters, of one kind or of all. Pages of them are those of
    /// `resources(filter: {kinds: ["certificates.cert-manager.io"]})`.
    async fn custom_resources(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The kind: `certificates.cert-manager.io`; all if missing.")] resource: Option<
            String,
        >,
        #[graphql(desc = "The id of the cluster; all clusters if missing.")] cluster: Option<String>,
        #[graphql(desc = "All namespaces if missing.")] namespace: Option<String>,
        filter: Option<ResourceFilter>,
        #[graphql(desc = "How many at most; all if missing.")] limit: Option<i32>,
    ) -> async_graphql::Result<Vec<Resource<CustomResource>>> {
        if let Some(resource) = &resource {
            let viewer = Viewer::of(ctx)?;
            let reader = viewer.registry.read_any(&viewer.scope);
            let known = reader.clusters().any(|cluster| {
                !reader.stores_where(cluster.as_str(), &|kind| kind.is_resource(resource)).is_empty()
            });
            if !known {
                return Err(graphql_error(&Error::bad_input(format!(
                    "{resource:?} is watched in no cluster; give plural and group, such as \
                     certificates.cert-manager.io, and see `enable_custom_resources` in the configuration"
                ))));
            }
        }
        list::all_of(ctx, Place { cluster, namespace }, filter, limit, resource)
    }
}

fn one(
    ctx: &Context<'_>,
    cluster: &str,
    resource: &str,
    namespace: &str,
    name: &str,
) -> async_graphql::Result<Option<Resource<CustomResource>>> {
    let viewer = Viewer::of(ctx)?;
    let scope = viewer.scope.to(Verb::Get);
    let reader = viewer.registry.read_any(&scope);
    let mut found = None;
    for store in &reader.stores_where(cluster, &|kind| kind.is_resource(resource)) {
        found = found.or_else(|| reader.get(&**store, namespace, name));
        if let Some(problem) = reader.problem(&**store).filter(|_| found.is_none()) {
            // Whether it exists isn't known.
            report(ctx, &problem);
        }
    }
    Ok(found.and_then(|entry| entry.into_any().downcast().ok()).map(Resource::new))
}
