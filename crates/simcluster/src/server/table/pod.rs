//! The cells of a pod, whose status is a story told by its containers.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::age;
use super::cells::{condition, created, items, name, number, text};

fn restarts_always(container: &Value) -> bool {
    container["restartPolicy"] == "Always"
}

/// Why a container has ended, in a word.
fn end(terminated: &Value) -> String {
    if !text(&terminated["reason"], "").is_empty() {
        return text(&terminated["reason"], "").to_owned();
    }
    match number(&terminated["signal"]) {
        0 => format!("ExitCode:{}", number(&terminated["exitCode"])),
        signal => format!("Signal:{signal}"),
    }
}

/// Restarts, and when the last one was.
#[derive(Default, Clone, Copy)]
struct Restarts {
    count: i64,
    last: Option<Timestamp>,
}

impl Restarts {
    fn add(&mut self, status: &Value) {
        self.count += number(&status["restartCount"]);
        self.last = self.last.max(age::parse(&status["lastState"]["terminated"]["finishedAt"]));
    }
}

struct Story {
    reason: String,
    ready: usize,
    restarts: Restarts,
}

/// The init containers, in order, up to the first that isn't done: what it waits for, and whether it still does. The
/// second of the restarts are those of init containers that go on beside the others.
fn initialise(value: &Value, story: &mut Story) -> (bool, Restarts) {
    let declared = items(&value["spec"]["initContainers"]);
    let mut beside = Restarts::default();
    for (index, status) in items(&value["status"]["initContainerStatuses"]).iter().enumerate() {
        let goes_on = declared.iter().any(|c| c["name"] == status["name"] && restarts_always(c));
        story.restarts.add(status);
        if goes_on {
            beside.add(status);
        }
        let (terminated, waiting) = (&status["state"]["terminated"], &status["state"]["waiting"]);
        if terminated.is_object() && number(&terminated["exitCode"]) == 0 {
            continue;
        }
        if goes_on && status["started"] == true {
            story.ready += usize::from(status["ready"] == true);
            continue;
        }
        story.reason = if terminated.is_object() {
            format!("Init:{}", end(terminated))
        } else if !matches!(text(&waiting["reason"], ""), "" | "PodInitializing") {
            format!("Init:{}", text(&waiting["reason"], ""))
        } else {
            format!("Init:{index}/{}", declared.len())
        };
        return (true, beside);
    }
    (false, beside)
}

fn run(value: &Value, story: &mut Story) {
    let (mut running, mut error) = (false, None);
    for status in items(&value["status"]["containerStatuses"]).iter().rev() {
        story.restarts.add(status);
        let state = &status["state"];
        if !text(&state["waiting"]["reason"], "").is_empty() {
            text(&state["waiting"]["reason"], "").clone_into(&mut story.reason);
        } else if state["terminated"].is_object() {
            story.reason = end(&state["terminated"]);
            if number(&state["terminated"]["exitCode"]) != 0 {
                error = Some(story.reason.clone());
            }
        } else if status["ready"] == true && state["running"].is_object() {
            running = true;
            story.ready += 1;
        }
    }
    if story.reason == "Completed" {
        let ready = condition(value, "Ready").is_some_and(|ready| ready["status"] == "True");
        match error {
            _ if running && ready => "Running".clone_into(&mut story.reason),
            Some(error) => story.reason = error,
            None if running => "NotReady".clone_into(&mut story.reason),
            None => {}
        }
    }
}

pub(super) fn pod(value: &Value, now: Timestamp) -> Vec<Value> {
    let (spec, status) = (&value["spec"], &value["status"]);
    let phase = text(&status["phase"], "");
    let reason = text(&status["reason"], phase).to_owned();
    let mut story = Story { reason, ready: 0, restarts: Restarts::default() };
    if condition(value, "PodScheduled").is_some_and(|c| c["reason"] == "SchedulingGated") {
        "SchedulingGated".clone_into(&mut story.reason);
    }
    let (initialising, beside) = initialise(value, &mut story);
    if !initialising || condition(value, "Initialized").is_some_and(|c| c["status"] == "True") {
        story.restarts = beside;
        run(value, &mut story);
    }
    if value["metadata"]["deletionTimestamp"].is_string() {
        if status["reason"] == "NodeLost" {
            "Unknown".clone_into(&mut story.reason);
        } else if !matches!(phase, "Succeeded" | "Failed") {
            "Terminating".clone_into(&mut story.reason);
        }
    }
    let restarts = match story.restarts {
        Restarts { count, last: Some(last) } if count != 0 => {
            format!("{count} ({} ago)", age::human(now.duration_since(last)))
        }
        restarts => restarts.count.to_string(),
    };
    let beside = items(&spec["initContainers"]).iter().filter(|container| restarts_always(container));
    let total = items(&spec["containers"]).len() + beside.count();
    let gates = items(&spec["readinessGates"]);
    let open = gates.iter().filter(|gate| {
        condition(value, text(&gate["conditionType"], "")).is_some_and(|c| c["status"] == "True")
    });
    let gates =
        if gates.is_empty() { "<none>".to_owned() } else { format!("{}/{}", open.count(), gates.len()) };
    vec![
        name(value),
        json!(format!("{}/{total}", story.ready)),
        json!(story.reason),
        json!(restarts),
        created(value, now),
        json!(text(&status["podIPs"][0]["ip"], "<none>")),
        json!(text(&spec["nodeName"], "<none>")),
        json!(text(&status["nominatedNodeName"], "<none>")),
        json!(gates),
    ]
}
