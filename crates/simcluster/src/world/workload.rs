//! Deployments with their replica sets and pods, as the deployment controller leaves them: at rest, or stuck.

use std::sync::Arc;

use rand::RngExt;
use serde_json::{Value, json};

use super::events::{self, Subject};
use super::pods::{self, Made, Owner, Room, Set};
use super::site::{At, DAY, Site, safe, text};
use crate::controllers::pod_status::Stage;
use crate::object::{Slot, Uid, intern};

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    /// One pod crashes again and again.
    CrashLoop,
    /// A new version whose image isn't there: the rollout has passed its deadline.
    StuckRollout,
    /// A new version that asks for more memory than any node has.
    NoRoom,
}

impl Trouble {
    fn stops_rollout(self) -> bool {
        matches!(self, Self::StuckRollout | Self::NoRoom)
    }
}

pub(super) struct Workload<'a> {
    pub namespace: &'a str,
    pub name: &'a str,
    /// Equal for equal templates.
    pub form: String,
    pub template: &'a Value,
    pub selector: Value,
    pub labels: Value,
    /// As text, of the tool that deployed it.
    pub annotations: Value,
    pub replicas: usize,
    pub needs: (i64, i64),
    /// Versions, the present one last.
    pub tags: Vec<String>,
    pub trouble: Trouble,
    pub priority: Option<(&'static str, i64)>,
}

impl Workload<'_> {
    /// The template of the present revision, or of the one that is stuck.
    fn template_of(&self, broken: bool) -> Value {
        let mut template = self.template.clone();
        if broken && self.trouble == Trouble::NoRoom {
            let resources = &mut template["spec"]["containers"][0]["resources"];
            resources["requests"]["memory"] = json!("900Gi");
            resources["limits"]["memory"] = json!("900Gi");
        }
        template
    }
}

/// Makes all of it, and gives its pods.
pub(super) fn deployment(site: &mut Site<'_>, work: &Workload<'_>) -> (Uid, Vec<Made>) {
    let uid = site.uid();
    let created = site.ago(60 * DAY, 300 * DAY);
    let stuck = work.trouble.stops_rollout();
    let mut made = Vec::new();
    let last = work.tags.len() - 1;
    for (index, tag) in work.tags.iter().enumerate() {
        // A stuck rollout has brought up as many new pods as may be, and stopped as many old ones: a quarter each.
        let replicas = match (stuck, last - index) {
            (false, 0) => work.replicas,
            (true, 0) => work.replicas.div_ceil(4) + work.replicas / 4,
            (true, 1) => work.replicas - work.replicas / 4,
            _ => 0,
        };
        let broken = stuck && index == last;
        let age = if broken { 3_000 } else { i64::try_from(last - index).unwrap_or(0) * 9 * DAY + 3 * DAY };
        let since = site.ago(age, age + if broken { 60 } else { 5 * DAY });
        made.extend(replica_set(site, work, uid, (tag, index + 1, replicas, broken), since.max(created)));
    }
    let ready = made.iter().filter(|pod| pod.ready).count();
    let updated = if stuck { work.replicas.div_ceil(4) + work.replicas / 4 } else { made.len() };
    // 25 %, rounded down.
    let enough = ready >= work.replicas - work.replicas / 4;
    let slots = [
        ("tag", text(&work.tags[last])),
        ("replicas", number(work.replicas)),
        ("total", number(made.len())),
        ("updated", number(updated)),
        ("ready", number(ready)),
        ("missing", number(made.len() - ready)),
        ("revision", text(&(last + 1).to_string())),
        ("progressed", Slot::Time(if stuck { site.now - 2_400 } else { site.now - 2 * DAY })),
        ("current", text(&format!("{}-{}", work.name, revision_hash(work, &work.tags[last])))),
    ];
    let form = format!("{}/{enough}/{stuck}/{}/{}", work.form, ready == 0, ready == made.len());
    let at = At { namespace: work.namespace, name: intern(work.name), created, uid };
    site.add("apps/v1/deployments", &form, at, &slots, || {
        body(work, enough, stuck, ready == 0, ready == made.len())
    });
    (uid, made)
}

pub(super) fn number(number: usize) -> Slot {
    Slot::Number(i64::try_from(number).unwrap_or(0))
}

fn revision_hash(work: &Workload<'_>, tag: &str) -> String {
    safe(&format!("{}/{}/{tag}", work.namespace, work.name), 10)
}

fn body(work: &Workload<'_>, enough: bool, stuck: bool, none: bool, all: bool) -> Value {
    let mut metadata =
        json!({"labels": work.labels, "annotations": work.annotations, "generation": "${#revision}"});
    metadata["annotations"]["deployment.kubernetes.io/revision"] = json!("${revision}");
    let (status, reason, message) = match stuck {
        true => ("False", "ProgressDeadlineExceeded", "ReplicaSet \"${current}\" has timed out progressing."),
        false => ("True", "NewReplicaSetAvailable", "ReplicaSet \"${current}\" has successfully progressed."),
    };
    let (available, why, said) = match enough {
        true => ("True", "MinimumReplicasAvailable", "Deployment has minimum availability."),
        false => ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
    };
    let mut status = json!({
        "observedGeneration": "${#revision}", "replicas": "${#total}", "updatedReplicas": "${#updated}",
        "conditions": [
            {"type": "Available", "status": available, "reason": why, "message": said, "lastUpdateTime": "${created}", "lastTransitionTime": "${created}"},
            {"type": "Progressing", "status": status, "reason": reason, "message": message, "lastUpdateTime": "${progressed}", "lastTransitionTime": "${created}"},
        ],
    });
    if !none {
        status["readyReplicas"] = json!("${#ready}");
        status["availableReplicas"] = json!("${#ready}");
    }
    if !all {
        status["unavailableReplicas"] = json!("${#missing}");
    }
    json!({
        "metadata": metadata,
        "spec": {
            "replicas": "${#replicas}", "selector": {"matchLabels": work.selector}, "template": work.template_of(stuck),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "revisionHistoryLimit": 3,
        },
        "status": status,
    })
}

