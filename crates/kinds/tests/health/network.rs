//! Ways to pods, the nodes below them, and what bounds them.

use fleetgraph_core::HealthState::{Degraded, Healthy, Progressing, Suspended, Unknown};
use kinds::{
    CustomResourceDefinition, EndpointSlice, Ingress, IngressClass, Namespace, NetworkPolicy, Node,
    ResourceQuota, Service,
};
use serde_json::{Value, json};

use crate::check;

/// A status of conditions, each with its type, status and reason.
fn conditions(list: &[(&str, &str, &str)]) -> Value {
    let entries: Vec<Value> = list
        .iter()
        .map(|(kind, status, reason)| json!({"type": kind, "status": status, "reason": reason}))
        .collect();
    json!({ "conditions": entries })
}

#[test]
fn an_ingress_is_well_once_a_load_balancer_is_set_up() {
    let spec = json!({"ingressClassName": "nginx", "rules": [{"host": "shop.example", "http": {"paths": [
        {"path": "/", "pathType": "Prefix", "backend": {"service": {"name": "web", "port": {"number": 80}}}}]}}]});
    let with = |entries: Value| json!({"spec": spec, "status": {"loadBalancer": {"ingress": entries}}});
    check::<Ingress>(&[
        ("with an IP address", with(json!([{"ip": "192.0.2.7"}])), Healthy, ""),
        ("with a host name", with(json!([{"hostname": "lb.example"}])), Healthy, ""),
        ("with an entry that says nothing", with(json!([{}])), Healthy, ""),
        ("that no controller has seen", with(json!([])), Progressing, "AddressPending"),
        ("with null for its addresses", with(Value::Null), Progressing, "AddressPending"),
        (
            "with null for its load balancer",
            json!({"status": {"loadBalancer": null}}),
            Progressing,
            "AddressPending",
        ),
        ("with nothing at all", json!({}), Progressing, "AddressPending"),
        (
            "with a path type that nobody knows, and its class in the annotation",
            json!({"metadata": {"annotations": {"kubernetes.io/ingress.class": "old"}},
                "spec": {"defaultBackend": null, "tls": null, "rules": [{"http": {"paths": [{"pathType": "Fuzzy"}]}}]},
                "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}}),
            Healthy,
            "",
        ),
    ]);
}

#[test]
fn a_service_waits_for_its_load_balancer_only() {
    let of = |kind: &str, status: Value| {
        json!({"spec": {"type": kind, "clusterIP": "10.0.0.9", "ports": [{"port": 80, "targetPort": "http"}]},
            "status": status})
    };
    let empty = || json!({"loadBalancer": {}});
    check::<Service>(&[
        ("in the cluster only", of("ClusterIP", empty()), Healthy, ""),
        ("on a port of the nodes", of("NodePort", empty()), Healthy, ""),
        ("without a load balancer yet", of("LoadBalancer", empty()), Progressing, "AddressPending"),
        (
            "without a status, of a load balancer",
            of("LoadBalancer", Value::Null),
            Progressing,
            "AddressPending",
        ),
        (
            "with a load balancer",
            of("LoadBalancer", json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.8", "ipMode": "VIP"}]}})),
            Healthy,
            "",
        ),
        (
            "for a name elsewhere",
            json!({"spec": {"type": "ExternalName", "externalName": "db.example", "selector": null, "ports": null}}),
            Healthy,
            "",
        ),
        ("headless", json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}}), Healthy, ""),
        ("of a type that nobody knows", of("Teleport", empty()), Healthy, ""),
        ("with nothing at all", json!({}), Healthy, ""),
    ]);
}

