//! Jobs: pods that end, as many as have to succeed, until too many have failed.

use serde_json::{Value, json};

use super::context::{Context, Subject, is_deleting, owner_of};
use super::replica_set::from_template;
use super::task::Task;
use crate::cluster::{DeleteOptions, Propagation};
use crate::object::{Key, Object};

const JOBS: &str = "jobs.batch";

fn is_finished(job: &Value) -> bool {
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    conditions
        .filter(|c| c["status"] == "True")
        .any(|c| matches!(c["type"].as_str(), Some("Complete" | "Failed")))
}

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, job)) = context.get(JOBS, key) else { return };
    if is_deleting(&job) {
        return;
    }
    if is_finished(&job) {
        return expire(context, key, &object, &job);
    }
    if job["spec"]["suspend"] == true {
        return;
    }
    let spec = &job["spec"];
    let pods = context.index.pods_of(object.uid);
    let phases: Vec<String> = pods
        .iter()
        .filter_map(|(pod, _)| {
            Some(context.get("pods", pod)?.1["status"]["phase"].as_str().unwrap_or("Pending").to_owned())
        })
        .collect();
    let count =
        |phase: &str| i64::try_from(phases.iter().filter(|found| *found == phase).count()).unwrap_or(0);
    let (succeeded, failed) = (count("Succeeded"), count("Failed"));
    let active =
        i64::try_from(pods.iter().filter(|(_, pod)| !pod.done && !pod.deleting).count()).unwrap_or(0);
    let ready = pods.iter().filter(|(_, pod)| pod.ready && !pod.done).count();
    let parallel = spec["parallelism"].as_i64().unwrap_or(1);
    let wanted = spec["completions"].as_i64().unwrap_or(parallel);
    let limit = spec["backoffLimit"].as_i64().unwrap_or(6);
    let now = context.time();
    let about = Subject::new("batch/v1", "Job", key, object.uid);
    let mut status = json!({"ready": ready, "terminating": 0, "uncountedTerminatedPods": {}});
    status["startTime"] = job["status"].get("startTime").cloned().unwrap_or(json!(now));
    for (name, count) in [("succeeded", succeeded), ("failed", failed)] {
        if count > 0 {
            status[name] = json!(count);
        }
    }
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastProbeTime": now, "lastTransitionTime": now});
    if succeeded >= wanted {
        let message = "Reached expected number of succeeded pods";
        status["completionTime"] = json!(now);
        status["conditions"] = json!([
            condition("SuccessCriteriaMet", "CompletionsReached", message),
            condition("Complete", "CompletionsReached", message)
        ]);
        context.say(&about, false, "Completed", "Job completed", "job-controller");
    } else if failed > limit {
        let message = "Job has reached the specified backoff limit";
        status["conditions"] = json!([
            condition("FailureTarget", "BackoffLimitExceeded", message),
            condition("Failed", "BackoffLimitExceeded", message)
        ]);
        context.say(&about, true, "BackoffLimitExceeded", message, "job-controller");
        for (pod, _) in pods.iter().filter(|(_, pod)| !pod.done) {
            context.delete("pods", pod, &DeleteOptions::default());
        }
    } else {
        let missing = (wanted - succeeded).min(parallel) - active;
        for _ in 0..missing.max(0) {
            let pod = from_template(
                context,
                &spec["template"],
                &format!("{}-", key.name),
                owner_of("batch/v1", "Job", &key.name, object.uid),
            );
            context.create_pod(&about, pod, "job-controller");
        }
        let active = active + missing.max(0);
        if active > 0 {
            status["active"] = json!(active);
        }
    }
    context.status(JOBS, key, &job, status);
}

/// `ttlSecondsAfterFinished`.
fn expire(context: &mut Context<'_>, key: &Key, object: &Object, job: &Value) {
    let Some(ttl) = job["spec"]["ttlSecondsAfterFinished"].as_i64() else { return };
    let conditions = job["status"]["conditions"].as_array().into_iter().flatten();
    let ended =
        conditions.filter_map(|c| c["lastTransitionTime"].as_str()?.parse::<jiff::Timestamp>().ok()).max();
    let left = ended.map_or(0, |at| at.as_millisecond() + ttl * 1000 - context.now);
    if left > 0 {
        return context.later(left, Task::Job(key.clone()));
    }
    let options = DeleteOptions {
        propagation: Some(Propagation::Background),
        uid: Some(object.uid.to_string()),
        ..DeleteOptions::default()
    };
    context.delete(JOBS, key, &options);
}
