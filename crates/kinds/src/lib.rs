//! The kinds: one file for each, which says what the API server calls it, what the store keeps of it in typed
//! columns, how it refers to others, how it can be filtered, and what GraphQL shows of it.
//!
//! To add a kind: write `<kind>.rs`, add a `mod` line, and a row to [`for_each_kind!`]. Queries, entities,
//! subscriptions, watches and the RBAC manifest follow from the row.
//!
//! ```text
//!   Resource<K>          what all objects share: id, labels, owner, manifest, freshness …
//!     ├─ K::Placement    namespace, for kinds that have one
//!     └─ K::Detail       the kind's own fields and relations
//! ```

mod cluster;
mod conditions;
mod error;
mod filter;
mod interface;
mod loader;
mod reference;
mod resource;
mod scalars;
mod text;
mod viewer;

mod deployment;
mod endpoint_slice;
mod event;
mod namespace;
mod node;
mod pod;
mod pod_spec;
mod replica_set;
mod resource_quota;
mod service;

pub use cluster::{ClusterFilter, ClusterObject, Freshness, WatchState};
pub use deployment::Deployment;
pub use endpoint_slice::EndpointSlice;
pub use error::{ErrorExt, graphql_error, report};
pub use event::Event;
pub use filter::{Filter, Glob, ResourceFilter};
pub use interface::AnyResource;
pub use namespace::Namespace;
pub use node::Node;
pub use pod::Pod;
pub use reference::ObjectReference;
pub use replica_set::ReplicaSet;
pub use resource::{InNamespace, Object, Resource, ResourceKind};
pub use resource_quota::ResourceQuota;
pub use scalars::{DateTime, Int64, Json};
pub use service::Service;
pub use viewer::Viewer;

/// The table of kinds. Calls a macro with a row for each: the type, its singular and plural in GraphQL. Kinds that
/// lie in namespaces stand apart from those that don't, since they are asked for differently.
#[macro_export]
macro_rules! for_each_kind {
    ($macro:ident) => {
        $macro! {
            cluster_scoped {
                (Node, node, nodes),
                (Namespace, namespace, namespaces),
            }
            namespaced {
                (Pod, pod, pods),
                (Deployment, deployment, deployments),
                (ReplicaSet, replica_set, replica_sets),
                (Service, service, services),
                (EndpointSlice, endpoint_slice, endpoint_slices),
                (ResourceQuota, resource_quota, resource_quotas),
                (Event, event, events),
            }
        }
    };
}

macro_rules! kind_set {
    (
        cluster_scoped { $(($cluster_kind:ident, $($_c:ident),*),)* }
        namespaced { $(($kind:ident, $($_n:ident),*),)* }
    ) => {
        /// Every kind of the table, to be watched.
        #[must_use]
        pub fn kind_set() -> cluster_registry::KindSet {
            cluster_registry::KindSet::default()$(.with::<$cluster_kind>())*$(.with::<$kind>())*
        }
    };
}

for_each_kind!(kind_set);

/// Names that `watch_resources` may use: the plural of each kind.
#[must_use]
pub fn kind_names() -> Vec<&'static str> {
    kind_set().metas().into_iter().map(|meta| meta.plural).collect()
}
