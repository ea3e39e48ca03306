//! `customResourceEvents`: changes of kinds that clusters have besides those of the table.

use async_graphql::{Context, ID, Object, Subscription};
use futures::{Stream, StreamExt};
use kinds::{CustomResource, DateTime, ErrorExt, Resource, Viewer};

use super::kind_events::{Facts, interest};
use crate::watch::{EventType, Interest, WatchEvent, events};

#[derive(Default)]
pub struct CustomEvents;

/// A change of a custom resource.
struct CustomResourceEvent(WatchEvent<CustomResource>);

#[Object]
impl CustomResourceEvent {
    #[graphql(name = "type")]
    async fn event_type(&self) -> EventType {
        self.0.kind
    }

    /// The object after the change; its last state if it was deleted; null for a resync only.
    async fn custom_resource(&self) -> Option<Resource<CustomResource>> {
        self.0.object.clone().map(Resource::new)
    }

    /// The cluster of the object, or of the resync; null if everything has to be read again.
    async fn cluster_id(&self) -> Option<ID> {
        self.0.cluster_id()
    }

    /// When fleetgraph heard of it.
    async fn timestamp(&self) -> DateTime {
        DateTime(self.0.at)
    }

    async fn reason(&self) -> Option<String> {
        Facts::of(&self.0).reason
    }

    async fn message(&self) -> Option<String> {
        Facts::of(&self.0).message
    }
}

#[Subscription]
impl CustomEvents {
    /// Changes of custom resources, of one kind or of all.
    async fn custom_resource_events<'a>(
        &'a self,
        ctx: &'a Context<'_>,
        #[graphql(desc = "The kind: `certificates.cert-manager.io`; all if missing.")] resource: Option<
            String,
        >,
        #[graphql(desc = "The id of the cluster; all clusters if missing.")] cluster: Option<String>,
        #[graphql(desc = "All namespaces if missing.")] namespace: Option<String>,
        #[graphql(desc = "A label selector in Kubernetes' syntax.")] label_selector: Option<String>,
        #[graphql(default, desc = "Whether what exists already is sent first, as CREATED.")] initial: bool,
    ) -> async_graphql::Result<impl Stream<Item = CustomResourceEvent> + 'a> {
        let viewer = Viewer::of(ctx)?;
        let interest = interest(cluster, namespace, label_selector.as_deref(), initial)?;
        let interest = Interest { resource, ..interest };
        let events = events::<CustomResource>(&viewer.registry, &viewer.scope, interest).graphql()?;
        Ok(events.inspect(|_| viewer.renew()).map(CustomResourceEvent))
    }
}
