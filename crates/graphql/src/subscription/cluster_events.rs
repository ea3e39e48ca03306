//! `clusterEvents`: clusters that come, go, or change their health.

use async_graphql::{Context, SimpleObject, Subscription};
use cluster_registry::{ClusterChange, ClusterDelta, unknown_cluster};
use futures::{Stream, StreamExt};
use kinds::{ClusterObject, DateTime, Viewer, graphql_error};
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use crate::watch::EventType;

#[derive(Default)]
pub struct ClusterEvents;

/// A change of a cluster as a whole.
#[derive(SimpleObject)]
struct ClusterEvent {
    #[graphql(name = "type")]
    event_type: EventType,
    /// The cluster; null for a resync only.
    cluster: Option<ClusterObject>,
    /// When fleetgraph found it out.
    timestamp: DateTime,
    /// `Added`, `Removed`, `Healthy`, `Degraded`, `Unhealthy`, `ConfigInvalid` or `Resync`.
    reason: &'static str,
    message: Option<String>,
}

impl From<ClusterDelta> for ClusterEvent {
    fn from(delta: ClusterDelta) -> Self {
        Self {
            event_type: match delta.change {
                ClusterChange::Added => EventType::Created,
                ClusterChange::Updated => EventType::Updated,
                ClusterChange::Removed => EventType::Deleted,
            },
            cluster: Some(ClusterObject::new(delta.cluster)),
            timestamp: DateTime(delta.at),
            reason: delta.reason,
            message: delta.message,
        }
    }
}

#[Subscription]
impl ClusterEvents {
    /// Clusters that are added, removed, or change their health.
    async fn cluster_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The id of the cluster; all clusters if missing.")] cluster: Option<String>,
    ) -> async_graphql::Result<impl Stream<Item = ClusterEvent> + use<>> {
        let viewer = Viewer::of(ctx)?;
        let scope = viewer.scope.clone();
        if let Some(cluster) = &cluster
            && viewer.registry.cluster(&scope, cluster).is_none()
        {
            return Err(graphql_error(&unknown_cluster(cluster)));
        }
        let events = BroadcastStream::new(viewer.registry.cluster_events());
        Ok(events.filter_map(move |event| {
            let event = match event {
                Ok(delta) => {
                    let id = &delta.cluster.spec().id;
                    let wanted = cluster.as_ref().is_none_or(|cluster| cluster == id.as_str());
                    (wanted && scope.allows_cluster(id)).then(|| ClusterEvent::from(delta))
                }
                Err(BroadcastStreamRecvError::Lagged(missed)) => Some(ClusterEvent {
                    event_type: EventType::Resync,
                    cluster: None,
                    timestamp: DateTime(fleetgraph_core::Timestamp::now()),
                    reason: "Resync",
                    message: Some(format!("{missed} events were missed; read the clusters again")),
                }),
            };
            std::future::ready(event)
        }))
    }
}
