//! A pod's status as the kubelet writes it, from the pod's own spec and a few facts. The facts are texts, so that the
//! makers of worlds can pass placeholders.
//!
//! ```text
//!   Unschedulable ─▶ Creating ─▶ Running { ready: false } ─▶ Running { ready: true } ─▶ Done
//!                        └─▶ Waiting (an image)   └─▶ BackingOff ⇄ Running
//! ```

use serde_json::{Map, Value, json};

/// How far a pod has got.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Stage {
    Unschedulable {
        message: String,
    },
    Creating,
    /// The image doesn't come.
    Waiting {
        reason: String,
        message: String,
    },
    Running {
        ready: bool,
    },
    /// Crashed, and waits before it is started again: `CrashLoopBackOff`.
    BackingOff {
        exit_code: i64,
        message: String,
    },
    Done {
        exit_code: i64,
    },
}

/// What a status says beside the stage.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub created: String,
    pub started: String,
    /// Of the last transition to ready or unready.
    pub changed: String,
    pub host_ip: String,
    pub pod_ip: String,
    pub container_id: String,
    pub digest: String,
    pub restarts: Value,
    /// How the last run ended, where there was one: exit code, started, finished.
    pub last: Option<(i64, String, String)>,
}

fn condition(kind: &str, ok: bool, at: &str, why: Option<(&str, String)>) -> Value {
    let mut value = json!({
        "type": kind, "status": if ok { "True" } else { "False" }, "lastProbeTime": null, "lastTransitionTime": at,
        "observedGeneration": 1,
    });
    if let Some((reason, message)) = why {
        value["reason"] = json!(reason);
        if !message.is_empty() {
            value["message"] = json!(message);
        }
    }
    value
}

fn reason_of(exit_code: i64) -> &'static str {
    match exit_code {
        0 => "Completed",
        137 => "OOMKilled",
        _ => "Error",
    }
}

fn terminated(facts: &Facts, exit_code: i64, started: &str, finished: &str) -> Value {
    json!({"terminated": {
        "containerID": facts.container_id, "exitCode": exit_code, "reason": reason_of(exit_code),
        "startedAt": started, "finishedAt": finished,
    }})
}

/// `main` is the container that the stage is about; others just run.
fn container_status(container: &Value, stage: &Stage, facts: &Facts, main: bool, init: bool) -> Value {
    let image = container["image"].as_str().unwrap_or_default();
    let repository = image.rsplit_once(':').map_or(image, |(repository, _)| repository);
    let ran = json!({"running": {"startedAt": facts.started}});
    let (state, ready, exists) = match stage {
        Stage::Unschedulable { .. } => (Value::Null, false, false),
        _ if init => (terminated(facts, 0, &facts.started, &facts.started), true, true),
        Stage::Creating => (json!({"waiting": {"reason": "ContainerCreating"}}), false, false),
        Stage::Waiting { reason, message } if main => {
            (json!({"waiting": {"reason": reason, "message": message}}), false, false)
        }
        Stage::BackingOff { message, .. } if main => {
            (json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}}), false, true)
        }
        Stage::Running { ready } => (ran, *ready || !main, true),
        Stage::Done { exit_code } => {
            (terminated(facts, *exit_code, &facts.started, &facts.changed), false, true)
        }
        _ => (ran, true, true),
    };
    let started = state.get("running").is_some();
    let mut status = json!({
        "name": container["name"], "image": image, "ready": ready, "started": started, "state": state,
        "restartCount": if main && !init { facts.restarts.clone() } else { json!(0) },
        "lastState": {}, "imageID": "",
    });
    if init {
        status["started"] = json!(false);
    }
    if exists {
        status["imageID"] = json!(format!("{repository}@sha256:{}", facts.digest));
        status["containerID"] = json!(facts.container_id);
        if main
            && !init
            && let Some((exit_code, from, to)) = &facts.last
        {
            status["lastState"] = terminated(facts, *exit_code, from, to);
        }
    }
    if let Some(resources) = container["resources"].as_object().filter(|r| !r.is_empty()) {
        status["resources"] = json!(resources);
        if let Some(requests) = resources.get("requests") {
            status["allocatedResources"] = requests.clone();
        }
    }
    let mounts: Vec<Value> = container["volumeMounts"].as_array().into_iter().flatten().map(mount).collect();
    if !mounts.is_empty() {
        status["volumeMounts"] = json!(mounts);
    }
    status
}

