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

mod budget;
mod cluster;
mod conditions;
pub mod custom;
mod error;
mod filter;
pub mod graph;
mod health;
mod interface;
mod label_selector;
mod loader;
mod manager;
mod rbac;
mod redact;
mod reference;
mod refs;
mod relations;
mod resource;
mod rollout;
mod scalars;
pub mod search;
mod sizes;
mod text;
mod viewer;

mod autoscaler_metric;
mod cluster_role;
mod cluster_role_binding;
mod config_map;
mod cron_job;
mod custom_resource_definition;
mod daemon_set;
mod deployment;
mod endpoint_slice;
mod event;
mod horizontal_pod_autoscaler;
mod ingress;
mod ingress_class;
mod ingress_rules;
mod job;
mod lease;
mod limit_range;
mod load_balancer;
mod namespace;
mod network_policy;
mod node;
mod node_taint;
mod persistent_volume;
mod persistent_volume_claim;
mod persistent_volume_csi;
mod pod;
mod pod_disruption_budget;
mod pod_spec;
mod pod_template;
mod priority_class;
mod replica_set;
mod resource_quota;
mod role;
mod role_binding;
mod secret;
mod service;
mod service_account;
mod service_port;
mod stateful_set;
mod storage_class;
mod volume_claim_template;

pub use budget::Budget;
pub use cluster::{ClusterFilter, ClusterObject, Freshness, WatchState};
pub use custom::CustomResource;
pub use error::{ErrorExt, graphql_error, report};
pub use filter::{Filter, Glob, ResourceFilter};
pub use health::{HealthState, ObjectHealth};
pub use interface::AnyResource;
pub use reference::ObjectReference;
pub use relations::{relations, relations_markdown};
pub use resource::{InNamespace, Object, Resource, ResourceKind, edge_types_or_default};
pub use scalars::{DateTime, Int64, Json};
pub use viewer::Viewer;

pub use cluster_role::ClusterRole;
pub use cluster_role_binding::ClusterRoleBinding;
pub use config_map::ConfigMap;
pub use cron_job::CronJob;
pub use custom_resource_definition::CustomResourceDefinition;
pub use daemon_set::DaemonSet;
pub use deployment::Deployment;
pub use endpoint_slice::EndpointSlice;
pub use event::Event;
pub use horizontal_pod_autoscaler::HorizontalPodAutoscaler;
pub use ingress::Ingress;
pub use ingress_class::IngressClass;
pub use job::Job;
pub use lease::Lease;
pub use limit_range::LimitRange;
pub use namespace::Namespace;
pub use network_policy::NetworkPolicy;
pub use node::Node;
pub use persistent_volume::PersistentVolume;
pub use persistent_volume_claim::PersistentVolumeClaim;
pub use pod::Pod;
pub use pod_disruption_budget::PodDisruptionBudget;
pub use priority_class::PriorityClass;
pub use replica_set::ReplicaSet;
pub use resource_quota::ResourceQuota;
pub use role::Role;
pub use role_binding::RoleBinding;
pub use secret::Secret;
pub use service::Service;
pub use service_account::ServiceAccount;
pub use stateful_set::StatefulSet;
pub use storage_class::StorageClass;

/// The table of kinds. Calls a macro with a row for each: the type, its singular and plural in GraphQL. Kinds that
/// lie in namespaces stand apart from those that don't, since they are asked for differently.
#[macro_export]
macro_rules! for_each_kind {
    ($macro:ident) => {
        $macro! {
            cluster_scoped {
                (Node, node, nodes),
                (Namespace, namespace, namespaces),
                (PersistentVolume, persistent_volume, persistent_volumes),
                (IngressClass, ingress_class, ingress_classes),
                (ClusterRole, cluster_role, cluster_roles),
                (ClusterRoleBinding, cluster_role_binding, cluster_role_bindings),
                (CustomResourceDefinition, custom_resource_definition, custom_resource_definitions),
                (StorageClass, storage_class, storage_classes),
                (PriorityClass, priority_class, priority_classes),
            }
            namespaced {
                (Pod, pod, pods),
                (Deployment, deployment, deployments),
                (ReplicaSet, replica_set, replica_sets),
                (Service, service, services),
                (EndpointSlice, endpoint_slice, endpoint_slices),
                (ResourceQuota, resource_quota, resource_quotas),
                (Event, event, events),
                (ConfigMap, config_map, config_maps),
                (Secret, secret, secrets),
                (PersistentVolumeClaim, persistent_volume_claim, persistent_volume_claims),
                (ServiceAccount, service_account, service_accounts),
                (StatefulSet, stateful_set, stateful_sets),
                (DaemonSet, daemon_set, daemon_sets),
                (Job, job, jobs),
                (CronJob, cron_job, cron_jobs),
                (Ingress, ingress, ingresses),
                (NetworkPolicy, network_policy, network_policies),
                (Role, role, roles),
                (RoleBinding, role_binding, role_bindings),
                (HorizontalPodAutoscaler, horizontal_pod_autoscaler, horizontal_pod_autoscalers),
                (PodDisruptionBudget, pod_disruption_budget, pod_disruption_budgets),
                (LimitRange, limit_range, limit_ranges),
                (Lease, lease, leases),
            }
        }
    };
}

macro_rules! kind_set {
    (
        cluster_scoped { $(($cluster_kind:ident, $($_c:ident),*),)* }
        namespaced { $(($kind:ident, $($_n:ident),*),)* }
    ) => {
        /// The types of the table, for those who go through all of them.
        pub mod table {
            pub use crate::{$($cluster_kind,)* $($kind,)*};
        }

        /// What each kind of the table is called.
        pub const KINDS: &[fleetgraph_core::KindMeta] = &[
            $(<$cluster_kind as fleetgraph_core::Kind>::META,)*
            $(<$kind as fleetgraph_core::Kind>::META,)*
        ];

        /// Every kind of the table, to be watched.
        #[must_use]
        pub fn kind_set() -> cluster_registry::KindSet {
            cluster_registry::KindSet::default()$(.with::<$cluster_kind>())*$(.with::<$kind>())*.with_open::<CustomResource>()
        }
    };
}

for_each_kind!(kind_set);

/// The error for the name of a kind that no cluster is watched for.
#[must_use]
pub fn unknown_kind(name: &str) -> fleetgraph_core::Error {
    fleetgraph_core::Error::bad_input(match KINDS.iter().find(|kind| kind.answers_to(name)) {
        Some(kind) => format!(
            "{} aren't watched; add them to `watch_resources`, beside `default` if the other kinds shall stay",
            kind.plural
        ),
        None => format!(
            "{name:?} is no kind that is watched; write `pods`, `Deployment` or `certificates.cert-manager.io`"
        ),
    })
}

/// Names that `watch_resources` may use: the plural of each kind.
#[must_use]
pub fn kind_names() -> Vec<&'static str> {
    KINDS.iter().map(|meta| meta.plural).collect()
}

#[cfg(test)]
mod tests {
    use super::{KINDS, kind_set};

    fn watched(names: &[&str]) -> Vec<&'static str> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        kind_set().only(&names).metas().into_iter().map(|kind| kind.plural).collect()
    }

    #[test]
    fn a_list_of_kinds_may_add_to_the_default() {
        let default = watched(&[]);
        assert_eq!(default.len(), KINDS.len() - 1);
        assert!(!default.contains(&"leases"));
        assert_eq!(watched(&["default"]), default);
        assert_eq!(watched(&["default", "Lease"]).len(), KINDS.len());
        assert_eq!(watched(&["leases", "Pod"]).len(), 2);
    }
}
