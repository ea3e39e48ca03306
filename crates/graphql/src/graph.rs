//! The fields of the query root that walk relations.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use cluster_registry::{AnyReader, AnyStore, unknown_cluster};
use fleetgraph_core::{ClusterId, EdgeType, Error, KindMeta};
use kinds::{
    ErrorExt, Viewer, edge_types_or_default,
    graph::{
        self, Direction, EdgeKind, MAX_DEPTH, MAX_NODES, Named, ResourceGraph, ResourceId, Vertex, Walk,
    },
    graphql_error, report, unknown_kind,
};

use crate::SchemaSettings;

#[derive(Default)]
pub struct GraphQuery;

#[Object]
impl GraphQuery {
    /// The objects around one, and their relations. The one may be missing: its place then shows what refers to it, and
    /// is null if nothing does.
    #[expect(clippy::too_many_arguments, reason = "one argument for each choice")]
    async fn resource_graph(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the cluster.")] cluster: String,
        #[graphql(desc = "The configured default namespace if missing.")] namespace: Option<String>,
        #[graphql(desc = "The kind: `pods`, `Pod` or, where two groups have one, `deployments.apps`.")]
        resource_type: String,
        name: String,
        #[graphql(default = 2, desc = "How many relations away from the object; at most 10.")] depth: i32,
        #[graphql(default_with = "Direction::Both")] direction: Direction,
        #[graphql(desc = "All but `CONCERNS` if missing.")] edge_types: Option<Vec<EdgeKind>>,
        #[graphql(default = 200, desc = "The most objects; at most 1000.")] limit: i32,
    ) -> async_graphql::Result<Option<ResourceGraph>> {
        let viewer = Viewer::of(ctx)?;
        let reader = viewer.registry.read_any(&viewer.scope);
        let of_kind = OfKind::find(&reader, &cluster, &resource_type)?;
        let namespace = match namespace {
            _ if !of_kind.kind.namespaced => String::new(),
            Some(namespace) => namespace,
            None => ctx.data::<SchemaSettings>()?.default_namespace.clone(),
        };
        let walk = Walk {
            depth: bounded("depth", depth, MAX_DEPTH)?,
            outgoing: direction != Direction::Incoming,
            incoming: direction != Direction::Outgoing,
            edges: edge_types_or_default(edge_types),
            nodes: bounded("limit", limit, MAX_NODES)?,
        };
        Ok(around(ctx, &reader, &of_kind, &namespace, &name, &walk))
    }

    /// What depends on an object, directly and through others: what may break when it changes or goes, or is broken
    /// because it is missing. Null if there is no such object and nothing refers to it.
    async fn impact(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As the nodes of a graph give it: `configmaps/prod:shop:settings`.")] id: ID,
        #[graphql(default = 10, desc = "How many relations away; at most 10.")] depth: i32,
        #[graphql(default = 200, desc = "The most objects; at most 1000.")] limit: i32,
    ) -> async_graphql::Result<Option<ResourceGraph>> {
        by_id(ctx, &id, depth, limit, Direction::Incoming)
    }

    /// What an object depends on, directly and through others. Null if there is no such object.
    async fn dependencies(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "As the nodes of a graph give it: `deployments.apps/prod:shop:cart`.")] id: ID,
        #[graphql(default = 10, desc = "How many relations away; at most 10.")] depth: i32,
        #[graphql(default = 200, desc = "The most objects; at most 1000.")] limit: i32,
    ) -> async_graphql::Result<Option<ResourceGraph>> {
        by_id(ctx, &id, depth, limit, Direction::Outgoing)
    }
}

fn by_id(
    ctx: &Context<'_>,
    id: &ID,
    depth: i32,
    limit: i32,
    direction: Direction,
) -> async_graphql::Result<Option<ResourceGraph>> {
    let id: ResourceId = id.parse::<ResourceId>().graphql()?;
    let viewer = Viewer::of(ctx)?;
    let reader = viewer.registry.read_any(&viewer.scope);
    let of_kind = OfKind::find(&reader, id.object.cluster.as_str(), &id.resource)?;
    let walk = Walk {
        depth: bounded("depth", depth, MAX_DEPTH)?,
        outgoing: direction == Direction::Outgoing,
        incoming: direction == Direction::Incoming,
        // A report about an object doesn't depend on it.
        edges: EdgeType::ALL.into_iter().filter(|edge| *edge != EdgeType::Concerns).collect(),
        nodes: bounded("limit", limit, MAX_NODES)?,
    };
    Ok(around(ctx, &reader, &of_kind, &id.object.namespace, &id.object.name, &walk))
}

/// The graph around an object or, if it isn't there, around its place. If it might be there, the answer says so.
fn around(
    ctx: &Context<'_>,
    reader: &AnyReader<'_>,
    of_kind: &OfKind,
    namespace: &str,
    name: &str,
    walk: &Walk,
) -> Option<ResourceGraph> {
    let OfKind { kind, cluster, stores } = of_kind;
    stores.iter().filter_map(|store| reader.problem(&**store)).for_each(|problem| report(ctx, &problem));
    let found = stores.iter().find_map(|store| reader.get(&**store, namespace, name));
    let there = found.is_some();
    let root = found.map_or_else(
        || {
            let is_it = |meta: &KindMeta| meta == *kind;
            Vertex::Named(Named::new(cluster, stores, &is_it, kind.kind, namespace, name))
        },
        Vertex::Object,
    );
    let graph = graph::walk(reader, root, walk);
    let known = there || graph.places.len() > 1 || !graph.cuts.is_empty();
    known.then(|| ResourceGraph(Arc::new(graph)))
}

/// The stores that a kind's name means: those of the resource, or else those that people call so.
pub fn named(mut stores: Vec<Arc<dyn AnyStore>>, name: &str) -> Vec<Arc<dyn AnyStore>> {
    let exact = stores.iter().any(|store| store.kind().is_resource(name));
    stores.retain(|store| if exact { store.kind().is_resource(name) } else { store.kind().answers_to(name) });
    stores
}

/// A kind of a cluster.
pub struct OfKind {
    pub kind: &'static KindMeta,
    pub cluster: ClusterId,
    /// Its stores, one at least: several, where only some namespaces are watched.
    pub stores: Vec<Arc<dyn AnyStore>>,
}

impl OfKind {
    /// The kind that a cluster and a kind's name mean.
    ///
    /// # Errors
    /// When there is no such cluster, or no such kind is watched in it.
    pub fn find(reader: &AnyReader<'_>, cluster: &str, resource: &str) -> async_graphql::Result<Self> {
        let known = reader.clusters().find(|id| id.as_str() == cluster).cloned();
        let cluster = known.ok_or_else(|| graphql_error(&unknown_cluster(cluster)))?;
        let mut stores = named(reader.stores(cluster.as_str()), resource);
        let kind = stores.first().map(|store| store.kind());
        let kind = kind.ok_or_else(|| graphql_error(&unknown_kind(resource)))?;
        stores.retain(|store| store.kind() == kind);
        Ok(Self { kind, cluster, stores })
    }
}

/// An argument that must lie between 0 and a bound.
pub fn bounded(argument: &str, value: i32, most: usize) -> async_graphql::Result<usize> {
    usize::try_from(value).ok().filter(|value| *value <= most).ok_or_else(|| {
        graphql_error(&Error::bad_input(format!("{argument} must lie between 0 and {most}: {value}")))
    })
}
