//! The fields of the query root that are about clusters.

use async_graphql::{Context, ID, Object};
use kinds::{ClusterFilter, ClusterObject, Freshness, Viewer};

#[derive(Default)]
pub struct FleetQuery;

#[Object]
impl FleetQuery {
    /// A cluster by its id.
    #[graphql(entity)]
    async fn find_cluster_by_id(
        &self,
        ctx: &Context<'_>,
        id: ID,
    ) -> async_graphql::Result<Option<ClusterObject>> {
        let viewer = Viewer::of(ctx)?;
        Ok(viewer.registry.cluster(&viewer.scope, &id).map(ClusterObject::new))
    }

    /// A cluster by its id; null if there is none.
    async fn cluster(&self, ctx: &Context<'_>, id: ID) -> async_graphql::Result<Option<ClusterObject>> {
        let viewer = Viewer::of(ctx)?;
        Ok(viewer.registry.cluster(&viewer.scope, &id).map(ClusterObject::new))
    }

    /// The clusters of the fleet, by id.
    async fn clusters(
        &self,
        ctx: &Context<'_>,
        filter: Option<ClusterFilter>,
    ) -> async_graphql::Result<Vec<ClusterObject>> {
        let viewer = Viewer::of(ctx)?;
        let clusters = viewer.registry.clusters(&viewer.scope).into_iter();
        let filter = filter.unwrap_or_default();
        Ok(clusters.filter(|cluster| filter.matches(cluster)).map(ClusterObject::new).collect())
    }

    /// How current fleetgraph's copy is of each kind of each cluster of which the caller may see something.
    async fn freshness(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Freshness>> {
        Freshness::of_fleet(ctx)
    }
}
