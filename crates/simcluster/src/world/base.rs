//! What is in a cluster before the teams come: the system's namespaces and programs, classes, roles.

use serde_json::json;

use super::daemons;
use super::network::{self, Served};
use super::site::{At, Site};
use super::space::{self, plain};
use super::workload::{Trouble, Workload, deployment};
use crate::object::{Slot, intern};

pub(super) fn add(site: &mut Site<'_>) {
    for namespace in ["default", "kube-node-lease", "kube-public", "kube-system"] {
        space::every(site, namespace);
    }
    for namespace in ["monitoring", "logging", "cert-manager", "ingress-nginx", "argocd"] {
        let level = if matches!(namespace, "monitoring" | "logging") { "privileged" } else { "baseline" };
        space::namespace(
            site,
            namespace,
            &json!({"acme.example/team": "platform", "pod-security.kubernetes.io/enforce": level}),
        );
    }
    classes(site);
    roles(site);
    leaders(site);
    daemons::add(site);
    let programs: [(&str, &str, &str, &str, usize, i64); 8] = [
        ("kube-system", "coredns", "registry.k8s.io/coredns/coredns", "v1.12.3", 2, 53),
        (
            "kube-system",
            "metrics-server",
            "registry.k8s.io/metrics-server/metrics-server",
            "v0.8.0",
            1,
            10250,
        ),
        (
            "monitoring",
            "otel-collector",
            "docker.io/otel/opentelemetry-collector-contrib",
            "0.131.1",
            2,
            4317,
        ),
        ("monitoring", "grafana", "docker.io/grafana/grafana", "12.1.0", 1, 3000),
        ("cert-manager", "cert-manager", "quay.io/jetstack/cert-manager-controller", "v1.18.2", 1, 9402),
        (
            "ingress-nginx",
            "ingress-nginx-controller",
            "registry.k8s.io/ingress-nginx/controller",
            "v1.13.1",
            2,
            443,
        ),
        ("argocd", "argocd-server", "quay.io/argoproj/argocd", "v3.1.1", 1, 8080),
        ("argocd", "argocd-repo-server", "quay.io/argoproj/argocd", "v3.1.1", 1, 8081),
    ];
    for (namespace, name, image, tag, replicas, port) in programs {
        program(site, namespace, name, (image, tag), replicas, port);
    }
}

fn program(
    site: &mut Site<'_>,
    namespace: &str,
    name: &str,
    (image, tag): (&str, &str),
    replicas: usize,
    port: i64,
) {
    plain(
        site,
        "v1/serviceaccounts",
        namespace,
        name,
        &[],
        || json!({"metadata": {"labels": {"app.kubernetes.io/name": name}}}),
    );
    let selector = json!({"app.kubernetes.io/name": name});
    let labels = json!({"app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "Helm", "helm.sh/chart": format!("{name}-4.2.1")});
    let annotations = json!({"meta.helm.sh/release-name": name, "meta.helm.sh/release-namespace": namespace});
    let class = (namespace == "kube-system").then_some(("system-cluster-critical", 2_000_000_000));
    let template = json!({
        "metadata": {"labels": selector},
        "spec": {
            "serviceAccountName": name,
            "containers": [{
                "name": name, "image": format!("{image}:${{tag}}"), "ports": [{"name": "main", "containerPort": port, "protocol": "TCP"}],
                "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
                "readinessProbe": {"tcpSocket": {"port": "main"}, "initialDelaySeconds": 2},
            }],
            "priorityClassName": class.map(|(name, _)| name), "tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}],
        },
    });
    let work = Workload {
        namespace,
        name,
        form: format!("{namespace}/{name}"),
        template: &template,
        selector: selector.clone(),
        labels: labels.clone(),
        annotations: annotations.clone(),
        replicas,
        needs: (100, 128),
        tags: vec![tag.to_owned()],
        trouble: Trouble::None,
        priority: class,
    };
    let (_, pods) = deployment(site, &work);
    let ports = [("main", port, port)];
    let served = Served {
        namespace,
        name,
        selector: &selector,
        labels: &labels,
        annotations: &annotations,
        ports: &ports,
        headless: false,
    };
    network::service(site, &served, &pods);
}

fn classes(site: &mut Site<'_>) {
    for (name, value, default) in [
        ("system-cluster-critical", 2_000_000_000, false),
        ("system-node-critical", 2_000_001_000, false),
        ("business-critical", 1_000_000, false),
        ("batch-low", -100, false),
    ] {
        plain(
            site,
            "scheduling.k8s.io/v1/priorityclasses",
            "",
            name,
            &[],
            || json!({"metadata": {}, "value": value, "globalDefault": default, "description": format!("Pods that are {name}.")}),
        );
    }
    for (name, default) in [("gp3", "true"), ("io2", "false")] {
        plain(site, "storage.k8s.io/v1/storageclasses", "", name, &[], || {
            json!({
                "metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": default}},
                "provisioner": "ebs.csi.aws.com", "parameters": {"type": name, "encrypted": "true"}, "reclaimPolicy": "Delete",
                "volumeBindingMode": "WaitForFirstConsumer", "allowVolumeExpansion": true,
            })
        });
    }
    plain(
        site,
        "networking.k8s.io/v1/ingressclasses",
        "",
        "nginx",
        &[],
        || json!({"metadata": {"annotations": {"ingressclass.kubernetes.io/is-default-class": "true"}}, "spec": {"controller": "k8s.io/ingress-nginx"}}),
    );
}

