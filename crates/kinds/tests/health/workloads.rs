//! Pods and what makes them.

use fleetgraph_core::HealthState::{Degraded, Healthy, Progressing, Unknown};
use kinds::Pod;
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
        ("a phase that nobody knows", json!({"status": {"phase": "Dreaming"}}), Progressing, "Pending"),
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