type Revision<'a> = (&'a str, usize, usize, bool);

fn replica_set(
    site: &mut Site<'_>,
    work: &Workload<'_>,
    owner: Uid,
    (tag, revision, replicas, broken): Revision<'_>,
    created: i64,
) -> Vec<Made> {
    let hash = revision_hash(work, tag);
    let name = intern(&format!("{}-{hash}", work.name));
    let uid = site.uid();
    let set_owner = Owner { api_version: "apps/v1", kind: "ReplicaSet", name: Arc::clone(&name), uid };
    let labels = json!({"pod-template-hash": "${hash}"});
    let seed = format!("{}/{}", work.namespace, work.name);
    let template = work.template_of(broken);
    let set = Set {
        form: &work.form,
        namespace: work.namespace,
        owner: &set_owner,
        template: &template,
        tag,
        needs: work.needs,
        labels,
        slots: vec![("hash", text(&hash))],
        seed: &seed,
        priority: work.priority,
    };
    let age = site.now - created;
    let mut made = Vec::new();
    for index in 0..replicas {
        let stage = stage(site, work, &set, broken, index + 1 == replicas);
        let room = if matches!(stage, Stage::Unschedulable { .. }) { Room::None } else { Room::Any };
        let pod = pods::name(site, &name);
        let youngest = (age / 3).max(1);
        let pod = pods::add(site, &set, pod, &room, &stage, (youngest, age));
        events::of_stage(site, work.namespace, &pod, &stage, &format!("{}:{tag}", set.seed));
        made.push(pod);
    }
    let ready = made.iter().filter(|pod| pod.ready).count();
    let slots = [
        ("tag", text(tag)),
        ("hash", text(&hash)),
        ("owner", Slot::Uid(owner)),
        ("ownername", text(work.name)),
        ("revision", text(&revision.to_string())),
        ("replicas", number(replicas)),
        ("desired", text(&work.replicas.to_string())),
        ("most", text(&(work.replicas + work.replicas.div_ceil(4)).to_string())),
        ("ready", number(ready)),
    ];
    let form = format!("{}/{}/{}/{broken}", work.form, replicas > 0, ready > 0);
    let at = At { namespace: work.namespace, name: Arc::clone(&name), created, uid };
    site.add("apps/v1/replicasets", &form, at, &slots, || set_body(work, &template, replicas > 0, ready > 0));
    if site.rng.random_range(0..12) == 0 && replicas > 0 {
        let subject =
            Subject { api_version: "apps/v1", kind: "Deployment", name: intern(work.name), uid: owner };
        let message =
            format!("Scaled up replica set {name} from {} to {replicas}", replicas.saturating_sub(1));
        events::add(
            site,
            work.namespace,
            &subject,
            &events::Said::normal("ScalingReplicaSet", &message, "deployment-controller"),
        );
    }
    made
}

fn stage(site: &Site<'_>, work: &Workload<'_>, set: &Set<'_>, broken: bool, last: bool) -> Stage {
    let container = work.template["spec"]["containers"][0]["name"].as_str().unwrap_or_default();
    match work.trouble {
        Trouble::NoRoom if broken => {
            let all = site.machines.len();
            let tainted = site.machines.iter().filter(|machine| machine.size.tainted || machine.lost).count();
            Stage::Unschedulable {
                message: format!(
                    "0/{all} nodes are available: {} Insufficient memory, {tainted} node(s) had untolerated taint(s).",
                    all - tainted
                ),
            }
        }
        _ if broken => {
            let image = work.template["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
            let image = image.replace("${tag}", set.tag);
            Stage::Waiting {
                reason: "ImagePullBackOff".to_owned(),
                message: format!(
                    "Back-off pulling image \"{image}\": ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": not found"
                ),
            }
        }
        Trouble::CrashLoop if last => Stage::BackingOff {
            exit_code: 1,
            message: format!(
                "back-off 5m0s restarting failed container={container} pod=${{name}}_${{namespace}}(${{uid}})"
            ),
        },
        _ => Stage::Running { ready: true },
    }
}

fn set_body(work: &Workload<'_>, template: &Value, some: bool, ready: bool) -> Value {
    let mut template = template.clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!("${hash}");
    let mut selector = work.selector.clone();
    selector["pod-template-hash"] = json!("${hash}");
    let mut status = json!({"replicas": "${#replicas}", "observedGeneration": 1});
    if some {
        status["fullyLabeledReplicas"] = json!("${#replicas}");
    }
    if ready {
        status["readyReplicas"] = json!("${#ready}");
        status["availableReplicas"] = json!("${#ready}");
    }
    json!({
        "metadata": {
            "labels": template["metadata"]["labels"],
            "annotations": {
                "deployment.kubernetes.io/desired-replicas": "${desired}", "deployment.kubernetes.io/max-replicas": "${most}",
                "deployment.kubernetes.io/revision": "${revision}",
            },
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": "${ownername}", "uid": "${owner}", "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {"replicas": "${#replicas}", "selector": {"matchLabels": selector}, "template": template},
        "status": status,
    })
}
