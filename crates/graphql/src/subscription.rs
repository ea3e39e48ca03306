//! The subscription root: events of each kind, of all kinds together, and of clusters.

mod cluster_events;
mod custom_events;
mod kind_events;
mod only_changes;
mod resource_events;

use async_graphql::MergedSubscription;

/// Live changes. Every subscription hears what the registry's own watches say; none causes a watch.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    kind_events::KindEvents,
    resource_events::ResourceEvents,
    custom_events::CustomEvents,
    cluster_events::ClusterEvents,
);
