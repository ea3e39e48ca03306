//! Services with their endpoint slices, and ingresses.

use std::sync::Arc;

use serde_json::{Value, json};

use super::pods::Made;
use super::site::{At, DAY, Site, text};
use crate::object::{Slot, Uid, intern};

/// A service of some pods.
pub(super) struct Served<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    pub selector: &'a Value,
    pub labels: &'a Value,
    pub annotations: &'a Value,
    /// Name, port, target.
    pub ports: &'a [(&'static str, i64, i64)],
    pub headless: bool,
}

pub(super) fn service(site: &mut Site<'_>, served: &Served<'_>, pods: &[Made]) -> Uid {
    let created = site.ago(60 * DAY, 300 * DAY);
    let uid = site.uid();
    let address: Arc<str> = if served.headless { "None".into() } else { site.service_address() };
    let at = At { namespace: served.namespace, name: intern(served.name), created, uid };
    let form = format!("{}/{}", served.namespace, served.name);
    site.add("v1/services", &form, at, &[("address", Slot::Text(address))], || {
        let ports: Vec<Value> = served
            .ports
            .iter()
            .map(|(name, port, target)| json!({"name": name, "port": port, "targetPort": target}))
            .collect();
        json!({
            "metadata": {"labels": served.labels, "annotations": served.annotations},
            "spec": {"type": "ClusterIP", "clusterIP": "${address}", "clusterIPs": ["${address}"], "selector": served.selector, "ports": ports},
            "status": {"loadBalancer": {}},
        })
    });
    slice(site, served, uid, created, pods);
    uid
}

fn slice(site: &mut Site<'_>, served: &Served<'_>, owner: Uid, created: i64, pods: &[Made]) {
    let placed: Vec<(&Made, usize)> = pods
        .iter()
        .filter(|pod| !pod.address.is_empty())
        .filter_map(|pod| Some((pod, pod.machine?)))
        .collect();
    let keys: Vec<[String; 5]> = (0..placed.len())
        .map(|n| ["ip", "node", "zone", "pod", "uid"].map(|key| format!("{key}{n}")))
        .collect();
    let mut slots: Vec<(&str, Slot)> =
        vec![("owner", Slot::Uid(owner)), ("service", text(served.name)), ("triggered", Slot::Time(created))];
    let mut ready = String::new();
    for ((pod, machine), [ip, node, zone, name, uid]) in placed.iter().zip(&keys) {
        let machine = &site.machines[*machine];
        slots.extend([
            (ip.as_str(), Slot::Text(Arc::clone(&pod.address))),
            (node.as_str(), Slot::Text(Arc::clone(&machine.name))),
            (zone.as_str(), Slot::Text(Arc::clone(&machine.zone))),
            (name.as_str(), Slot::Text(Arc::clone(&pod.name))),
            (uid.as_str(), Slot::Uid(pod.uid)),
        ]);
        ready.push(if pod.ready { 'r' } else { 'n' });
    }
    let name: Arc<str> = format!("{}-{}", served.name, site.suffix(5)).into();
    let form = format!("{}/{}/{ready}", served.namespace, served.name);
    let at = At { namespace: served.namespace, name, created, uid: site.uid() };
    site.add("discovery.k8s.io/v1/endpointslices", &form, at, &slots, || slice_body(served, &ready));
}

fn slice_body(served: &Served<'_>, ready: &str) -> Value {
    let endpoints: Vec<Value> = ready
        .chars()
        .enumerate()
        .map(|(n, ready)| {
            let ready = ready == 'r';
            json!({
                "addresses": [format!("${{ip{n}}}")], "nodeName": format!("${{node{n}}}"), "zone": format!("${{zone{n}}}"),
                "conditions": {"ready": ready, "serving": ready, "terminating": false},
                "targetRef": {"kind": "Pod", "namespace": "${namespace}", "name": format!("${{pod{n}}}"), "uid": format!("${{uid{n}}}")},
            })
        })
        .collect();
    let ports: Vec<Value> = served
        .ports
        .iter()
        .map(|(name, _, target)| json!({"name": name, "port": target, "protocol": "TCP"}))
        .collect();
    let mut labels = served.labels.clone();
    labels["kubernetes.io/service-name"] = json!("${service}");
    labels["endpointslice.kubernetes.io/managed-by"] = json!("endpointslice-controller.k8s.io");
    if served.headless {
        labels["service.kubernetes.io/headless"] = json!("");
    }
    json!({
        "metadata": {
            "labels": labels, "generateName": "${service}-",
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": "${triggered}"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": "${service}", "uid": "${owner}", "controller": true, "blockOwnerDeletion": true}],
        },
        "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
    })
}

/// An ingress for a host, with the secret that holds its certificate.
pub(super) fn ingress(
    site: &mut Site<'_>,
    namespace: &str,
    name: &str,
    host: &str,
    labels: &Value,
    annotations: &Value,
) {
    let created = site.ago(60 * DAY, 300 * DAY);
    let at = At { namespace, name: intern(name), created, uid: site.uid() };
    let form = format!("{namespace}/{name}");
    let slots = [
        ("host", text(host)),
        ("balancer", Slot::Text(format!("k8s-{}.elb.amazonaws.com", site.hex(10)).into())),
    ];
    site.add("networking.k8s.io/v1/ingresses", &form, at, &slots, || {
        let mut annotations = annotations.clone();
        annotations["cert-manager.io/cluster-issuer"] = json!("letsencrypt");
        let backend = json!({"service": {"name": name, "port": {"name": "http"}}});
        json!({
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": {
                "ingressClassName": "nginx", "tls": [{"hosts": ["${host}"], "secretName": format!("{name}-tls")}],
                "rules": [{"host": "${host}", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}],
            },
            "status": {"loadBalancer": {"ingress": [{"hostname": "${balancer}"}]}},
        })
    });
}
