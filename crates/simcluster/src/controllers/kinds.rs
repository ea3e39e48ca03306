//! The resources that controllers write, by the place of their objects.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use crate::cluster::{Cluster, ListOptions};
use crate::resources::{BUILT_IN, Resource};

static KINDS: LazyLock<BTreeMap<Arc<str>, Arc<Resource>>> = LazyLock::new(|| {
    let mut kinds = BTreeMap::new();
    for resource in BUILT_IN.all() {
        // Old versions of a resource have the same place.
        let newer = matches!(resource.version.as_str(), "v1" | "v2") && resource.group != "events.k8s.io";
        if newer || !kinds.contains_key(&resource.storage) {
            kinds.insert(Arc::clone(&resource.storage), Arc::clone(resource));
        }
    }
    kinds
});

/// A built-in resource, such as `deployments.apps`.
pub(super) fn kind(storage: &str) -> &'static Arc<Resource> {
    KINDS.get(storage).unwrap_or_else(|| unreachable!("{storage} is a built-in resource"))
}

/// The resource of a place, custom ones included.
pub(super) fn of(cluster: &Cluster, storage: &str) -> Option<Arc<Resource>> {
    KINDS
        .get(storage)
        .cloned()
        .or_else(|| cluster.lock().customs.values().find(|resource| &*resource.storage == storage).cloned())
}

/// All resources whose objects are in namespaces and can be deleted.
pub(super) fn namespaced(cluster: &Cluster) -> Vec<Arc<Resource>> {
    let places: Vec<Arc<str>> = cluster.lock().stores.keys().cloned().collect();
    places.iter().filter_map(|place| of(cluster, place)).filter(|resource| resource.namespaced).collect()
}

/// The place of a kind that an owner reference names.
pub(super) fn place_of(api_version: &str, kind: &str) -> Option<&'static str> {
    Some(match (api_version, kind) {
        ("apps/v1", "Deployment") => "deployments.apps",
        ("apps/v1", "ReplicaSet") => "replicasets.apps",
        ("apps/v1", "StatefulSet") => "statefulsets.apps",
        ("apps/v1", "DaemonSet") => "daemonsets.apps",
        ("batch/v1", "Job") => "jobs.batch",
        ("batch/v1", "CronJob") => "cronjobs.batch",
        ("v1", "Service") => "services",
        _ => return None,
    })
}

/// For a list of one namespace.
pub(super) fn within(namespace: &str) -> ListOptions {
    let mut options = ListOptions::default();
    namespace.clone_into(&mut options.selection.namespace);
    options
}