fn roles(site: &mut Site<'_>) {
    let rule = |groups: &[&str], resources: &[&str], verbs: &[&str]| json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    let read = ["get", "list", "watch"];
    let roles = [
        ("team-member", json!([rule(&["", "apps", "batch"], &["*"], &read)]), None),
        (
            "coredns",
            json!([
                rule(&[""], &["endpoints", "services", "pods", "namespaces"], &["list", "watch"]),
                rule(&["discovery.k8s.io"], &["endpointslices"], &["list", "watch"])
            ]),
            Some(("kube-system", "coredns")),
        ),
        (
            "cert-manager-controller",
            json!([
                rule(&["cert-manager.io"], &["*"], &["*"]),
                rule(&[""], &["secrets"], &["get", "list", "watch", "create", "update"])
            ]),
            Some(("cert-manager", "cert-manager")),
        ),
        (
            "ingress-nginx",
            json!([
                rule(&["networking.k8s.io"], &["ingresses", "ingressclasses"], &read),
                rule(&[""], &["services", "secrets"], &read)
            ]),
            Some(("ingress-nginx", "ingress-nginx-controller")),
        ),
    ];
    for (name, rules, subject) in roles {
        plain(
            site,
            "rbac.authorization.k8s.io/v1/clusterroles",
            "",
            name,
            &[],
            || json!({"metadata": {"labels": {"acme.example/managed-by": "platform"}}, "rules": rules}),
        );
        let Some((namespace, account)) = subject else { continue };
        plain(
            site,
            "rbac.authorization.k8s.io/v1/clusterrolebindings",
            "",
            name,
            &[],
            || json!({"metadata": {}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name}, "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": namespace}]}),
        );
    }
}

/// The leases by which the control plane and the operators elect their leaders.
fn leaders(site: &mut Site<'_>) {
    for (namespace, name) in [
        ("kube-system", "kube-controller-manager"),
        ("kube-system", "kube-scheduler"),
        ("kube-system", "cert-manager-controller"),
        ("ingress-nginx", "ingress-nginx-leader"),
    ] {
        let since = jiff::Timestamp::from_second(site.now - 2).unwrap_or_default();
        let micros = |at: jiff::Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string();
        let acquired = jiff::Timestamp::from_second(site.now - 400_000).unwrap_or_default();
        let slots = [
            ("holder", Slot::Text(format!("{name}-{}", site.suffix(5)).into())),
            ("acquired", Slot::Text(micros(acquired).into())),
            ("renewed", Slot::Text(micros(since).into())),
        ];
        let at = At { namespace, name: intern(name), created: site.now - 9_000_000, uid: site.uid() };
        site.add("coordination.k8s.io/v1/leases", "leader", at, &slots, || {
            json!({"metadata": {}, "spec": {"holderIdentity": "${holder}", "leaseDurationSeconds": 15, "acquireTime": "${acquired}", "renewTime": "${renewed}", "leaseTransitions": 3}})
        });
    }
}
