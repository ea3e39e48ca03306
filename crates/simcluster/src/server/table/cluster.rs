//! Nodes, namespaces, events, volumes, and what is only counted.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;
use super::cells::{condition, created, items, name, number, text};

fn roles(value: &Value) -> String {
    let labels = value["metadata"]["labels"].as_object().into_iter().flatten();
    let roles = labels.filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
        Some(role) => Some(role),
        None if key == "kubernetes.io/role" => value.as_str(),
        None => None,
    });
    let roles: BTreeSet<&str> = roles.filter(|role| !role.is_empty()).collect();
    if roles.is_empty() { "<none>".to_owned() } else { roles.into_iter().collect::<Vec<_>>().join(",") }
}

pub(super) fn node(value: &Value, now: Timestamp) -> Vec<Value> {
    let info = &value["status"]["nodeInfo"];
    let mut status = match condition(value, "Ready") {
        Some(ready) if ready["status"] == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if value["spec"]["unschedulable"] == true {
        status.push_str(",SchedulingDisabled");
    }
    let address = |kind: &str| {
        let found = items(&value["status"]["addresses"]).iter().find(|address| address["type"] == kind);
        json!(found.map_or("<none>", |address| text(&address["address"], "")))
    };
    let architecture = match text(&info["architecture"], "") {
        "" => String::new(),
        architecture => format!(" ({architecture})"),
    };
    vec![
        name(value),
        json!(status),
        json!(roles(value)),
        created(value, now),
        json!(text(&info["kubeletVersion"], "")),
        address("InternalIP"),
        address("ExternalIP"),
        json!(text(&info["osImage"], "<unknown>")),
        json!(format!("{}{architecture}", text(&info["kernelVersion"], "<unknown>"))),
        json!(text(&info["containerRuntimeVersion"], "<unknown>")),
    ]
}

pub(super) fn namespace(value: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(value), json!(text(&value["status"]["phase"], "")), created(value, now)]
}

pub(super) fn event(value: &Value, now: Timestamp) -> Vec<Value> {
    let first = if value["firstTimestamp"].is_string() { "firstTimestamp" } else { "eventTime" };
    let first = age::since(&value[first], now);
    let last = &value["lastTimestamp"];
    let mut last = if last.is_string() { age::since(last, now) } else { first.clone() };
    let mut count = number(&value["count"]).max(1);
    if value["series"].is_object() {
        last = age::since(&value["series"]["lastObservedTime"], now);
        count = number(&value["series"]["count"]);
    }
    let object = &value["involvedObject"];
    let kind = text(&object["kind"], "").to_lowercase();
    let target = match text(&object["name"], "") {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let component = text(&value["source"]["component"], text(&value["reportingComponent"], ""));
    let source = match text(&value["source"]["host"], text(&value["reportingInstance"], "")) {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    };
    vec![
        json!(last),
        json!(text(&value["type"], "")),
        json!(text(&value["reason"], "")),
        json!(target),
        json!(text(&object["fieldPath"], "")),
        json!(source),
        json!(text(&value["message"], "").trim()),
        json!(first),
        json!(count),
        name(value),
    ]
}

fn modes(modes: &Value) -> Value {
    const SHORT: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |mode: &str| items(modes).iter().any(|m| m == mode);
    let all: Vec<&str> = SHORT.iter().filter(|(long, _)| has(long)).map(|(_, short)| *short).collect();
    json!(all.join(","))
}

/// The phase, and the storage class.
fn storage(value: &Value) -> [Value; 2] {
    let leaving = value["metadata"]["deletionTimestamp"].is_string();
    let phase = if leaving { "Terminating" } else { text(&value["status"]["phase"], "") };
    let old = &value["metadata"]["annotations"]["volume.beta.kubernetes.io/storage-class"];
    [json!(phase), json!(text(old, text(&value["spec"]["storageClassName"], "")))]
}

pub(super) fn claim(value: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&value["spec"], &value["status"]);
    let volume = text(&spec["volumeName"], "");
    let [phase, class] = storage(value);
    let (capacity, access) = if volume.is_empty() {
        (json!(""), json!(""))
    } else {
        (json!(text(&status["capacity"]["storage"], "0")), modes(&status["accessModes"]))
    };
    vec![
        name(value),
        phase,
        json!(volume),
        capacity,
        access,
        class,
        json!(text(&spec["volumeAttributesClassName"], "<unset>")),
        created(value, now),
        json!(text(&spec["volumeMode"], "<unset>")),
    ]
}

pub(super) fn volume(value: &Value, now: Timestamp) -> Vec<Value> {
    let spec = &value["spec"];
    let claim = &spec["claimRef"];
    let claim = if claim.is_object() {
        format!("{}/{}", text(&claim["namespace"], ""), text(&claim["name"], ""))
    } else {
        String::new()
    };
    let [phase, class] = storage(value);
    vec![
        name(value),
        json!(text(&spec["capacity"]["storage"], "0")),
        modes(&spec["accessModes"]),
        json!(text(&spec["persistentVolumeReclaimPolicy"], "")),
        phase,
        json!(claim),
        class,
        json!(text(&spec["volumeAttributesClassName"], "<unset>")),
        json!(text(&value["status"]["reason"], "")),
        created(value, now),
        json!(text(&spec["volumeMode"], "<unset>")),
    ]
}

fn count(map: &Value) -> usize {
    map.as_object().map_or(0, serde_json::Map::len)
}

pub(super) fn secret(value: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(value), json!(text(&value["type"], "")), json!(count(&value["data"])), created(value, now)]
}

pub(super) fn config_map(value: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(value), json!(count(&value["data"]) + count(&value["binaryData"])), created(value, now)]
}

pub(super) fn service_account(value: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(value), created(value, now)]
}
