//! `podEvents`, `deploymentEvents`, … one subscription for each kind of the table.

use async_graphql::{Context, ID, MergedSubscription, Object, Subscription};
use fleetgraph_core::LabelSelector;
use futures::{Stream, StreamExt};
use kinds::{DateTime, ErrorExt, Resource, ResourceKind, Viewer, for_each_kind, table::*};

use super::only_changes::differ;
use crate::watch::{EventType, Interest, WatchEvent, events};

/// What an event says beside its object.
pub(super) struct Facts {
    pub reason: Option<String>,
    pub message: Option<String>,
}

impl Facts {
    pub(super) fn of<K: ResourceKind>(event: &WatchEvent<K>) -> Self {
        match &event.object {
            Some(object) => {
                let (reason, message) = K::state(Resource::new(object.clone()).object());
                Self { reason, message }
            }
            None => Self {
                reason: Some("Resync".to_owned()),
                message: Some(match &event.cluster {
                    Some(cluster) => {
                        format!("the objects of cluster {cluster} were read anew; read them again")
                    }
                    None => {
                        "more changes were missed than can be made up for; read everything again".to_owned()
                    }
                }),
            },
        }
    }
}

/// The arguments that every subscription to objects has.
pub(super) fn interest(
    cluster: Option<String>,
    namespace: Option<String>,
    label_selector: Option<&str>,
    initial: bool,
) -> async_graphql::Result<Interest> {
    let labels = label_selector.map(LabelSelector::parse).transpose().graphql()?.unwrap_or_default();
    Ok(Interest { cluster, namespace, labels, resource: None, initial })
}

macro_rules! kind_events {
    (
        cluster_scoped { $(($cluster_kind:ident, $cluster_singular:ident, $_c:ident),)* }
        namespaced { $(($namespaced_kind:ident, $namespaced_singular:ident, $_n:ident),)* }
    ) => {
        kind_events!(@ $(($cluster_kind, $cluster_singular))* $(($namespaced_kind, $namespaced_singular))*);
    };
    (@ $(($kind:ident, $singular:ident))*) => {
        pastey::paste! {
            $(
                #[doc = "A change of an object of the kind " $kind "."]
                pub struct [<$kind Event>](WatchEvent<$kind>);

                #[Object]
                impl [<$kind Event>] {
                    #[graphql(name = "type")]
                    async fn event_type(&self) -> EventType {
                        self.0.kind
                    }

                    /// The object after the change; its last state if it was deleted; null for a resync only.
                    async fn $singular(&self) -> Option<Resource<$kind>> {
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

                    /// One word for the object's state, such as `CrashLoopBackOff`, where it has one.
                    async fn reason(&self) -> Option<String> {
                        Facts::of(&self.0).reason
                    }

                    async fn message(&self) -> Option<String> {
                        Facts::of(&self.0).message
                    }
                }

                #[derive(Default)]
                struct [<$kind Events>];

                #[Subscription]
                impl [<$kind Events>] {
                    /// Changes of the objects of this kind.
                    async fn [<$singular _events>]<'a>(
                        &'a self,
                        ctx: &'a Context<'_>,
                        #[graphql(desc = "The id of the cluster; all clusters if missing.")] cluster: Option<String>,
                        #[graphql(desc = "All namespaces if missing.")] namespace: Option<String>,
                        #[graphql(desc = "A label selector in Kubernetes' syntax.")] label_selector: Option<String>,
                        #[graphql(default, desc = "Whether what exists already is sent first, as CREATED.")] initial: bool,
                        #[graphql(default, desc = "Whether updates are left out in which no selected field changed.")] only_changes: bool,
                    ) -> async_graphql::Result<impl Stream<Item = [<$kind Event>]> + 'a> {
                        let viewer = Viewer::of(ctx)?;
                        let interest = interest(cluster, namespace, label_selector.as_deref(), initial)?;
                        let events = events::<$kind>(&viewer.registry, &viewer.scope, interest).graphql()?;
                        Ok(events.inspect(|_| viewer.renew()).filter_map(move |event| async move {
                            let before = event.before.clone().filter(|_| only_changes);
                            let after = [<$kind Event>](event);
                            if let Some(before) = before {
                                let before = [<$kind Event>](after.0.with_object(before));
                                // What is too much to compare may have changed.
                                if !differ(ctx, &before, &after).await && viewer.budget().verdict().is_ok() {
                                    return None;
                                }
                                viewer.renew();
                            }
                            Some(after)
                        }))
                    }
                }
            )*

            #[derive(MergedSubscription, Default)]
            pub struct KindEvents($([<$kind Events>],)*);
        }
    };
}

for_each_kind!(kind_events);

impl<K: ResourceKind> WatchEvent<K> {
    pub(super) fn cluster_id(&self) -> Option<ID> {
        let cluster = self.object.as_ref().map(|object| &object.cluster).or(self.cluster.as_ref())?;
        Some(ID(cluster.to_string()))
    }

    /// The same event about another state of the object.
    fn with_object(&self, object: cluster_registry::Shared<K>) -> Self {
        Self {
            kind: self.kind,
            at: self.at,
            object: Some(object),
            before: None,
            cluster: self.cluster.clone(),
        }
    }
}
