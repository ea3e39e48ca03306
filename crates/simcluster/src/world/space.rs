//! Namespaces, and what each one has: accounts, roles, quotas, policies.

use serde_json::{Value, json};

use super::site::{At, DAY, Site};
use crate::object::{Slot, intern};

fn at<'a>(site: &mut Site<'_>, namespace: &'a str, name: &str) -> At<'a> {
    At { namespace, name: intern(name), created: site.ago(100 * DAY, 380 * DAY), uid: site.uid() }
}

/// What the controllers put into every namespace: the default account and the cluster's certificate authority.
pub(super) fn every(site: &mut Site<'_>, namespace: &str) {
    let place = at(site, namespace, "default");
    site.add("v1/serviceaccounts", "default", place, &[], || json!({"metadata": {}}));
    let place = at(site, namespace, "kube-root-ca.crt");
    site.add("v1/configmaps", "kube-root-ca.crt", place, &[], || {
        let text = "-----BEGIN CERTIFICATE-----\nMIIBdzCCAR2gAwIBAgIBADAKBggqhkjOPQQDAjAjMSEwHwYDVQQDDBhrM3Mtc2Vy\n-----END CERTIFICATE-----\n";
        json!({
            "metadata": {"annotations": {"kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."}},
            "data": {"ca.crt": text},
        })
    });
}

pub(super) fn namespace(site: &mut Site<'_>, name: &str, labels: &Value) {
    let place = at(site, "", name);
    let labels = labels.clone();
    site.add("v1/namespaces", &labels.to_string(), place, &[], || {
        let mut labels = labels;
        labels["kubernetes.io/metadata.name"] = json!("${name}");
        json!({"metadata": {"labels": labels}, "spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}})
    });
    every(site, name);
}

/// A team's namespace with its limits, its rights, and who may talk to it.
pub(super) fn team(site: &mut Site<'_>, name: &str, team: &str) {
    let environment = site.place.environment;
    namespace(
        site,
        name,
        &json!({"acme.example/team": team, "acme.example/environment": environment, "pod-security.kubernetes.io/enforce": "baseline"}),
    );
    let place = at(site, name, "compute");
    let used = site.count() % 8 + 2;
    site.add("v1/resourcequotas", &format!("compute/{used}"), place, &[], || {
        let hard = json!({"requests.cpu": "400", "requests.memory": "1600Gi", "count/deployments.apps": "400"});
        json!({
            "metadata": {"labels": {"acme.example/managed-by": "platform"}}, "spec": {"hard": hard},
            "status": {"hard": hard, "used": {"requests.cpu": format!("{}m", used * 900), "requests.memory": format!("{}Gi", used * 2), "count/deployments.apps": used.to_string()}},
        })
    });
    let place = at(site, name, "defaults");
    site.add("v1/limitranges", "defaults", place, &[], || {
        json!({"metadata": {"labels": {"acme.example/managed-by": "platform"}}, "spec": {"limits": [{"type": "Container", "max": {"memory": "2Ti"}, "default": {"memory": "512Mi"}, "defaultRequest": {"memory": "256Mi"}}]}})
    });
    policies(site, name);
    rights(site, name, team);
}

fn policies(site: &mut Site<'_>, name: &str) {
    let place = at(site, name, "default-deny");
    site.add(
        "networking.k8s.io/v1/networkpolicies",
        "default-deny",
        place,
        &[],
        || json!({"metadata": {}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}),
    );
    let place = at(site, name, "allow-same-team");
    site.add("networking.k8s.io/v1/networkpolicies", "allow-same-team", place, &[], || {
        let from = json!([
            {"podSelector": {}},
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress-nginx"}}},
            {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
        ]);
        json!({"metadata": {}, "spec": {"podSelector": {}, "ingress": [{"from": from, "ports": [{"port": 8080, "protocol": "TCP"}, {"port": 9090, "protocol": "TCP"}]}], "policyTypes": ["Ingress"]}})
    });
}

fn rights(site: &mut Site<'_>, name: &str, team: &str) {
    let place = at(site, name, "deployer");
    site.add("rbac.authorization.k8s.io/v1/roles", "deployer", place, &[], || {
        json!({"metadata": {"labels": {"acme.example/managed-by": "platform"}}, "rules": [
            {"apiGroups": ["apps"], "resources": ["deployments", "statefulsets"], "verbs": ["get", "list", "watch", "update", "patch"]},
            {"apiGroups": [""], "resources": ["pods", "pods/log", "configmaps"], "verbs": ["get", "list", "watch"]},
        ]})
    });
    let subjects: [(&str, Value); 2] = [
        ("deployer", json!([{"kind": "ServiceAccount", "name": "default", "namespace": "${namespace}"}])),
        (
            "team",
            json!([{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": format!("team-{team}")}]),
        ),
    ];
    for (binding, subjects) in subjects {
        let role = if binding == "team" { ("ClusterRole", "team-member") } else { ("Role", "deployer") };
        let place = at(site, name, binding);
        site.add("rbac.authorization.k8s.io/v1/rolebindings", &format!("{binding}/{team}"), place, &[], || {
            json!({"metadata": {}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1}, "subjects": subjects})
        });
    }
}

/// An object of the whole cluster, or one without anything of its own.
pub(super) fn plain(
    site: &mut Site<'_>,
    resource: &str,
    namespace: &str,
    name: &str,
    slots: &[(&str, Slot)],
    build: impl FnOnce() -> Value,
) {
    let place = at(site, namespace, name);
    site.add(resource, &format!("{namespace}/{name}"), place, slots, build);
}
