//! Autoscalers of v1: a percentage of CPU is a field there, and all else that v2 can say is JSON in annotations.

use serde_json::{Map, Value, json};

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

fn is_cpu_percentage(metric: &Value) -> bool {
    metric["type"] == "Resource"
        && metric["resource"]["name"] == "cpu"
        && metric["resource"]["target"]["averageUtilization"].is_number()
}

pub(super) fn to_old(value: &mut Value) {
    let mut notes = Map::new();
    let mut note = |name: &str, value: Value| {
        if value.as_array().is_none_or(|items| !items.is_empty()) {
            notes.insert(name.to_owned(), Value::String(value.to_string()));
        }
    };
    if let Some(spec) = value["spec"].as_object_mut() {
        let metrics = spec.remove("metrics").unwrap_or_default();
        let metrics = metrics.as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(cpu) = metrics.iter().find(|metric| is_cpu_percentage(metric)) {
            let percent = cpu["resource"]["target"]["averageUtilization"].clone();
            spec.insert("targetCPUUtilizationPercentage".to_owned(), percent);
        }
        let others = metrics.iter().filter(|metric| !is_cpu_percentage(metric));
        note(METRICS, others.map(|metric| old_metric(metric, "target")).collect());
        if let Some(behavior) = spec.remove("behavior") {
            note(BEHAVIOR, old_behavior(&behavior));
        }
    }
    if let Some(status) = value["status"].as_object_mut() {
        if let Some(Value::Array(metrics)) = status.remove("currentMetrics") {
            let percent = metrics.iter().find(|m| m["type"] == "Resource" && m["resource"]["name"] == "cpu");
            let percent = percent.map(|cpu| cpu["resource"]["current"]["averageUtilization"].clone());
            if let Some(percent) = percent.filter(Value::is_number) {
                status.insert("currentCPUUtilizationPercentage".to_owned(), percent);
            }
            note(CURRENT, metrics.iter().map(|metric| old_metric(metric, "current")).collect());
        }
        if let Some(conditions) = status.remove("conditions") {
            note(CONDITIONS, conditions);
        }
        // Always written in v1, never when zero in v2.
        status.entry("currentReplicas").or_insert_with(|| json!(0));
    }
    if !notes.is_empty() {
        if !value["metadata"]["annotations"].is_object() {
            value["metadata"]["annotations"] = json!({});
        }
        if let Some(annotations) = value["metadata"]["annotations"].as_object_mut() {
            annotations.extend(notes);
        }
    }
}

pub(super) fn to_new(value: &mut Value) {
    let annotations = value["metadata"].get_mut("annotations").and_then(Value::as_object_mut);
    let [metrics, current, conditions, behavior] = match annotations {
        None => [const { Value::Null }; 4],
        Some(annotations) => [METRICS, CURRENT, CONDITIONS, BEHAVIOR].map(|name| {
            let text = annotations.remove(name);
            text.and_then(|text| serde_json::from_str(text.as_str()?).ok()).unwrap_or_default()
        }),
    };
    if value["metadata"].get("annotations") == Some(&json!({}))
        && let Some(metadata) = value["metadata"].as_object_mut()
    {
        metadata.remove("annotations");
    }
    let all = |list: &Value, inner: &str| {
        list.as_array().into_iter().flatten().map(|metric| new_metric(metric, inner)).collect::<Vec<_>>()
    };
    if let Some(spec) = value["spec"].as_object_mut() {
        let mut metrics = all(&metrics, "target");
        if let Some(percent) = spec.remove("targetCPUUtilizationPercentage") {
            let target = json!({"type": "Utilization", "averageUtilization": percent});
            metrics.push(json!({"type": "Resource", "resource": {"name": "cpu", "target": target}}));
        }
        if !metrics.is_empty() {
            spec.insert("metrics".to_owned(), json!(metrics));
        }
        if behavior.is_object() {
            spec.insert("behavior".to_owned(), new_behavior(&behavior));
        }
    }
    if let Some(status) = value["status"].as_object_mut() {
        let mut metrics = all(&current, "current");
        if let Some(percent) = status.remove("currentCPUUtilizationPercentage")
            && metrics.is_empty()
        {
            let current = json!({"averageUtilization": percent});
            metrics.push(json!({"type": "Resource", "resource": {"name": "cpu", "current": current}}));
        }
        let metrics = if metrics.is_empty() { Value::Null } else { json!(metrics) };
        status.insert("currentMetrics".to_owned(), metrics);
        if conditions.is_array() {
            status.insert("conditions".to_owned(), conditions);
        }
        status.retain(|key, value| key != "currentReplicas" || *value != 0);
    }
}