fn mount(mount: &Value) -> Value {
    let mut status = json!({"name": mount["name"], "mountPath": mount["mountPath"]});
    if mount["readOnly"] == true {
        status["readOnly"] = json!(true);
        status["recursiveReadOnly"] = json!("Disabled");
    }
    status
}

/// The quality of service, which the server has worked out at creation.
fn statuses(spec: &Value, key: &str, stage: &Stage, facts: &Facts) -> Vec<Value> {
    let containers = spec[key].as_array().into_iter().flatten();
    let init = key == "initContainers";
    containers.enumerate().map(|(index, c)| container_status(c, stage, facts, index == 0, init)).collect()
}

pub(crate) fn status(spec: &Value, class: &str, stage: &Stage, facts: &Facts) -> Value {
    let mut status = Map::new();
    status.insert("qosClass".to_owned(), json!(class));
    status.insert("observedGeneration".to_owned(), json!(1));
    if let Stage::Unschedulable { message } = stage {
        status.insert("phase".to_owned(), json!("Pending"));
        let why = Some(("Unschedulable", message.clone()));
        status
            .insert("conditions".to_owned(), json!([condition("PodScheduled", false, &facts.created, why)]));
        return Value::Object(status);
    }
    let ready = *stage == Stage::Running { ready: true };
    let done = matches!(stage, Stage::Done { .. });
    let names: Vec<&str> = spec["containers"]
        .as_array()
        .into_iter()
        .flatten()
        .take(1)
        .filter_map(|c| c["name"].as_str())
        .collect();
    let why = match stage {
        _ if ready => None,
        Stage::Done { exit_code: 0 } => Some(("PodCompleted", String::new())),
        Stage::Done { .. } => Some(("PodFailed", String::new())),
        _ => Some(("ContainersNotReady", format!("containers with unready status: [{}]", names.join(" ")))),
    };
    let initialized = matches!(stage, Stage::Done { exit_code: 0 }).then(|| ("PodCompleted", String::new()));
    let sandbox = !done && *stage != Stage::Creating;
    let conditions = json!([
        condition("PodReadyToStartContainers", sandbox, &facts.started, None),
        condition("Initialized", true, &facts.created, initialized),
        condition("Ready", ready, &facts.changed, why.clone()),
        condition("ContainersReady", ready, &facts.changed, why),
        condition("PodScheduled", true, &facts.created, None),
    ]);
    let phase = match stage {
        Stage::Creating | Stage::Waiting { .. } => "Pending",
        Stage::Done { exit_code: 0 } => "Succeeded",
        Stage::Done { .. } => "Failed",
        _ => "Running",
    };
    status.insert("phase".to_owned(), json!(phase));
    status.insert("conditions".to_owned(), conditions);
    status.insert("hostIP".to_owned(), json!(facts.host_ip));
    status.insert("hostIPs".to_owned(), json!([{"ip": facts.host_ip}]));
    status.insert("startTime".to_owned(), json!(facts.created));
    if *stage != Stage::Creating && !facts.pod_ip.is_empty() {
        status.insert("podIP".to_owned(), json!(facts.pod_ip));
        status.insert("podIPs".to_owned(), json!([{"ip": facts.pod_ip}]));
    }
    if spec["initContainers"].as_array().is_some_and(|c| !c.is_empty()) {
        let init = statuses(spec, "initContainers", stage, facts);
        status.insert("initContainerStatuses".to_owned(), json!(init));
    }
    status.insert("containerStatuses".to_owned(), json!(statuses(spec, "containers", stage, facts)));
    Value::Object(status)
}
