//! The kubelets of all nodes: what becomes of a pod once it has one.
//!
//! Nothing is remembered of a pod beside when its next step is due: how far it has got stands in its status, so a pod
//! that somebody made by hand, or a world that begins in the middle of a crash loop, goes on from there.

use rand::RngExt;
use serde_json::Value;

use super::context::{Context, Subject, is_deleting};
use super::pod_status::{Facts, Stage, status};
use super::pod_wishes::{Wishes, is_missing};
use super::task::Task;
use crate::clock::rfc3339;
use crate::cluster::DeleteOptions;
use crate::object::{Key, Object};

/// The longest that a crashed container waits, and the step from which it doubles.
const BACK_OFF: (i64, i64) = (300_000, 10_000);
/// A pod that was found in a crash loop stays in it.
const CHRONIC: u32 = u32::MAX;

/// Where a status says that the pod is.
#[derive(Debug, PartialEq)]
enum Seen {
    New,
    Creating,
    Waiting,
    BackingOff,
    Running { ready: bool },
    Done,
}

fn seen(pod: &Value) -> Seen {
    let status = &pod["status"];
    if matches!(status["phase"].as_str(), Some("Succeeded" | "Failed")) {
        return Seen::Done;
    }
    let Some(first) = status["containerStatuses"].get(0) else { return Seen::New };
    match first["state"]["waiting"]["reason"].as_str() {
        Some("CrashLoopBackOff") => Seen::BackingOff,
        Some("ErrImagePull" | "ImagePullBackOff") => Seen::Waiting,
        Some(_) => Seen::Creating,
        None => Seen::Running { ready: first["ready"] == true && is_ready(status) },
    }
}

fn is_ready(status: &Value) -> bool {
    status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|c| c["type"] == "Ready" && c["status"] == "True")
}

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, pod)) = context.get("pods", key) else { return };
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    if context.index.lost.contains(node) && !is_forced(&pod) {
        return;
    }
    if is_deleting(&pod) {
        return stop(context, key, &object, &pod);
    }
    let seen = seen(&pod);
    let wishes = Wishes::of(&pod);
    if seen == Seen::BackingOff {
        context.index.cursed.entry(object.uid).or_insert(CHRONIC);
    }
    let crashes = wishes.crash_after_ms.is_some() || context.index.cursed.contains_key(&object.uid);
    let rests = matches!(seen, Seen::Running { ready: true }) && !crashes && !wishes.ends;
    if rests || seen == Seen::Done {
        return;
    }
    if seen != Seen::New {
        let Some(due) = context.index.due.get(&object.uid).copied() else {
            // Found in the middle: its next step comes soon.
            let pause = context.random.random_range(1_000..8_000);
            return wait(context, key, &object, pause);
        };
        if due > context.steady {
            return context.later(due - context.steady, Task::Kubelet(key.clone()));
        }
    }
    step(context, key, &object, &pod, &seen, &wishes);
}

/// A pod on a lost node stays as it is, unless somebody deletes it without grace.
fn is_forced(pod: &Value) -> bool {
    is_deleting(pod) && pod["metadata"]["deletionGracePeriodSeconds"] == 0
}

/// Comes back after so many milliseconds.
fn wait(context: &mut Context<'_>, key: &Key, object: &Object, after_ms: i64) {
    context.index.due.insert(object.uid, context.steady.saturating_add(after_ms));
    context.later(after_ms, Task::Kubelet(key.clone()));
}

