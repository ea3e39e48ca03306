//! Pods and what makes them.

use fleetgraph_core::HealthState::{Degraded, Healthy, Progressing, Suspended, Unknown};
use kinds::{
    CronJob, DaemonSet, Deployment, HorizontalPodAutoscaler, Job, Pod, PodDisruptionBudget, ReplicaSet,
    StatefulSet,
};
use serde_json::json;

use crate::check;

#[test]
fn pods_are_judged_as_argo_cd_judges_them() {
    let ready = json!([{"type": "Ready", "status": "True"}]);
    check::<Pod>(&[
        ("running and ready", json!({"status": {"phase": "Running", "conditions": ready}}), Healthy, ""),
        ("without a status", json!({}), Progressing, "Pending"),
        (
            "crash loop",
            json!({"status": {"phase": "Running", "containerStatuses": [
                {"name": "a", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
            Degraded,
            "CrashLoopBackOff",
        ),
        (
            "image missing",
            json!({"status": {"phase": "Pending", "containerStatuses": [
                {"name": "a", "state": {"waiting": {"reason": "ErrImagePull"}}}]}}),
            Degraded,
            "ErrImagePull",
        ),
        (
            "unschedulable",
            json!({"status": {"phase": "Pending", "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}}),
            Progressing,
            "Unschedulable",
        ),
        (
            "starting",
            json!({"status": {"phase": "Pending", "containerStatuses": [
                {"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}}]}}),
            Progressing,
            "ContainerCreating",
        ),
        ("done", json!({"status": {"phase": "Succeeded"}}), Healthy, "Completed"),
        (
            "out of memory",
            json!({"status": {"phase": "Failed", "containerStatuses": [
                {"name": "a", "state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}}),
            Degraded,
            "OOMKilled",
        ),
        ("evicted", json!({"status": {"phase": "Failed", "reason": "Evicted"}}), Degraded, "Evicted"),
        ("node gone", json!({"status": {"phase": "Unknown"}}), Unknown, "NodeLost"),
        ("a phase that nobody knows", json!({"status": {"phase": "Dreaming"}}), Unknown, "UnknownPhase"),
        ("running but not ready", json!({"status": {"phase": "Running"}}), Progressing, "NotReady"),
        (
            "a task that runs",
            json!({"spec": {"restartPolicy": "Never"}, "status": {"phase": "Running", "conditions": ready}}),
            Progressing,
            "Running",
        ),
        (
            "an init container in a crash loop",
            json!({"status": {"phase": "Pending", "initContainerStatuses": [
                {"name": "i", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}),
            Degraded,
            "CrashLoopBackOff",
        ),
        (
            "restarted and not ready again",
            json!({"status": {"phase": "Running", "containerStatuses": [
                {"name": "a", "state": {"running": {}},
                 "lastState": {"terminated": {"reason": "Error", "exitCode": 1}}}]}}),
            Degraded,
            "Error",
        ),
    ]);
}

#[test]
fn deployments_are_judged_as_argo_cd_judges_them() {
    let seen = json!({"generation": 3});
    let wants = json!({"replicas": 3});
    check::<Deployment>(&[
        (
            "rolled out",
            json!({"metadata": seen, "spec": wants, "status": {"observedGeneration": 3, "replicas": 3,
                "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}}),
            Healthy,
            "",
        ),
        (
            "scaled to zero",
            json!({"metadata": seen, "spec": {"replicas": 0}, "status": {"observedGeneration": 3}}),
            Healthy,
            "",
        ),
        (
            "paused, whatever its pods do",
            json!({"metadata": seen, "spec": {"replicas": 3, "paused": true}, "status": {"observedGeneration": 2}}),
            Suspended,
            "Paused",
        ),
        (
            "changed since the controller looked",
            json!({"metadata": {"generation": 4}, "spec": wants, "status": {"observedGeneration": 3, "replicas": 3,
                "updatedReplicas": 3, "availableReplicas": 3}}),
            Progressing,
            "NotObserved",
        ),
        (
            "past its deadline",
            json!({"metadata": seen, "spec": wants, "status": {"observedGeneration": 3, "replicas": 3,
                "updatedReplicas": 1, "availableReplicas": 2, "conditions": [
                {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
                {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}}),
            Degraded,
            "ProgressDeadlineExceeded",
        ),
        (
            "making new pods",
            json!({"metadata": seen, "spec": wants, "status": {"observedGeneration": 3, "replicas": 4,
                "updatedReplicas": 1, "availableReplicas": 3, "conditions": [
                {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]}}),
            Progressing,
            "PodsUpdating",
        ),
        (
            "removing old pods",
            json!({"metadata": seen, "spec": wants, "status": {"observedGeneration": 3, "replicas": 4,
                "updatedReplicas": 3, "availableReplicas": 4}}),
            Progressing,
            "OldPodsTerminating",
        ),
        (
            "waiting for pods to be available",
            json!({"metadata": seen, "spec": wants, "status": {"observedGeneration": 3, "replicas": 3,
                "updatedReplicas": 3, "availableReplicas": 2, "unavailableReplicas": 1}}),
            Progressing,
            "PodsUnavailable",
        ),
        (
            "just created, without a status",
            json!({"metadata": {"generation": 1}, "spec": wants}),
            Progressing,
            "NotObserved",
        ),
        (
            "with nulls everywhere",
            json!({"metadata": seen, "spec": {"replicas": null, "paused": null, "template": null, "strategy": null},
                "status": {"observedGeneration": 3, "replicas": null, "conditions": null}}),
            Progressing,
            "PodsUpdating",
        ),
        (
            "without anything",
            json!({"metadata": null, "spec": null, "status": null}),
            Progressing,
            "PodsUpdating",
        ),
    ]);
}

#[test]
fn replica_sets_are_judged_as_argo_cd_judges_them() {
    check::<ReplicaSet>(&[
        (
            "complete",
            json!({"metadata": {"generation": 1}, "spec": {"replicas": 2},
                "status": {"observedGeneration": 1, "replicas": 2, "availableReplicas": 2}}),
            Healthy,
            "",
        ),
        (
            "old and empty",
            json!({"metadata": {"generation": 5}, "spec": {"replicas": 0},
                "status": {"observedGeneration": 5, "replicas": 0}}),
            Healthy,
            "",
        ),
        (
            "kept from making pods by a quota",
            json!({"metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": {"observedGeneration": 1,
                "replicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": "pods \"cart\" is forbidden: exceeded quota"}]}}),
            Degraded,
            "FailedCreate",
        ),
        (
            "no longer kept from making pods",
            json!({"metadata": {"generation": 1}, "spec": {"replicas": 2}, "status": {"observedGeneration": 1,
                "replicas": 2, "availableReplicas": 1, "conditions": [{"type": "ReplicaFailure", "status": "False"}]}}),
            Progressing,
            "PodsUnavailable",
        ),
        (
            "scaled since the controller looked",
            json!({"metadata": {"generation": 2}, "spec": {"replicas": 2},
                "status": {"observedGeneration": 1, "availableReplicas": 2}}),
            Progressing,
            "NotObserved",
        ),
        ("without a status", json!({}), Progressing, "PodsUnavailable"),
    ]);
}

#[test]
fn stateful_sets_are_judged_as_argo_cd_judges_them() {
    let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});
    check::<StatefulSet>(&[
        (
            "rolled out",
            json!({"metadata": {"generation": 2}, "spec": {"replicas": 3, "updateStrategy": rolling}, "status": {
                "observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 3,
                "currentRevision": "cart-5d", "updateRevision": "cart-5d"}}),
            Healthy,
            "",
        ),
        (
            "in the middle of an update",
            json!({"metadata": {"generation": 3}, "spec": {"replicas": 3, "updateStrategy": rolling}, "status": {
                "observedGeneration": 3, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 1,
                "currentRevision": "cart-5d", "updateRevision": "cart-6f"}}),
            Progressing,
            "PodsUpdating",
        ),
        (
            "updated down to its partition",
            json!({"metadata": {"generation": 3}, "spec": {"replicas": 3, "updateStrategy":
                {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}, "status": {"observedGeneration": 3,
                "readyReplicas": 3, "updatedReplicas": 1, "currentRevision": "cart-5d", "updateRevision": "cart-6f"}}),
            Healthy,
            "",
        ),
        (
            "updated by no partition, with two revisions",
            json!({"metadata": {"generation": 3}, "spec": {"replicas": 1}, "status": {"observedGeneration": 3,
                "readyReplicas": 1, "currentRevision": "cart-5d", "updateRevision": "cart-6f"}}),
            Progressing,
            "PodsUpdating",
        ),
        (
            "updated by hand only",
            json!({"metadata": {"generation": 3}, "spec": {"replicas": 2, "updateStrategy": {"type": "OnDelete"}},
                "status": {"observedGeneration": 3, "readyReplicas": 2, "updatedReplicas": 0,
                "currentRevision": "cart-5d", "updateRevision": "cart-6f"}}),
            Healthy,
            "",
        ),
        (
            "with a pod that isn't ready",
            json!({"metadata": {"generation": 2}, "spec": {"replicas": 3, "updateStrategy": rolling}, "status": {
                "observedGeneration": 2, "replicas": 3, "readyReplicas": 2, "updatedReplicas": 3}}),
            Progressing,
            "PodsNotReady",
        ),
        ("without a status", json!({"metadata": {"generation": 1}}), Progressing, "NotObserved"),
        (
            "changed since the controller looked",
            json!({"metadata": {"generation": 3}, "spec": {"replicas": 0}, "status": {"observedGeneration": 2}}),
            Progressing,
            "NotObserved",
        ),
        (
            "with a strategy that nobody knows",
            json!({"metadata": {"generation": 1}, "spec": {"replicas": 1, "updateStrategy": {"type": "Sideways"}},
                "status": {"observedGeneration": 1, "readyReplicas": 1, "currentRevision": "a", "updateRevision": "a",
                "conditions": null}}),
            Healthy,
            "",
        ),
    ]);
}

#[test]
fn daemon_sets_are_judged_as_argo_cd_judges_them() {
    check::<DaemonSet>(&[
        (
            "on every node",
            json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "desiredNumberScheduled": 4,
                "currentNumberScheduled": 4, "numberReady": 4, "updatedNumberScheduled": 4, "numberAvailable": 4}}),
            Healthy,
            "",
        ),
        (
            "for no node",
            json!({"metadata": {"generation": 1}, "status": {"observedGeneration": 1, "desiredNumberScheduled": 0}}),
            Healthy,
            "",
        ),
        (
            "in the middle of an update",
            json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "desiredNumberScheduled": 4,
                "updatedNumberScheduled": 1, "numberAvailable": 4}}),
            Progressing,
            "PodsUpdating",
        ),
        (
            "with a pod that isn't available",
            json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "desiredNumberScheduled": 4,
                "updatedNumberScheduled": 4, "numberAvailable": 3, "numberUnavailable": 1}}),
            Progressing,
            "PodsUnavailable",
        ),
        (
            "updated by hand only",
            json!({"metadata": {"generation": 2}, "spec": {"updateStrategy": {"type": "OnDelete"}}, "status": {
                "observedGeneration": 2, "desiredNumberScheduled": 4, "updatedNumberScheduled": 0}}),
            Healthy,
            "",
        ),
        (
            "changed since the controller looked",
            json!({"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "desiredNumberScheduled": 4,
                "updatedNumberScheduled": 4, "numberAvailable": 4}}),
            Progressing,
            "NotObserved",
        ),
        (
            "without a status",
            json!({"metadata": {"generation": 1}, "status": null}),
            Progressing,
            "NotObserved",
        ),
    ]);
}

#[test]
fn jobs_progress_until_they_complete_or_fail() {
    check::<Job>(&[
        (
            "complete",
            json!({"status": {"succeeded": 1, "completionTime": "2026-11-21T04:08:52Z", "conditions": [
                {"type": "SuccessCriteriaMet", "status": "True", "reason": "CompletionsReached"},
                {"type": "Complete", "status": "True", "reason": "CompletionsReached"}]}}),
            Healthy,
            "Completed",
        ),
        (
            "out of retries",
            json!({"spec": {"backoffLimit": 2}, "status": {"failed": 3, "conditions": [
                {"type": "FailureTarget", "status": "True", "reason": "BackoffLimitExceeded"},
                {"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}}),
            Degraded,
            "BackoffLimitExceeded",
        ),
        (
            "failed without a reason",
            json!({"status": {"conditions": [{"type": "Failed", "status": "True", "reason": null}]}}),
            Degraded,
            "Failed",
        ),
        ("running", json!({"status": {"active": 1, "ready": 1}}), Progressing, "Running"),
        (
            "about to fail, with pods that still end",
            json!({"status": {"terminating": 1, "active": 0, "conditions": [
                {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded"}]}}),
            Progressing,
            "Pending",
        ),
        (
            "suspended",
            json!({"spec": {"suspend": true}, "status": {"conditions": [
                {"type": "Suspended", "status": "True", "reason": "JobSuspended"}]}}),
            Suspended,
            "Suspended",
        ),
        ("to be suspended", json!({"spec": {"suspend": true}}), Suspended, "Suspended"),
        (
            "resumed",
            json!({"spec": {"suspend": false}, "status": {"active": 2, "conditions": [
                {"type": "Suspended", "status": "False", "reason": "JobResumed"}]}}),
            Progressing,
            "Running",
        ),
        (
            "suspended after it failed",
            json!({"spec": {"suspend": true}, "status": {"conditions": [
                {"type": "Failed", "status": "True", "reason": "PodFailurePolicy"}]}}),
            Degraded,
            "PodFailurePolicy",
        ),
        ("without a status", json!({"spec": {"template": null}, "status": null}), Progressing, "Pending"),
        (
            "with a condition that nobody knows",
            json!({"status": {"active": 1, "conditions": [{"type": "Dreaming", "status": "Perhaps"}]}}),
            Progressing,
            "Running",
        ),
    ]);
}

#[test]
fn cron_jobs_are_degraded_once_a_run_is_known_to_have_failed() {
    let (noon, one, two) = ("2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z", "2026-11-21T14:00:00Z");
    let running = json!([{"kind": "Job", "name": "backup-29", "namespace": "shop"}]);
    check::<CronJob>(&[
        ("run well", json!({"status": {"lastScheduleTime": noon, "lastSuccessfulTime": one}}), Healthy, ""),
        (
            "failed since its last success",
            json!({"status": {"lastScheduleTime": two, "lastSuccessfulTime": one}}),
            Degraded,
            "LastJobFailed",
        ),
        (
            "running since its last success",
            json!({"status": {"lastScheduleTime": two, "lastSuccessfulTime": one, "active": running}}),
            Healthy,
            "",
        ),
        ("never successful yet", json!({"status": {"lastScheduleTime": two, "active": null}}), Healthy, ""),
        ("never scheduled yet", json!({"spec": {"schedule": "0 3 * * *"}, "status": {}}), Healthy, ""),
        (
            "suspended after a failure",
            json!({"spec": {"suspend": true},
                "status": {"lastScheduleTime": two, "lastSuccessfulTime": one}}),
            Suspended,
            "Suspended",
        ),
        ("without a status", json!({"spec": {"suspend": null}}), Progressing, "Pending"),
    ]);
}

#[test]
fn autoscalers_are_degraded_if_they_cannot_scale() {
    let able = json!({"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"});
    let active = json!({"type": "ScalingActive", "status": "True", "reason": "ValidMetricFound"});
    check::<HorizontalPodAutoscaler>(&[
        (
            "within its bounds",
            json!({"status": {"conditions": [able, active,
                {"type": "ScalingLimited", "status": "False", "reason": "DesiredWithinRange"}]}}),
            Healthy,
            "",
        ),
        (
            "at its bound",
            json!({"status": {"conditions": [able, active,
                {"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"}]}}),
            Healthy,
            "",
        ),
        (
            "without metrics",
            json!({"status": {"conditions": [able,
                {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric"}]}}),
            Degraded,
            "FailedGetResourceMetric",
        ),
        (
            "for a workload that isn't there",
            json!({"status": {"conditions": [{"type": "AbleToScale", "status": "False", "reason": "FailedGetScale"}]}}),
            Degraded,
            "FailedGetScale",
        ),
        (
            "refused for no reason",
            json!({"status": {"conditions": [{"type": "AbleToScale", "status": "False", "reason": ""}]}}),
            Degraded,
            "AbleToScale",
        ),
        (
            "waiting after the last change",
            json!({"status": {"conditions": [active,
                {"type": "AbleToScale", "status": "False", "reason": "BackoffDownscale"}]}}),
            Healthy,
            "",
        ),
        (
            "for a workload that was scaled to zero",
            json!({"status": {"conditions": [able,
                {"type": "ScalingActive", "status": "False", "reason": "ScalingDisabled"}]}}),
            Suspended,
            "ScalingDisabled",
        ),
        (
            "of which nothing is known",
            json!({"status": {"conditions": [{"type": "AbleToScale", "status": "Unknown"}]}}),
            Progressing,
            "Pending",
        ),
        ("without a status", json!({"spec": {"scaleTargetRef": null}}), Progressing, "Pending"),
        ("with null conditions", json!({"status": {"conditions": null}}), Progressing, "Pending"),
    ]);
}

#[test]
fn disruption_budgets_that_are_used_up_are_healthy() {
    check::<PodDisruptionBudget>(&[
        (
            "with pods to spare",
            json!({"status": {"disruptionsAllowed": 1, "currentHealthy": 3, "desiredHealthy": 2, "conditions": [
                {"type": "DisruptionAllowed", "status": "True", "reason": "SufficientPods"}]}}),
            Healthy,
            "",
        ),
        (
            "used up",
            json!({"status": {"disruptionsAllowed": 0, "currentHealthy": 2, "desiredHealthy": 2, "conditions": [
                {"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods"}]}}),
            Healthy,
            "InsufficientPods",
        ),
        (
            "of pods that nothing scales",
            json!({"status": {"conditions": [
                {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed"}]}}),
            Degraded,
            "SyncFailed",
        ),
        (
            "used up, and broken since",
            json!({"status": {"conditions": [
                {"type": "DisruptionAllowed", "status": "False", "reason": "InsufficientPods"},
                {"type": "DisruptionAllowed", "status": "False", "reason": "SyncFailed"}]}}),
            Degraded,
            "SyncFailed",
        ),
        ("without a status", json!({"spec": {"minAvailable": "50%"}}), Progressing, "Pending"),
        (
            "with nulls",
            json!({"spec": {"selector": null}, "status": {"conditions": null}}),
            Progressing,
            "Pending",
        ),
    ]);
}
