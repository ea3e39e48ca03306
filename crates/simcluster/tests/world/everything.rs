//! All objects of a cluster by kind, namespace and name.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use simcluster::{Cluster, ListOptions, Resource};

/// In an order in which a server can be given them.
pub const KINDS: &[(&str, &str, &str)] = &[
    ("apiextensions.k8s.io", "v1", "customresourcedefinitions"),
    ("", "v1", "namespaces"),
    ("scheduling.k8s.io", "v1", "priorityclasses"),
    ("storage.k8s.io", "v1", "storageclasses"),
    ("networking.k8s.io", "v1", "ingressclasses"),
    ("rbac.authorization.k8s.io", "v1", "clusterroles"),
    ("rbac.authorization.k8s.io", "v1", "clusterrolebindings"),
    ("", "v1", "nodes"),
    ("coordination.k8s.io", "v1", "leases"),
    ("", "v1", "serviceaccounts"),
    ("", "v1", "configmaps"),
    ("", "v1", "secrets"),
    ("rbac.authorization.k8s.io", "v1", "roles"),
    ("rbac.authorization.k8s.io", "v1", "rolebindings"),
    ("networking.k8s.io", "v1", "networkpolicies"),
    ("", "v1", "persistentvolumes"),
    ("", "v1", "persistentvolumeclaims"),
    ("apps", "v1", "deployments"),
    ("apps", "v1", "replicasets"),
    ("apps", "v1", "statefulsets"),
    ("apps", "v1", "daemonsets"),
    ("apps", "v1", "controllerrevisions"),
    ("batch", "v1", "cronjobs"),
    ("batch", "v1", "jobs"),
    ("", "v1", "pods"),
    ("", "v1", "services"),
    ("discovery.k8s.io", "v1", "endpointslices"),
    ("networking.k8s.io", "v1", "ingresses"),
    ("autoscaling", "v2", "horizontalpodautoscalers"),
    ("policy", "v1", "poddisruptionbudgets"),
    ("", "v1", "resourcequotas"),
    ("", "v1", "limitranges"),
    ("", "v1", "events"),
    ("cert-manager.io", "v1", "certificates"),
    ("cert-manager.io", "v1", "clusterissuers"),
    ("argoproj.io", "v1alpha1", "applications"),
    ("platform.acme.example", "v1", "releases"),
];

pub struct Everything {
    pub of: BTreeMap<String, BTreeMap<(String, String), Value>>,
}

pub fn resource(cluster: &Cluster, (group, version, plural): (&str, &str, &str)) -> Arc<Resource> {
    cluster.resource(group, version, plural).unwrap_or_else(|| panic!("{plural}"))
}

impl Everything {
    pub fn of(cluster: &Cluster) -> Self {
        let mut of = BTreeMap::new();
        for kind in KINDS {
            let resource = resource(cluster, *kind);
            let list = cluster.list(&resource, &ListOptions::default()).unwrap();
            let objects: BTreeMap<(String, String), Value> = list
                .items
                .iter()
                .map(|object| {
                    ((object.key.namespace.to_string(), object.key.name.to_string()), object.value())
                })
                .collect();
            of.insert(resource.kind.clone(), objects);
        }
        Self { of }
    }

    pub fn count(&self) -> usize {
        self.of.values().map(BTreeMap::len).sum()
    }

    pub fn get(&self, kind: &str, namespace: &str, name: &str) -> Option<&Value> {
        self.of.get(kind)?.get(&(namespace.to_owned(), name.to_owned()))
    }

    pub fn all(&self, kind: &str) -> impl Iterator<Item = (&str, &str, &Value)> {
        self.of
            .get(kind)
            .into_iter()
            .flatten()
            .map(|((namespace, name), value)| (namespace.as_str(), name.as_str(), value))
    }

    pub fn pods_matching<'a>(
        &'a self,
        namespace: &'a str,
        labels: &'a Value,
    ) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.all("Pod")
            .filter(move |(of, _, _)| *of == namespace)
            .map(|(_, name, pod)| (name, pod))
            .filter(move |(_, pod)| matches(labels, &pod["metadata"]["labels"]))
    }
}

pub fn matches(wanted: &Value, labels: &Value) -> bool {
    wanted.as_object().is_some_and(|wanted| {
        !wanted.is_empty() && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
    })
}

pub fn is_ready(pod: &Value) -> bool {
    list(&pod["status"]["conditions"]).any(|c| c["type"] == "Ready" && c["status"] == "True")
}

pub fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