/// The field of a metric that has its type's name: `ContainerResource` is in `containerResource`.
fn source(metric: &Value) -> String {
    let kind = metric["type"].as_str().unwrap_or_default();
    let (first, rest) = kind.split_at_checked(1).unwrap_or_default();
    format!("{}{rest}", first.to_lowercase())
}

/// Where a value stands in v1: Objects call the average otherwise.
fn value_names(source: &str, inner: &str) -> [(&'static str, String); 3] {
    let average = if source == "object" { "averageValue".to_owned() } else { format!("{inner}AverageValue") };
    [
        ("averageUtilization", format!("{inner}AverageUtilization")),
        ("averageValue", average),
        ("value", format!("{inner}Value")),
    ]
}

/// `inner` is `target` in a spec, `current` in a status.
fn old_metric(metric: &Value, inner: &str) -> Value {
    let source = source(metric);
    let given = &metric[&source];
    let selector = if source == "external" { "metricSelector" } else { "selector" };
    let mut out = Map::new();
    for (value, name) in [
        (&given["name"], "name"),
        (&given["container"], "container"),
        (&given["metric"]["name"], "metricName"),
        (&given["metric"]["selector"], selector),
        (&given["describedObject"], "target"),
    ] {
        if !value.is_null() {
            out.insert(name.to_owned(), value.clone());
        }
    }
    for (new, old) in value_names(&source, inner) {
        if let Some(value) = given[inner].get(new) {
            out.insert(old, value.clone());
        }
    }
    json!({"type": metric["type"], source: out})
}

fn new_metric(metric: &Value, inner: &str) -> Value {
    let source = source(metric);
    let given = &metric[&source];
    let mut out = Map::new();
    for key in ["name", "container"] {
        if let Some(value) = given.get(key) {
            out.insert(key.to_owned(), value.clone());
        }
    }
    if let Some(name) = given.get("metricName") {
        let mut identifier = json!({"name": name});
        if let Some(selector) = given.get("selector").or_else(|| given.get("metricSelector")) {
            identifier["selector"] = selector.clone();
        }
        out.insert("metric".to_owned(), identifier);
    }
    if source == "object" {
        out.insert("describedObject".to_owned(), given["target"].clone());
    }
    let mut values = Map::new();
    for (new, old) in value_names(&source, inner) {
        if let Some(value) = given.get(&old) {
            values.insert(new.to_owned(), value.clone());
        }
    }
    if inner == "target" {
        let kind = match &values {
            values if values.contains_key("averageUtilization") => "Utilization",
            values if values.contains_key("averageValue") => "AverageValue",
            _ => "Value",
        };
        values.insert("type".to_owned(), json!(kind));
    }
    out.insert(inner.to_owned(), Value::Object(values));
    json!({"type": metric["type"], source: out})
}

/// The annotation is the internal type, whose fields have no JSON names of their own.
fn old_behavior(behavior: &Value) -> Value {
    let rules = |rules: &Value| {
        if rules.is_null() {
            return Value::Null;
        }
        let policies =
            rules["policies"].as_array().into_iter().flatten().map(
                |p| json!({"Type": p["type"], "Value": p["value"], "PeriodSeconds": p["periodSeconds"]}),
            );
        json!({
            "StabilizationWindowSeconds": rules["stabilizationWindowSeconds"], "SelectPolicy": rules["selectPolicy"],
            "Policies": policies.collect::<Vec<_>>(), "Tolerance": rules["tolerance"],
        })
    };
    json!({"ScaleUp": rules(&behavior["scaleUp"]), "ScaleDown": rules(&behavior["scaleDown"])})
}

fn new_behavior(behavior: &Value) -> Value {
    let mut out = Map::new();
    for (old, new) in [("ScaleUp", "scaleUp"), ("ScaleDown", "scaleDown")] {
        let given = &behavior[old];
        if given.is_null() {
            continue;
        }
        let policies =
            given["Policies"].as_array().into_iter().flatten().map(
                |p| json!({"type": p["Type"], "value": p["Value"], "periodSeconds": p["PeriodSeconds"]}),
            );
        let mut rules = json!({"policies": policies.collect::<Vec<_>>()});
        for (old, new) in [
            ("StabilizationWindowSeconds", "stabilizationWindowSeconds"),
            ("SelectPolicy", "selectPolicy"),
            ("Tolerance", "tolerance"),
        ] {
            if !given[old].is_null() {
                rules[new] = given[old].clone();
            }
        }
        out.insert(new.to_owned(), rules);
    }
    Value::Object(out)
}
