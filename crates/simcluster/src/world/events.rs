//! Events: what the components have said about objects.

use std::sync::Arc;

use rand::RngExt;
use serde_json::json;

use super::pods::Made;
use super::site::{At, Site, text};
use crate::controllers::pod_status::Stage;
use crate::object::{Slot, Uid};

/// What an event is about.
pub(super) struct Subject {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub name: Arc<str>,
    pub uid: Uid,
}

/// What is said.
pub(super) struct Said<'a> {
    pub kind: &'static str,
    pub reason: &'static str,
    pub message: &'a str,
    pub component: &'static str,
    pub count: i64,
}

impl<'a> Said<'a> {
    pub fn normal(reason: &'static str, message: &'a str, component: &'static str) -> Self {
        Self { kind: "Normal", reason, message, component, count: 1 }
    }

    pub fn warning(reason: &'static str, message: &'a str, component: &'static str, count: i64) -> Self {
        Self { kind: "Warning", reason, message, component, count }
    }
}

pub(super) fn add(site: &mut Site<'_>, namespace: &str, subject: &Subject, said: &Said<'_>) {
    let last = site.ago(5, 1_500);
    let first = if said.count > 1 { last - said.count * 12 } else { last };
    let name: Arc<str> = format!("{}.{}", subject.name, site.hex(16)).into();
    let slots = [
        ("about", Slot::Text(Arc::clone(&subject.name))),
        ("aboutuid", Slot::Uid(subject.uid)),
        ("message", Slot::Text(said.message.into())),
        ("count", Slot::Number(said.count)),
        ("first", Slot::Time(first)),
        ("last", Slot::Time(last)),
        ("place", text(if subject.kind == "Node" { "" } else { namespace })),
    ];
    let spaced = !matches!(subject.kind, "Node" | "PersistentVolume");
    let namespace = if spaced { namespace } else { "default" };
    let form = format!("{}/{}/{}/{}", subject.kind, said.reason, said.component, said.kind);
    let at = At { namespace, name, created: first, uid: site.uid() };
    site.add("v1/events", &form, at, &slots, || {
        let mut event = json!({
            "involvedObject": {"apiVersion": subject.api_version, "kind": subject.kind, "name": "${about}", "uid": "${aboutuid}"},
            "type": said.kind, "reason": said.reason, "message": "${message}", "count": "${#count}",
            "source": {"component": said.component}, "firstTimestamp": "${first}", "lastTimestamp": "${last}",
            "reportingComponent": said.component, "reportingInstance": "",
        });
        if spaced {
            event["involvedObject"]["namespace"] = json!("${namespace}");
        }
        event
    });
}

/// What a pod's trouble has made the kubelet or the scheduler say.
pub(super) fn of_stage(site: &mut Site<'_>, namespace: &str, pod: &Made, stage: &Stage, image: &str) {
    let subject = Subject { api_version: "v1", kind: "Pod", name: Arc::clone(&pod.name), uid: pod.uid };
    match stage {
        Stage::Unschedulable { message } => {
            add(
                site,
                namespace,
                &subject,
                &Said::warning("FailedScheduling", message, "default-scheduler", 14),
            );
        }
        Stage::Waiting { .. } => {
            let message = format!("Failed to pull image \"{image}\": not found");
            add(site, namespace, &subject, &Said::warning("Failed", &message, "kubelet", 8));
            let message = format!("Back-off pulling image \"{image}\"");
            add(site, namespace, &subject, &Said::warning("BackOff", &message, "kubelet", 96));
        }
        Stage::BackingOff { .. } => {
            let message =
                format!("Back-off restarting failed container in pod {}_{namespace}({})", pod.name, pod.uid);
            add(site, namespace, &subject, &Said::warning("BackOff", &message, "kubelet", 214));
        }
        Stage::Running { ready: true } if site.rng.random_range(0..40) == 0 => {
            let message = "Readiness probe failed: HTTP probe failed with statuscode: 503";
            add(site, namespace, &subject, &Said::warning("Unhealthy", message, "kubelet", 2));
        }
        _ => {}
    }
}
