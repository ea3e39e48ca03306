//! What runs pods.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;
use super::cells::{condition, containers, created, items, labels, name, number, selector, text};

fn pod_template(value: &Value) -> &Value {
    &value["spec"]["template"]["spec"]
}

pub(super) fn deployment(value: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&value["spec"], &value["status"]);
    let [names, images] = containers(pod_template(value));
    vec![
        name(value),
        json!(format!("{}/{}", number(&status["readyReplicas"]), number(&spec["replicas"]))),
        json!(number(&status["updatedReplicas"])),
        json!(number(&status["availableReplicas"])),
        created(value, now),
        names,
        images,
        selector(&spec["selector"]),
    ]
}

pub(super) fn replica_set(value: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&value["spec"], &value["status"]);
    let [names, images] = containers(pod_template(value));
    vec![
        name(value),
        json!(number(&spec["replicas"])),
        json!(number(&status["replicas"])),
        json!(number(&status["readyReplicas"])),
        created(value, now),
        names,
        images,
        selector(&spec["selector"]),
    ]
}

pub(super) fn stateful_set(value: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(pod_template(value));
    let (ready, wanted) = (number(&value["status"]["readyReplicas"]), number(&value["spec"]["replicas"]));
    vec![name(value), json!(format!("{ready}/{wanted}")), created(value, now), names, images]
}

pub(super) fn daemon_set(value: &Value, now: Timestamp) -> Vec<Value> {
    let count = |key: &str| json!(number(&value["status"][key]));
    let [names, images] = containers(pod_template(value));
    vec![
        name(value),
        count("desiredNumberScheduled"),
        count("currentNumberScheduled"),
        count("numberReady"),
        count("updatedNumberScheduled"),
        count("numberAvailable"),
        labels(&pod_template(value)["nodeSelector"]),
        created(value, now),
        names,
        images,
        selector(&value["spec"]["selector"]),
    ]
}

pub(super) fn job(value: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&value["spec"], &value["status"]);
    let (succeeded, parallelism) = (number(&status["succeeded"]), number(&spec["parallelism"]));
    let completions = match spec["completions"].as_i64() {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    };
    let duration = age::parse(&status["startTime"]).map_or_else(String::new, |start| {
        age::human(age::parse(&status["completionTime"]).unwrap_or(now).duration_since(start))
    });
    let is = |kind: &str| condition(value, kind).is_some_and(|condition| condition["status"] == "True");
    let state = match () {
        () if is("Complete") => "Complete",
        () if is("Failed") => "Failed",
        () if value["metadata"]["deletionTimestamp"].is_string() => "Terminating",
        () if is("Suspended") => "Suspended",
        () if is("FailureTarget") => "FailureTarget",
        () if is("SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    };
    let [names, images] = containers(pod_template(value));
    vec![
        name(value),
        json!(state),
        json!(completions),
        json!(duration),
        created(value, now),
        names,
        images,
        selector(&spec["selector"]),
    ]
}

pub(super) fn cron_job(value: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&value["spec"], &value["status"]);
    let last = &status["lastScheduleTime"];
    let last = if last.is_string() { age::since(last, now) } else { "<none>".to_owned() };
    let suspended = match spec["suspend"].as_bool() {
        Some(true) => "True",
        Some(false) => "False",
        None => "<unset>",
    };
    let job = &spec["jobTemplate"]["spec"];
    let [names, images] = containers(&job["template"]["spec"]);
    vec![
        name(value),
        json!(text(&spec["schedule"], "")),
        json!(text(&spec["timeZone"], "<none>")),
        json!(suspended),
        json!(items(&status["active"]).len()),
        json!(last),
        created(value, now),
        names,
        images,
        selector(&job["selector"]),
    ]
}

/// `current/target` of one metric.
fn metric(metric: &Value, status: Option<&Value>) -> String {
    let source = match text(&metric["type"], "") {
        "External" => "external",
        "Pods" => "pods",
        "Object" => "object",
        "Resource" => "resource",
        "ContainerResource" => "containerResource",
        _ => return "<unknown type>".to_owned(),
    };
    let target = &metric[source]["target"];
    let current = status.map(|status| &status[source]["current"]).filter(|current| current.is_object());
    let current = |key: &str| {
        let value = current.and_then(|current| current[key].as_str());
        // Go's zero quantity, where there is a status without a value.
        value.unwrap_or(if current.is_some() { "0" } else { "<unknown>" }).to_owned()
    };
    let average = target["averageValue"].as_str();
    if source.ends_with("esource") {
        let name = text(&metric[source]["name"], "");
        if let Some(average) = average {
            return format!("{name}: {}/{average}", current("averageValue"));
        }
        let percent = |value: &Value| value.as_i64().map(|percent| format!("{percent}%"));
        let now = status.and_then(|status| percent(&status[source]["current"]["averageUtilization"]));
        let wanted = percent(&target["averageUtilization"]);
        return format!(
            "{name}: {}/{}",
            now.as_deref().unwrap_or("<unknown>"),
            wanted.as_deref().unwrap_or("<auto>")
        );
    }
    match average {
        Some(average) if source == "pods" => format!("{}/{average}", current("averageValue")),
        Some(average) => format!("{}/{average} (avg)", current("averageValue")),
        None => format!("{}/{}", current("value"), text(&target["value"], "0")),
    }
}

pub(super) fn autoscaler(value: &Value, now: Timestamp) -> Vec<Value> {
    const SHOWN: usize = 2;
    let (spec, status) = (&value["spec"], &value["status"]);
    let target = &spec["scaleTargetRef"];
    let current = items(&status["currentMetrics"]);
    let all: Vec<String> =
        items(&spec["metrics"]).iter().enumerate().map(|(at, m)| metric(m, current.get(at))).collect();
    let metrics = match all.len() {
        0 => "<none>".to_owned(),
        count if count > SHOWN => format!("{} + {} more...", all[..SHOWN].join(", "), count - SHOWN),
        _ => all.join(", "),
    };
    vec![
        name(value),
        json!(format!("{}/{}", text(&target["kind"], ""), text(&target["name"], ""))),
        json!(metrics),
        json!(spec["minReplicas"].as_i64().map_or("<unset>".to_owned(), |least| least.to_string())),
        json!(number(&spec["maxReplicas"])),
        json!(number(&status["currentReplicas"])),
        created(value, now),
    ]
}