#[test]
fn a_node_is_as_well_as_its_conditions() {
    let ready = ("Ready", "True", "KubeletReady");
    let status = |list: &[(&str, &str, &str)]| json!({"status": conditions(list)});
    let cordoned = |list: &[(&str, &str, &str)]| {
        json!({"spec": {"unschedulable": true, "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}]},
            "status": conditions(list)})
    };
    check::<Node>(&[
        ("ready", status(&[("MemoryPressure", "False", "KubeletHasSufficientMemory"), ready]), Healthy, ""),
        ("not ready", status(&[("Ready", "False", "KubeletNotReady")]), Degraded, "KubeletNotReady"),
        ("lost", status(&[("Ready", "Unknown", "NodeStatusUnknown")]), Degraded, "NodeStatusUnknown"),
        ("not ready without a reason", status(&[("Ready", "False", "")]), Degraded, "NotReady"),
        ("of a readiness that nobody knows", status(&[("Ready", "Perhaps", "")]), Degraded, "NotReady"),
        ("cordoned", cordoned(&[ready]), Suspended, "SchedulingDisabled"),
        (
            "cordoned and lost",
            cordoned(&[("Ready", "Unknown", "NodeStatusUnknown")]),
            Degraded,
            "NodeStatusUnknown",
        ),
        (
            "short of memory",
            status(&[("MemoryPressure", "True", "Pressed"), ready]),
            Degraded,
            "MemoryPressure",
        ),
        ("short of disk", status(&[ready, ("DiskPressure", "True", "Pressed")]), Degraded, "DiskPressure"),
        (
            "short of process ids",
            status(&[("PIDPressure", "True", "Pressed"), ready]),
            Degraded,
            "PIDPressure",
        ),
        (
            "without a network",
            status(&[("NetworkUnavailable", "True", "NoRoute"), ready]),
            Degraded,
            "NetworkUnavailable",
        ),
        (
            "cordoned and short of disk",
            cordoned(&[ready, ("DiskPressure", "True", "")]),
            Degraded,
            "DiskPressure",
        ),
        (
            "of whose memory nothing is known",
            status(&[("MemoryPressure", "Unknown", ""), ready]),
            Healthy,
            "",
        ),
        (
            "with a condition that nobody knows",
            status(&[("KernelDeadlock", "True", "Docker"), ready]),
            Healthy,
            "",
        ),
        ("that never reported", json!({"spec": {"taints": null, "podCIDRs": null}}), Unknown, ""),
        (
            "with null for its conditions",
            json!({"status": {"conditions": null, "addresses": null}}),
            Unknown,
            "",
        ),
    ]);
}

#[test]
fn a_namespace_that_is_being_deleted_says_what_holds_it_up() {
    let terminating = |list: &[(&str, &str, &str)]| {
        let mut status = conditions(list);
        status["phase"] = json!("Terminating");
        json!({"spec": {"finalizers": ["kubernetes"]}, "status": status})
    };
    let remain = ("NamespaceContentRemaining", "True", "SomeResourcesRemain");
    let finalizers = ("NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain");
    check::<Namespace>(&[
        ("active", json!({"status": {"phase": "Active"}}), Healthy, ""),
        ("without a status", json!({}), Healthy, ""),
        (
            "of a phase that nobody knows",
            json!({"status": {"phase": "Dreaming", "conditions": null}}),
            Healthy,
            "",
        ),
        ("just deleted", terminating(&[]), Progressing, "Terminating"),
        (
            "whose content is all gone",
            terminating(&[("NamespaceContentRemaining", "False", "ContentRemoved")]),
            Progressing,
            "Terminating",
        ),
        ("with content left", terminating(&[remain]), Progressing, "SomeResourcesRemain"),
        ("with finalizers left", terminating(&[finalizers, remain]), Progressing, "SomeFinalizersRemain"),
        (
            "whose kinds can't be listed",
            terminating(&[
                ("NamespaceDeletionDiscoveryFailure", "True", "DiscoveryFailed"),
                remain,
                finalizers,
            ]),
            Progressing,
            "DiscoveryFailed",
        ),
    ]);
}

#[test]
fn a_definition_is_well_once_it_is_established() {
    let accepted = ("NamesAccepted", "True", "NoConflicts");
    let established = ("Established", "True", "InitialNamesAccepted");
    let of = |list: &[(&str, &str, &str)]| {
        json!({"spec": {"group": "shop.example", "scope": "Namespaced", "conversion": null,
                "names": {"kind": "Cart", "plural": "carts", "shortNames": null, "categories": ["all"]},
                "versions": [{"name": "v1", "served": true, "storage": true, "additionalPrinterColumns": null}]},
            "status": conditions(list)})
    };
    check::<CustomResourceDefinition>(&[
        ("established", of(&[accepted, established]), Healthy, ""),
        ("new", of(&[]), Progressing, "NotEstablished"),
        ("without a status", json!({}), Progressing, "NotEstablished"),
        (
            "with nulls",
            json!({"spec": null, "status": {"conditions": null, "acceptedNames": null}}),
            Progressing,
            "NotEstablished",
        ),
        (
            "being installed",
            of(&[accepted, ("Established", "False", "Installing")]),
            Progressing,
            "Installing",
        ),
        (
            "whose plural another has",
            of(&[("NamesAccepted", "False", "PluralConflict"), ("Established", "False", "NotAccepted")]),
            Degraded,
            "PluralConflict",
        ),
        (
            "renamed to what another has",
            of(&[("NamesAccepted", "False", "ShortNamesConflict"), established]),
            Degraded,
            "ShortNamesConflict",
        ),
        (
            "whose names aren't accepted, without a reason",
            of(&[("NamesAccepted", "False", "")]),
            Degraded,
            "NamesNotAccepted",
        ),
        (
            "whose objects are being deleted",
            of(&[accepted, established, ("Terminating", "True", "InstanceDeletionInProgress")]),
            Progressing,
            "Terminating",
        ),
        (
            "with a schema of old",
            of(&[accepted, established, ("NonStructuralSchema", "True", "Violations")]),
            Degraded,
            "NonStructuralSchema",
        ),
        (
            "of a scope that nobody knows",
            json!({"spec": {"scope": "Galaxy"}, "status": conditions(&[accepted, established])}),
            Healthy,
            "",
        ),
    ]);
}

#[test]
fn what_has_no_state_is_well() {
    check::<IngressClass>(&[
        (
            "with a controller",
            json!({"spec": {"controller": "k8s.io/ingress-nginx", "parameters": null}}),
            Healthy,
            "",
        ),
        ("with nothing at all", json!({}), Healthy, ""),
    ]);
    check::<NetworkPolicy>(&[
        (
            "that allows everything",
            json!({"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{"to": null}]}}),
            Healthy,
            "",
        ),
        (
            "with peers, ports and a type that nobody knows",
            json!({"spec": {"podSelector": {"matchLabels": {"app": "cart"}}, "policyTypes": ["Sideways"], "ingress": [
                {"ports": [{"port": 80}, {"port": "https", "protocol": "TCP"}, {"port": 1024, "endPort": 2048}, {"port": null}],
                 "from": [{"podSelector": {}, "namespaceSelector": null}, {"ipBlock": {"cidr": "10.0.0.0/8", "except": null}}]}]}}),
            Healthy,
            "",
        ),
        (
            "with nulls",
            json!({"spec": {"podSelector": null, "policyTypes": null, "ingress": null}}),
            Healthy,
            "",
        ),
        ("with nothing at all", json!({}), Healthy, ""),
    ]);
    check::<EndpointSlice>(&[
        (
            "with an endpoint that is not ready",
            json!({"addressType": "IPv4", "endpoints": [{"addresses": ["10.1.0.4"], "conditions": {"ready": false}}]}),
            Healthy,
            "",
        ),
        (
            "of a type of address that nobody knows",
            json!({"addressType": "IPv9", "endpoints": null}),
            Healthy,
            "",
        ),
        ("with nothing at all", json!({}), Healthy, ""),
    ]);
    check::<ResourceQuota>(&[
        (
            "that is used up",
            json!({"spec": {"hard": {"pods": "3"}}, "status": {"hard": {"pods": "3"}, "used": {"pods": "3"}}}),
            Healthy,
            "",
        ),
        ("with nothing at all", json!({}), Healthy, ""),
    ]);
}
