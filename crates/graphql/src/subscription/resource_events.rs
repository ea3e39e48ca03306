//! `resourceEvents`: changes of any kind.

use async_graphql::{Context, ID, SimpleObject, Subscription};
use cluster_registry::Registry;
use fleetgraph_core::{Kind, Scope};
use futures::{Stream, StreamExt, stream::BoxStream};
use kinds::{
    AnyResource, CustomResource, DateTime, ErrorExt, Resource, ResourceKind, Viewer, for_each_kind,
    graphql_error, table::*, unknown_kind,
};

use super::kind_events::{Facts, interest};
use crate::watch::{EventType, Interest, WatchEvent, events};

#[derive(Default)]
pub struct ResourceEvents;

/// A change of an object of any kind.
#[derive(SimpleObject)]
struct ResourceEvent {
    #[graphql(name = "type")]
    event_type: EventType,
    /// The kind, such as `Pod`.
    resource_type: &'static str,
    /// The object after the change; its last state if it was deleted; null for a resync only.
    resource: Option<AnyResource>,
    /// The cluster of the object, or of the resync; null if everything has to be read again.
    cluster_id: Option<ID>,
    /// When fleetgraph heard of it.
    timestamp: DateTime,
    /// One word for the object's state, such as `CrashLoopBackOff`, where it has one.
    reason: Option<String>,
    message: Option<String>,
}

impl ResourceEvent {
    fn new<K: ResourceKind>(event: WatchEvent<K>, any: impl Fn(Resource<K>) -> AnyResource) -> Self {
        let Facts { reason, message } = Facts::of(&event);
        Self {
            event_type: event.kind,
            resource_type: event.object.as_ref().map_or(K::META.kind, |object| object.kind().kind),
            cluster_id: event.cluster_id(),
            resource: event.object.map(|object| any(Resource::new(object))),
            timestamp: DateTime(event.at),
            reason,
            message,
        }
    }
}

macro_rules! streams {
    (
        cluster_scoped { $(($cluster_kind:ident, $($_c:ident),*),)* }
        namespaced { $(($namespaced_kind:ident, $($_n:ident),*),)* }
    ) => {
        streams!(@ $($cluster_kind)* $($namespaced_kind)*);
    };
    (@ $($kind:ident)*) => {
        /// The events of each kind whose name is asked for; of every watched kind if none is.
        fn streams(
            registry: &Registry,
            scope: &Scope,
            resource_type: Option<&str>,
            interest: impl Fn() -> async_graphql::Result<Interest>,
        ) -> async_graphql::Result<Vec<BoxStream<'static, ResourceEvent>>> {
            let mut streams = Vec::new();
            $(
                let meta = $kind::META;
                let asked = match resource_type {
                    Some(name) => meta.answers_to(name),
                    None => registry.hub::<$kind>().is_some(),
                };
                if asked {
                    let events = events::<$kind>(registry, scope, interest()?).graphql()?;
                    streams.push(events.map(|event| ResourceEvent::new(event, AnyResource::$kind)).boxed());
                }
            )*
            let custom = match resource_type {
                Some(name) if streams.is_empty() => besides(registry, scope, name).map(Some),
                Some(_) => None,
                None => Some(None),
            };
            if let Some(resource) = custom {
                let interest = Interest { resource, ..interest()? };
                let events = events::<CustomResource>(registry, scope, interest).graphql()?;
                streams.push(events.map(|event| ResourceEvent::new(event, AnyResource::CustomResource)).boxed());
            }
            Ok(streams)
        }
    };
}

for_each_kind!(streams);

/// The resource that a name means among the kinds that clusters have besides those of the table; they may come to have it
/// later.
fn besides(registry: &Registry, scope: &Scope, name: &str) -> Option<String> {
    let reader = registry.read_any(scope);
    let stores = reader.clusters().flat_map(|cluster| reader.stores(cluster.as_str()));
    let known = stores.map(|store| store.kind()).find(|kind| kind.answers_to(name));
    known.map(|kind| kind.resource().into_owned()).or_else(|| name.contains('.').then(|| name.to_owned()))
}

#[Subscription]
impl ResourceEvents {
    /// Changes of objects of one kind, or of all.
    async fn resource_events<'a>(
        &self,
        ctx: &'a Context<'_>,
        #[graphql(desc = "The id of the cluster; all clusters if missing.")] cluster: Option<String>,
        #[graphql(desc = "All namespaces if missing.")] namespace: Option<String>,
        #[graphql(
            desc = "The name of a kind, such as `pod`, `pods` or `Pod`, or `certificates.cert-manager.io` for a custom resource; all if missing."
        )]
        resource_type: Option<String>,
        #[graphql(desc = "A label selector in Kubernetes' syntax.")] label_selector: Option<String>,
        #[graphql(default, desc = "Whether what exists already is sent first, as CREATED.")] initial: bool,
    ) -> async_graphql::Result<impl Stream<Item = ResourceEvent> + use<'a>> {
        let viewer = Viewer::of(ctx)?;
        let wanted = || interest(cluster.clone(), namespace.clone(), label_selector.as_deref(), initial);
        let streams = streams(&viewer.registry, &viewer.scope, resource_type.as_deref(), wanted)?;
        if streams.is_empty() {
            return Err(graphql_error(&unknown_kind(&resource_type.unwrap_or_default())));
        }
        Ok(futures::stream::select_all(streams).inspect(|_| viewer.renew()))
    }
}
