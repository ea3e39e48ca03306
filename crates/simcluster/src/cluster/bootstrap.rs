//! What every cluster has before anybody makes anything.

use serde_json::{Value, json};

use super::{Cluster, WriteOptions};

/// (group, version, resource, namespace, object)
fn objects() -> Vec<(&'static str, &'static str, &'static str, Value)> {
    let rbac = "rbac.authorization.k8s.io";
    let role = |name: &str, rules: Value| json!({"metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}}, "rules": rules});
    let binding = |name: &str, groups: &[&str]| {
        let subjects: Vec<Value> =
            groups.iter().map(|group| json!({"kind": "Group", "apiGroup": rbac, "name": group})).collect();
        json!({
            "metadata": {"name": name, "labels": {"kubernetes.io/bootstrapping": "rbac-defaults"}},
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name}, "subjects": subjects,
        })
    };
    let mut all: Vec<_> = ["default", "kube-node-lease", "kube-public", "kube-system"]
        .map(|name| ("", "v1", "namespaces", json!({"metadata": {"name": name}})))
        .to_vec();
    let discovery = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ];
    let public = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
    let reviews = json!([
        {"apiGroups": ["authorization.k8s.io"], "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], "verbs": ["create"]},
        {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
    ]);
    let everything = json!([
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]);
    all.extend([
        (rbac, "v1", "clusterroles", role("cluster-admin", everything)),
        (rbac, "v1", "clusterroles", role("system:basic-user", reviews)),
        (
            rbac,
            "v1",
            "clusterroles",
            role("system:discovery", json!([{"nonResourceURLs": discovery, "verbs": ["get"]}])),
        ),
        (
            rbac,
            "v1",
            "clusterroles",
            role("system:public-info-viewer", json!([{"nonResourceURLs": public, "verbs": ["get"]}])),
        ),
        (rbac, "v1", "clusterrolebindings", binding("cluster-admin", &["system:masters"])),
        (rbac, "v1", "clusterrolebindings", binding("system:basic-user", &["system:authenticated"])),
        (rbac, "v1", "clusterrolebindings", binding("system:discovery", &["system:authenticated"])),
        (
            rbac,
            "v1",
            "clusterrolebindings",
            binding("system:public-info-viewer", &["system:authenticated", "system:unauthenticated"]),
        ),
    ]);
    all
}

pub(super) fn fill(cluster: &Cluster) {
    for (group, version, plural, value) in objects() {
        let Some(resource) = cluster.resource(group, version, plural) else { continue };
        if let Err(error) = cluster.create(&resource, "", value, &WriteOptions::default()) {
            tracing::error!(%error, plural, "an object that every cluster has was refused");
        }
    }
}