fn step(context: &mut Context<'_>, key: &Key, object: &Object, pod: &Value, seen: &Seen, wishes: &Wishes) {
    let image = pod["spec"]["containers"][0]["image"].as_str().unwrap_or_default().to_owned();
    let container = pod["spec"]["containers"][0]["name"].as_str().unwrap_or_default().to_owned();
    let mut facts = facts(context, pod);
    let now = context.time();
    let about = Subject::pod(key, object.uid);
    let say = |context: &mut Context<'_>, warning: bool, reason: &str, message: &str| {
        context.say(&about, warning, reason, message, "kubelet")
    };
    let restarts = facts.restarts.as_i64().unwrap_or(0);
    let (stage, next) = match seen {
        Seen::New => (Stage::Creating, Some(context.random.random_range(600..2_400))),
        Seen::Creating | Seen::Waiting if is_missing(&image) => {
            let attempt = context.index.attempts.entry(object.uid).or_default();
            *attempt += 1;
            let (attempt, backing) = (*attempt, attempt.is_multiple_of(2));
            if backing {
                say(context, false, "BackOff", &format!("Back-off pulling image \"{image}\""));
            } else {
                say(context, true, "Failed", &format!("Failed to pull image \"{image}\": not found"));
            }
            let reason = if backing { "ImagePullBackOff" } else { "ErrImagePull" };
            let message = if backing {
                format!("Back-off pulling image \"{image}\"")
            } else {
                format!(
                    "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": not found"
                )
            };
            let pause = if backing { (BACK_OFF.1 << (attempt / 2).min(5)).min(BACK_OFF.0) } else { 1_500 };
            (Stage::Waiting { reason: reason.to_owned(), message }, Some(pause))
        }
        Seen::Creating | Seen::Waiting => {
            say(context, false, "Started", &format!("Started container {container}"));
            facts.started.clone_from(&now);
            (Stage::Running { ready: wishes.ready_after_ms == 0 && !wishes.ends }, Some(wishes.first_ms()))
        }
        Seen::BackingOff => {
            facts.last = last(pod);
            facts.started.clone_from(&now);
            facts.restarts = (restarts + 1).into();
            say(context, false, "Started", &format!("Started container {container}"));
            (Stage::Running { ready: false }, Some(wishes.first_ms()))
        }
        Seen::Running { .. } if wishes.ends => (Stage::Done { exit_code: i64::from(wishes.fails) }, None),
        Seen::Running { ready } => {
            let left = context.index.cursed.get(&object.uid).copied().unwrap_or(0);
            if left > 0 || wishes.crash_after_ms.is_some() {
                if left != CHRONIC {
                    context.index.cursed.insert(object.uid, left.saturating_sub(1));
                }
                facts.last = Some((1, facts.started.clone(), now.clone()));
                let pause = (BACK_OFF.1 << restarts.clamp(0, 5)).min(BACK_OFF.0);
                let wait = if pause == BACK_OFF.0 { "5m0s".to_owned() } else { format!("{}s", pause / 1000) };
                let message = format!(
                    "back-off {wait} restarting failed container={container} pod={}_{}({})",
                    key.name, key.namespace, object.uid
                );
                say(
                    context,
                    true,
                    "BackOff",
                    &format!(
                        "Back-off restarting failed container {container} in pod {}_{}({})",
                        key.name, key.namespace, object.uid
                    ),
                );
                (Stage::BackingOff { exit_code: 1, message }, Some(pause))
            } else if *ready {
                context.index.cursed.remove(&object.uid);
                return;
            } else {
                facts.last = last(pod);
                context.index.cursed.remove(&object.uid);
                (Stage::Running { ready: true }, None)
            }
        }
        Seen::Done => return,
    };
    let class = pod["status"]["qosClass"].as_str().unwrap_or("BestEffort");
    let written = status(&pod["spec"], class, &stage, &facts);
    match next {
        Some(pause) => wait(context, key, object, pause),
        None => drop(context.index.due.remove(&object.uid)),
    }
    context.status("pods", key, pod, written);
}

/// How the container ended the last time.
fn last(pod: &Value) -> Option<(i64, String, String)> {
    let ended = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"];
    let text = |key: &str| ended[key].as_str().map(str::to_owned);
    Some((ended["exitCode"].as_i64()?, text("startedAt")?, text("finishedAt")?))
}

fn facts(context: &mut Context<'_>, pod: &Value) -> Facts {
    let status = &pod["status"];
    let first = &status["containerStatuses"][0];
    let now = context.time();
    let text = |value: &Value| value.as_str().map(str::to_owned).filter(|text| !text.is_empty());
    let node = pod["spec"]["nodeName"].as_str().unwrap_or_default();
    let host = text(&status["hostIP"]).unwrap_or_else(|| super::node::address(context.cluster, node));
    let pod_ip = match text(&status["podIP"]) {
        Some(address) => address,
        None if pod["spec"]["hostNetwork"] == true => host.clone(),
        None => {
            context.index.addresses += 1;
            let [_, b, c, d] = context.index.addresses.to_be_bytes();
            format!("10.{}.{c}.{}", 245_u8.saturating_add(b), d.max(1))
        }
    };
    let mut hex = |length: usize| -> String {
        (0..length).map(|_| char::from(b"0123456789abcdef"[context.random.random_range(0..16)])).collect()
    };
    let id = text(&first["containerID"]).unwrap_or_else(|| format!("containerd://{}", hex(64)));
    let digest = text(&first["imageID"])
        .and_then(|id| id.rsplit_once(':').map(|(_, digest)| digest.to_owned()))
        .unwrap_or_else(|| hex(64));
    Facts {
        created: text(&status["startTime"]).unwrap_or_else(|| now.clone()),
        started: text(&first["state"]["running"]["startedAt"]).unwrap_or_else(|| now.clone()),
        changed: now,
        host_ip: host,
        pod_ip,
        container_id: id,
        digest,
        restarts: first["restartCount"].as_i64().unwrap_or(0).into(),
        last: None,
    }
}

/// A pod that is being deleted stops in a second or two, or when its grace ends.
fn stop(context: &mut Context<'_>, key: &Key, object: &Object, pod: &Value) {
    let grace = pod["metadata"]["deletionGracePeriodSeconds"].as_i64().unwrap_or(0).saturating_mul(1000);
    if context.index.stopping.contains(&object.uid) {
        if let Some(due) = context.index.due.get(&object.uid).copied()
            && due > context.steady
        {
            return context.later(due - context.steady, Task::Kubelet(key.clone()));
        }
        let options =
            DeleteOptions { grace: Some(0), uid: Some(object.uid.to_string()), ..DeleteOptions::default() };
        context.delete("pods", key, &options);
        return;
    }
    context.index.stopping.insert(object.uid);
    let container = pod["spec"]["containers"][0]["name"].as_str().unwrap_or_default();
    context.say(
        &Subject::pod(key, object.uid),
        false,
        "Killing",
        &format!("Stopping container {container}"),
        "kubelet",
    );
    let pause = context.random.random_range(800..2_200).min(grace.max(1));
    wait(context, key, object, pause);
}

/// Whole seconds of now, for what others write.
pub(super) fn seconds(now_ms: i64) -> String {
    rfc3339(now_ms.div_euclid(1000))
}
