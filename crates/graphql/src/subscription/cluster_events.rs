//! `clusterEvents`: clusters that come, go, or change their health.

use std::{collections::HashSet, time::Duration};

use async_graphql::{Context, SimpleObject, Subscription};
use cluster_registry::{ClusterChange, ClusterDelta, Registry, unknown_cluster};
use fleetgraph_core::{ClusterId, Scope};
use futures::Stream;
use kinds::{ClusterObject, DateTime, Viewer, graphql_error};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::Instant,
};

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
        let feed = Feed {
            events: viewer.registry.cluster_events(),
            known: Known::of(&viewer.registry, &scope),
            registry: viewer.registry.clone(),
            scope,
            cluster,
        };
        Ok(futures::stream::unfold(
            feed,
            |mut feed| async move { feed.next().await.map(|event| (event, feed)) },
        ))
    }
}

/// How often it is looked at which clusters the subscriber may know of.
const LOOK: Duration = Duration::from_secs(4);

struct Feed {
    events: Receiver<ClusterDelta>,
    registry: Registry,
    scope: Scope,
    cluster: Option<String>,
    known: Known,
}

/// The clusters that a subscriber knew of of late. Of one that is removed nobody can say any more who may know of it; who
/// knew of it is told that it is gone.
struct Known {
    ids: HashSet<ClusterId>,
    looked: Instant,
}

impl Known {
    fn of(registry: &Registry, scope: &Scope) -> Self {
        let ids = registry.clusters(scope).iter().map(|cluster| cluster.spec().id.clone()).collect();
        Self { ids, looked: Instant::now() }
    }
}

impl Feed {
    async fn next(&mut self) -> Option<ClusterEvent> {
        loop {
            let look = tokio::time::sleep_until(self.known.looked + LOOK);
            let event = tokio::select! {
                event = self.events.recv() => event,
                () = look => {
                    self.known = Known::of(&self.registry, &self.scope);
                    continue;
                }
            };
            match event {
                Ok(delta) if self.wants(&delta) => return Some(ClusterEvent::from(delta)),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => return Some(resync(missed)),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn wants(&mut self, delta: &ClusterDelta) -> bool {
        let id = &delta.cluster.spec().id;
        let knew = self.known.ids.remove(id);
        let allowed = self.scope.allows_cluster(id);
        if allowed {
            self.known.ids.insert(id.clone());
        }
        self.cluster.as_ref().is_none_or(|cluster| cluster == id.as_str())
            && (allowed || (knew && delta.change == ClusterChange::Removed))
    }
}

fn resync(missed: u64) -> ClusterEvent {
    ClusterEvent {
        event_type: EventType::Resync,
        cluster: None,
        timestamp: DateTime(fleetgraph_core::Timestamp::now()),
        reason: "Resync",
        message: Some(format!("{missed} events were missed; read the clusters again")),
    }
}
