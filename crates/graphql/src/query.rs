//! The query root: for each kind of the table a single object, two lists, a connection, and an entity.

use async_graphql::{Context, ID, MergedObject, Object};
use kinds::{Resource, ResourceKind, for_each_kind, table::*};

use crate::{
    admin::AdminQuery,
    custom::CustomQuery,
    diff::DiffQuery,
    entities::EntityQuery,
    fleet::FleetQuery,
    graph::GraphQuery,
    list::{self, Place, Window},
    page::Page,
    search::SearchQuery,
};

#[derive(MergedObject, Default)]
pub struct Query(
    FleetQuery,
    SearchQuery,
    GraphQuery,
    DiffQuery,
    EntityQuery,
    CustomQuery,
    AdminQuery,
    KindQuery,
);

/// Each kind has a part of the root of its own, which the compiler takes apart from the others.
macro_rules! kind_query {
    (
        cluster_scoped { $(($cluster_kind:ident, $cluster_singular:ident, $cluster_plural:ident),)* }
        namespaced { $(($kind:ident, $singular:ident, $plural:ident),)* }
    ) => {
        pastey::paste! {
            #[derive(MergedObject, Default)]
            pub struct KindQuery($([<$cluster_kind Query>],)* $([<$kind Query>],)*);

            $(
                #[derive(Default)]
                struct [<$cluster_kind Query>];

                #[Object]
                impl [<$cluster_kind Query>] {
                    #[graphql(entity)]
                    async fn [<find_ $cluster_singular _by_id>](&self, ctx: &Context<'_>, id: ID) -> async_graphql::Result<Option<Resource<$cluster_kind>>> {
                        list::entity(ctx, &id)
                    }

                    /// One object by its name; null if there is none.
                    async fn $cluster_singular(
                        &self,
                        ctx: &Context<'_>,
                        #[graphql(desc = "The id of the cluster.")] cluster: String,
                        name: String,
                    ) -> async_graphql::Result<Option<Resource<$cluster_kind>>> {
                        list::single(ctx, &cluster, None, &name)
                    }

                    /// The objects of a cluster, or of all clusters, in the order of cluster and name.
                    async fn $cluster_plural(
                        &self,
                        ctx: &Context<'_>,
                        #[graphql(desc = "The id of the cluster; all clusters if missing.")] cluster: Option<String>,
                        filter: Option<<$cluster_kind as ResourceKind>::Filter>,
                        #[graphql(desc = "How many at most; all if missing.")] limit: Option<i32>,
                    ) -> async_graphql::Result<Vec<Resource<$cluster_kind>>> {
                        list::all(ctx, Place { cluster, namespace: None }, filter, limit)
                    }

                    /// The objects of all clusters.
                    async fn [<all_ $cluster_plural>](
                        &self,
                        ctx: &Context<'_>,
                        filter: Option<<$cluster_kind as ResourceKind>::Filter>,
                        #[graphql(desc = "How many at most; all if missing.")] limit: Option<i32>,
                    ) -> async_graphql::Result<Vec<Resource<$cluster_kind>>> {
                        list::all(ctx, Place::default(), filter, limit)
                    }

                    /// The objects in pages that stay right while objects come and go.
                    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
                    async fn [<$cluster_plural _connection>](
                        &self,
                        ctx: &Context<'_>,
                        #[graphql(desc = "The id of the cluster; all clusters if missing.")] cluster: Option<String>,
                        filter: Option<<$cluster_kind as ResourceKind>::Filter>,
                        first: Option<i32>,
                        after: Option<String>,
                        last: Option<i32>,
                        before: Option<String>,
                    ) -> async_graphql::Result<Page<$cluster_kind>> {
                        list::page(ctx, Place { cluster, namespace: None }, filter, Window { first, after, last, before })
                    }
                }
            )*

            $(
                #[derive(Default)]
                struct [<$kind Query>];

                #[Object]
                impl [<$kind Query>] {
                    #[graphql(entity)]
                    async fn [<find_ $singular _by_id>](&self, ctx: &Context<'_>, id: ID) -> async_graphql::Result<Option<Resource<$kind>>> {
                        list::entity(ctx, &id)
                    }

                    /// One object by its name; null if there is none.
                    async fn $singular(
                        &self,
                        ctx: &Context<'_>,
                        #[graphql(desc = "The id of the cluster.")] cluster: String,
                        #[graphql(desc = "The configured default namespace if missing.")] namespace: Option<String>,
                        name: String,
                    ) -> async_graphql::Result<Option<Resource<$kind>>> {
                        list::single(ctx, &cluster, namespace, &name)
                    }

                    /// The objects of a namespace, a cluster, or all clusters, in the order of cluster, namespace and name.
                    async fn $plural(
                        &self,
                        ctx: &Context<'_>,
                        #[graphql(desc = "The id of the cluster; all clusters if missing.")] cluster: Option<String>,
                        #[graphql(desc = "All namespaces if missing.")] namespace: Option<String>,
                        filter: Option<<$kind as ResourceKind>::Filter>,
                        #[graphql(desc = "How many at most; all if missing.")] limit: Option<i32>,
                    ) -> async_graphql::Result<Vec<Resource<$kind>>> {
                        list::all(ctx, Place { cluster, namespace }, filter, limit)
                    }

                    /// The objects of all clusters.
                    async fn [<all_ $plural>](
                        &self,
                        ctx: &Context<'_>,
                        filter: Option<<$kind as ResourceKind>::Filter>,
                        #[graphql(desc = "How many at most; all if missing.")] limit: Option<i32>,
                    ) -> async_graphql::Result<Vec<Resource<$kind>>> {
                        list::all(ctx, Place::default(), filter, limit)
                    }

                    /// The objects in pages that stay right while objects come and go.
                    #[expect(clippy::too_many_arguments, reason = "the arguments of a Relay connection")]
                    async fn [<$plural _connection>](
                        &self,
                        ctx: &Context<'_>,
                        #[graphql(desc = "The id of the cluster; all clusters if missing.")] cluster: Option<String>,
                        #[graphql(desc = "All namespaces if missing.")] namespace: Option<String>,
                        filter: Option<<$kind as ResourceKind>::Filter>,
                        first: Option<i32>,
                        after: Option<String>,
                        last: Option<i32>,
                        before: Option<String>,
                    ) -> async_graphql::Result<Page<$kind>> {
                        list::page(ctx, Place { cluster, namespace }, filter, Window { first, after, last, before })
                    }
                }
            )*
        }
    };
}

for_each_kind!(kind_query);
