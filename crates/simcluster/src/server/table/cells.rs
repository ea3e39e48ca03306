//! Which kinds have cells of their own, and what many of them share.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{age, cluster, network, pod, workload};

type Cells = fn(&Value, Timestamp) -> Vec<Value>;

fn printer(storage: &str) -> Option<Cells> {
    Some(match storage {
        "pods" => pod::pod,
        "deployments.apps" => workload::deployment,
        "replicasets.apps" => workload::replica_set,
        "statefulsets.apps" => workload::stateful_set,
        "daemonsets.apps" => workload::daemon_set,
        "jobs.batch" => workload::job,
        "cronjobs.batch" => workload::cron_job,
        "horizontalpodautoscalers.autoscaling" => workload::autoscaler,
        "services" => network::service,
        "ingresses.networking.k8s.io" => network::ingress,
        "nodes" => cluster::node,
        "namespaces" => cluster::namespace,
        "events" => cluster::event,
        "persistentvolumeclaims" => cluster::claim,
        "persistentvolumes" => cluster::volume,
        "secrets" => cluster::secret,
        "configmaps" => cluster::config_map,
        "serviceaccounts" => cluster::service_account,
        _ => return None,
    })
}

pub(super) fn has(storage: &str) -> bool {
    printer(storage).is_some()
}

pub(super) fn of(storage: &str, value: &Value, now: Timestamp) -> Option<Vec<Value>> {
    printer(storage).map(|cells| cells(value, now))
}

/// Kubectl leaves rows of pods that have ended out on request.
pub(super) fn completed(storage: &str, value: &Value) -> Option<Value> {
    let message = match value["status"]["phase"].as_str()? {
        "Succeeded" => "The pod has completed successfully.",
        "Failed" => "The pod failed.",
        _ => return None,
    };
    (storage == "pods").then(|| {
        json!({"type": "Completed", "status": "True", "reason": value["status"]["phase"], "message": message})
    })
}

pub(super) fn name(value: &Value) -> Value {
    value["metadata"]["name"].clone()
}

pub(super) fn created(value: &Value, now: Timestamp) -> Value {
    json!(age::since(&value["metadata"]["creationTimestamp"], now))
}

pub(super) fn text<'a>(value: &'a Value, otherwise: &'a str) -> &'a str {
    value.as_str().filter(|text| !text.is_empty()).unwrap_or(otherwise)
}

pub(super) fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The first that has this type.
pub(super) fn condition<'a>(value: &'a Value, kind: &str) -> Option<&'a Value> {
    items(&value["status"]["conditions"]).iter().find(|condition| condition["type"] == kind)
}

/// Names and images of containers.
pub(super) fn containers(pod: &Value) -> [Value; 2] {
    ["name", "image"].map(|key| {
        let all: Vec<&str> = items(&pod["containers"]).iter().map(|c| text(&c[key], "")).collect();
        json!(all.join(","))
    })
}

/// `a=1,b=2`.
pub(super) fn labels(map: &Value) -> Value {
    let all = map.as_object().into_iter().flatten();
    let all: Vec<String> = all.map(|(key, value)| format!("{key}={}", text(value, ""))).collect();
    json!(if all.is_empty() { "<none>".to_owned() } else { all.join(",") })
}

/// A label selector in its text form, its requirements in the order of their keys.
pub(super) fn selector(selector: &Value) -> Value {
    let mut all: Vec<(String, String)> = Vec::new();
    for (key, value) in selector["matchLabels"].as_object().into_iter().flatten() {
        all.push((key.clone(), format!("{key}={}", text(value, ""))));
    }
    for expression in items(&selector["matchExpressions"]) {
        let key = text(&expression["key"], "");
        let mut values: Vec<&str> = items(&expression["values"]).iter().map(|v| text(v, "")).collect();
        values.sort_unstable();
        let values = values.join(",");
        let text = match text(&expression["operator"], "") {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            _ => format!("!{key}"),
        };
        all.push((key.to_owned(), text));
    }
    all.sort_by(|left, right| left.0.cmp(&right.0));
    let all: Vec<String> = all.into_iter().map(|(_, text)| text).collect();
    json!(if all.is_empty() { "<none>".to_owned() } else { all.join(",") })
}

/// What a load balancer has given out, sorted.
pub(super) fn addresses(value: &Value) -> String {
    let ingress = items(&value["status"]["loadBalancer"]["ingress"]);
    let all = ingress.iter().map(|at| text(&at["ip"], text(&at["hostname"], ""))).filter(|at| !at.is_empty());
    all.collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
}
