//! Endpoint slices: one for each service with a selector, which is enough below a hundred pods and is simply longer
//! above.

use serde_json::{Value, json};

use super::context::{Context, is_deleting, owner_of};
use super::index::selects;
use crate::object::Key;

const SLICES: &str = "endpointslices.discovery.k8s.io";

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, service)) = context.get("services", key) else { return };
    let Some(selector) = context.index.selectors.get(key).filter(|selector| !selector.is_empty()).cloned()
    else {
        return;
    };
    if is_deleting(&service) {
        return;
    }
    let mut endpoints = Vec::new();
    let pods: Vec<_> = context
        .index
        .pods_in(&key.namespace)
        .filter(|(_, pod)| selects(&selector, &pod.labels) && !pod.done && !pod.address.is_empty())
        .map(|(key, pod)| (key.clone(), pod.clone()))
        .collect();
    for (name, pod) in pods {
        let mut endpoint = json!({
            "addresses": [&*pod.address], "nodeName": &*pod.node,
            "conditions": {"ready": pod.ready && !pod.deleting, "serving": pod.ready, "terminating": pod.deleting},
            "targetRef": {"kind": "Pod", "namespace": &*name.namespace, "name": &*name.name, "uid": pod.uid.to_string()},
        });
        if let Some(zone) = pod.labels.get("topology.kubernetes.io/zone") {
            endpoint["zone"] = json!(zone);
        }
        endpoints.push(endpoint);
    }
    let mut owned = context.index.owned_by(object.uid, SLICES);
    owned.sort();
    let Some(slice) = owned.first().cloned() else {
        let mut value = fresh(key, &service, endpoints);
        value["metadata"]["ownerReferences"] = owner_of("v1", "Service", &key.name, object.uid);
        context.create(SLICES, &key.namespace, value);
        return;
    };
    let Some((_, current)) = context.get(SLICES, &slice) else { return };
    let sorted = |list: &[Value]| {
        let mut list: Vec<String> = list.iter().map(Value::to_string).collect();
        list.sort();
        list
    };
    let before = current["endpoints"].as_array().cloned().unwrap_or_default();
    if sorted(&before) == sorted(&endpoints) {
        return;
    }
    let at = super::kubelet::seconds(context.now);
    let annotations = json!({"endpoints.kubernetes.io/last-change-trigger-time": at});
    context.patch(SLICES, &slice, json!({"metadata": {"annotations": annotations}, "endpoints": endpoints}));
}

fn fresh(key: &Key, service: &Value, endpoints: Vec<Value>) -> Value {
    let ports: Vec<Value> = service["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| {
            // A port that has a name is looked up in each pod; the number of the service's port stands in for it.
            let target = if port["targetPort"].is_number() { &port["targetPort"] } else { &port["port"] };
            json!({"name": port["name"].as_str().unwrap_or_default(), "port": target, "protocol": port["protocol"]})
        })
        .collect();
    let mut labels = service["metadata"]["labels"].as_object().cloned().unwrap_or_default();
    labels.insert("kubernetes.io/service-name".to_owned(), json!(&*key.name));
    labels.insert(
        "endpointslice.kubernetes.io/managed-by".to_owned(),
        json!("endpointslice-controller.k8s.io"),
    );
    json!({
        "metadata": {"generateName": format!("{}-", key.name), "labels": labels},
        "addressType": "IPv4", "endpoints": endpoints, "ports": ports,
    })
}
