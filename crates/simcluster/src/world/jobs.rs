//! Cron jobs with the jobs of their last runs.

use std::sync::Arc;

use rand::RngExt;
use serde_json::{Value, json};

use super::events::{self, Said, Subject};
use super::pods::{self, Owner, Room, Set};
use super::site::{At, DAY, Site, text};
use crate::controllers::pod_status::Stage;
use crate::object::{Slot, Uid, intern};

/// Name, schedule, minutes between two runs.
pub(super) const SCHEDULES: &[(&str, &str, i64)] = &[
    ("reconcile", "*/15 * * * *", 15),
    ("nightly-export", "0 3 * * *", 1440),
    ("cleanup", "30 * * * *", 60),
    ("report", "0 6 * * *", 1440),
];

/// How many objects one makes, at most.
pub(super) const SIZE: usize = 14;
const RUNS: i64 = 3;

pub(super) fn add(
    site: &mut Site<'_>,
    namespace: &str,
    team: &str,
    (name, schedule, minutes): (&str, &str, i64),
    failing: bool,
) {
    let name = &format!("{team}-{name}");
    let labels = json!({"app.kubernetes.io/name": name, "acme.example/team": team});
    let template = template(team, name, &labels);
    let uid = site.uid();
    let period = minutes * 60;
    let last = site.now - site.now % period;
    for run in 0..RUNS {
        let failed = failing && run == 0;
        job(site, namespace, name, uid, &template, (last - run * period, failed));
    }
    let slots = [("last", Slot::Time(last)), ("ended", Slot::Time((last + 65).min(site.now - 1)))];
    let created = site.ago(60 * DAY, 300 * DAY);
    let at = At { namespace, name: intern(name), created, uid };
    site.add("batch/v1/cronjobs", &format!("{namespace}/{name}"), at, &slots, || {
        json!({
            "metadata": {"labels": labels},
            "spec": {
                "schedule": schedule, "concurrencyPolicy": "Forbid", "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1,
                "jobTemplate": {"metadata": {"labels": labels}, "spec": {"backoffLimit": 2, "template": template}},
            },
            "status": {"lastScheduleTime": "${last}", "lastSuccessfulTime": "${ended}"},
        })
    });
}

fn template(team: &str, name: &str, labels: &Value) -> Value {
    json!({
        "metadata": {"labels": labels},
        "spec": {
            "restartPolicy": "Never", "priorityClassName": "batch-low",
            "nodeSelector": {"acme.example/pool": "batch"},
            "tolerations": [{"key": "acme.example/pool", "operator": "Equal", "value": "batch", "effect": "NoSchedule"}],
            "containers": [{
                "name": "job", "image": format!("registry.acme.example/{team}/jobs:${{tag}}"), "args": [name],
                "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
            }],
        },
    })
}

/// The time of a run in minutes is the name of its job, as the cron job controller has it.
fn job(
    site: &mut Site<'_>,
    namespace: &str,
    cron: &str,
    owner: Uid,
    template: &Value,
    (at, failed): (i64, bool),
) {
    let name = intern(&format!("{cron}-{}", at / 60));
    let uid = site.uid();
    let took = site.rng.random_range(18..58);
    let job_owner = Owner { api_version: "batch/v1", kind: "Job", name: Arc::clone(&name), uid };
    let own = json!({
        "batch.kubernetes.io/controller-uid": "${owneruid}", "batch.kubernetes.io/job-name": "${owner}", "controller-uid": "${owneruid}", "job-name": "${owner}",
    });
    let form = format!("{namespace}/{cron}");
    let set = Set {
        form: &form,
        namespace,
        owner: &job_owner,
        template,
        tag: "2026.11.2",
        needs: (0, 0),
        labels: own,
        slots: Vec::new(),
        seed: &form,
        priority: Some(("batch-low", -100)),
    };
    let age = (site.now - at - 1).max(2);
    for _ in 0..if failed { 3 } else { 1 } {
        let pod = pods::name(site, &name);
        let stage = Stage::Done { exit_code: i64::from(failed) };
        pods::add(site, &set, pod, &Room::Pool("batch"), &stage, ((age - 2).max(1), age));
    }
    let slots = [
        ("owner", Slot::Uid(owner)),
        ("ownername", text(cron)),
        ("tag", text(set.tag)),
        ("started", Slot::Time(at + 1)),
        ("ended", Slot::Time((at + took + 2).min(site.now))),
        ("planned", Slot::Time(at)),
    ];
    let place = At { namespace, name: Arc::clone(&name), created: at + 1, uid };
    site.add("batch/v1/jobs", &format!("{form}/{failed}"), place, &slots, || body(cron, template, failed));
    let subject = Subject { api_version: "batch/v1", kind: "Job", name, uid };
    if failed {
        let message = "Job has reached the specified backoff limit";
        events::add(
            site,
            namespace,
            &subject,
            &Said::warning("BackoffLimitExceeded", message, "job-controller", 1),
        );
    } else if site.now - at < 3_600 {
        events::add(site, namespace, &subject, &Said::normal("Completed", "Job completed", "job-controller"));
    }
}

fn body(cron: &str, template: &Value, failed: bool) -> Value {
    let labels = json!({"batch.kubernetes.io/controller-uid": "${uid}", "batch.kubernetes.io/job-name": "${name}", "controller-uid": "${uid}", "job-name": "${name}"});
    let mut template = template.clone();
    for (key, value) in labels.as_object().into_iter().flatten() {
        template["metadata"]["labels"][key] = value.clone();
    }
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "reason": reason, "message": message, "lastProbeTime": "${ended}", "lastTransitionTime": "${ended}"});
    let status = match failed {
        true => json!({
            "startTime": "${started}", "failed": 3, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {},
            "conditions": [
                condition("FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit"),
                condition("Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"),
            ],
        }),
        false => json!({
            "startTime": "${started}", "completionTime": "${ended}", "succeeded": 1, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {},
            "conditions": [
                condition("SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods"),
                condition("Complete", "CompletionsReached", "Reached expected number of succeeded pods"),
            ],
        }),
    };
    json!({
        "metadata": {
            "labels": {"app.kubernetes.io/name": cron}, "annotations": {"batch.kubernetes.io/cronjob-scheduled-timestamp": "${planned}"},
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "CronJob", "name": "${ownername}", "uid": "${owner}", "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {"backoffLimit": 2, "completions": 1, "parallelism": 1, "template": template},
        "status": status,
    })
}
