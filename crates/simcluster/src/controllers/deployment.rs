//! Deployments: a replica set for each template, and the rolling change from one to the next.

use serde_json::{Value, json};

use super::context::{Context, Subject, condition, hash_of, is_deleting, owner_of};
use super::task::Task;
use crate::cluster::DeleteOptions;
use crate::object::{Key, Object, Uid};

const SETS: &str = "replicasets.apps";
const HASH: &str = "pod-template-hash";
const REVISION: &str = "deployment.kubernetes.io/revision";

/// A replica set as the rollout sees it.
struct Set {
    key: Key,
    value: Value,
    wanted: i64,
    replicas: i64,
    ready: i64,
    available: i64,
    revision: i64,
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

impl Set {
    fn new(key: Key, value: Value) -> Self {
        let status = &value["status"];
        let revision = value["metadata"]["annotations"][REVISION].as_str().and_then(|text| text.parse().ok());
        Self {
            wanted: number(&value["spec"]["replicas"]),
            replicas: number(&status["replicas"]),
            ready: number(&status["readyReplicas"]),
            available: number(&status["availableReplicas"]),
            revision: revision.unwrap_or(0),
            key,
            value,
        }
    }

    fn is_of(&self, template: &Value) -> bool {
        let mut own = self.value["spec"]["template"].clone();
        if let Some(labels) = own["metadata"]["labels"].as_object_mut() {
            labels.remove(HASH);
        }
        own == *template
    }
}

/// A number or a percentage of the replicas.
fn share(value: &Value, of: i64, up: bool) -> i64 {
    match value {
        Value::Number(number) => number.as_i64().unwrap_or(0),
        Value::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            (percent.saturating_mul(of) + if up { 99 } else { 0 }) / 100
        }
        _ => 0,
    }
}

pub(super) fn reconcile(context: &mut Context<'_>, key: &Key) {
    let Some((object, deployment)) = context.get("deployments.apps", key) else { return };
    if is_deleting(&deployment) {
        return;
    }
    let keys = context.index.owned_by(object.uid, SETS);
    let mut sets: Vec<Set> =
        keys.into_iter().filter_map(|key| Some(Set::new(key.clone(), context.get(SETS, &key)?.1))).collect();
    sets.sort_by_key(|set| set.revision);
    let template = &deployment["spec"]["template"];
    let latest = sets.iter().map(|set| set.revision).max().unwrap_or(0);
    let paused = deployment["spec"]["paused"] == true;
    let Some(at) = sets.iter().rposition(|set| set.is_of(template)) else {
        if paused {
            return status(context, key, &deployment, &sets, None);
        }
        return create(context, key, &object, &deployment, latest + 1);
    };
    let new = sets.remove(at);
    let old_latest = sets.iter().map(|set| set.revision).max().unwrap_or(0);
    if new.revision <= old_latest {
        // An earlier template again: its set gets a new number.
        let patch = json!({"metadata": {"annotations": {REVISION: (old_latest + 1).to_string()}}});
        context.patch(SETS, &new.key, patch);
        return;
    }
    if !paused {
        scale(context, key, &object, &deployment, &new, &sets);
        forget(context, &deployment, &sets);
    }
    status(context, key, &deployment, &sets, Some(&new));
}

fn create(context: &mut Context<'_>, key: &Key, object: &Object, deployment: &Value, revision: i64) {
    let mut template = deployment["spec"]["template"].clone();
    let hash = hash_of(&format!("{}{template}", object.uid));
    template["metadata"]["labels"][HASH] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"][HASH] = json!(hash);
    let name = format!("{}-{hash}", key.name);
    let wanted = number(&deployment["spec"]["replicas"]);
    let first = if revision == 1 { wanted } else { 0 };
    let set = json!({
        "metadata": {
            "name": name, "labels": template["metadata"]["labels"], "annotations": annotations(deployment, revision),
            "ownerReferences": owner_of("apps/v1", "Deployment", &key.name, object.uid),
        },
        "spec": {"replicas": first, "selector": selector, "template": template},
    });
    if context.create(SETS, &key.namespace, set).is_some() && first > 0 {
        let message = format!("Scaled up replica set {name} from 0 to {first}");
        say(context, key, object.uid, &message);
    }
}

fn say(context: &mut Context<'_>, key: &Key, uid: Uid, message: &str) {
    let about = Subject::new("apps/v1", "Deployment", key, uid);
    context.say(&about, false, "ScalingReplicaSet", message, "deployment-controller");
}

fn annotations(deployment: &Value, revision: i64) -> Value {
    let wanted = number(&deployment["spec"]["replicas"]);
    let surge = share(&deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"], wanted, true);
    json!({
        REVISION: revision.to_string(), "deployment.kubernetes.io/desired-replicas": wanted.to_string(),
        "deployment.kubernetes.io/max-replicas": (wanted + surge).to_string(),
    })
}

fn set_replicas(
    context: &mut Context<'_>,
    key: &Key,
    object: &Object,
    deployment: &Value,
    set: &Set,
    replicas: i64,
) {
    let replicas = replicas.max(0);
    let annotations = annotations(deployment, set.revision);
    let same = annotations
        .as_object()
        .into_iter()
        .flatten()
        .all(|(key, value)| set.value["metadata"]["annotations"].get(key) == Some(value));
    if set.wanted == replicas && (same || replicas == 0) {
        return;
    }
    context.patch(
        SETS,
        &set.key,
        json!({"metadata": {"annotations": annotations}, "spec": {"replicas": replicas}}),
    );
    if set.wanted != replicas {
        let way = if replicas > set.wanted { "up" } else { "down" };
        let message = format!("Scaled {way} replica set {} from {} to {replicas}", set.key.name, set.wanted);
        say(context, key, object.uid, &message);
    }
}

fn scale(context: &mut Context<'_>, key: &Key, object: &Object, deployment: &Value, new: &Set, old: &[Set]) {
    let wanted = number(&deployment["spec"]["replicas"]);
    let strategy = &deployment["spec"]["strategy"];
    let running: i64 = old.iter().map(|set| set.replicas.max(set.wanted)).sum();
    if running == 0 {
        return set_replicas(context, key, object, deployment, new, wanted);
    }
    if strategy["type"] == "Recreate" {
        for set in old {
            set_replicas(context, key, object, deployment, set, 0);
        }
        return;
    }
    let surge = share(&strategy["rollingUpdate"]["maxSurge"], wanted, true);
    let mut missing = share(&strategy["rollingUpdate"]["maxUnavailable"], wanted, false);
    if surge == 0 && missing == 0 {
        missing = 1;
    }
    let total: i64 = old.iter().map(|set| set.wanted).sum::<i64>() + new.wanted;
    let up = (wanted - new.wanted).min(wanted + surge - total);
    if up != 0 && (up > 0 || new.wanted > wanted) {
        let target = if new.wanted > wanted { wanted } else { new.wanted + up };
        return set_replicas(context, key, object, deployment, new, target);
    }
    // Down: first what isn't available anyway, then as many as availability allows.
    let least = wanted - missing;
    let mut budget = total - least - (new.wanted - new.available).max(0);
    let available: i64 = old.iter().map(|set| set.available).sum::<i64>() + new.available;
    let mut spare = available - least;
    for set in old.iter().filter(|set| set.wanted > 0) {
        let unhealthy = (set.wanted - set.available).clamp(0, budget.max(0));
        let healthy = (set.wanted - unhealthy).min(spare.max(0)).min((budget - unhealthy).max(0));
        budget -= unhealthy + healthy;
        spare -= healthy;
        set_replicas(context, key, object, deployment, set, set.wanted - unhealthy - healthy);
    }
}

/// Old sets beyond the history's limit go.
fn forget(context: &mut Context<'_>, deployment: &Value, old: &[Set]) {
    let limit =
        usize::try_from(deployment["spec"]["revisionHistoryLimit"].as_i64().unwrap_or(10)).unwrap_or(10);
    let idle: Vec<&Set> = old.iter().filter(|set| set.wanted == 0 && set.replicas == 0).collect();
    for set in idle.iter().take(idle.len().saturating_sub(limit)) {
        context.delete(SETS, &set.key, &DeleteOptions::default());
    }
}

fn status(context: &mut Context<'_>, key: &Key, deployment: &Value, old: &[Set], new: Option<&Set>) {
    let wanted = number(&deployment["spec"]["replicas"]);
    let all = || old.iter().chain(new);
    let sum = |of: fn(&Set) -> i64| all().map(of).sum::<i64>();
    let (replicas, ready, available) =
        (sum(|set| set.replicas), sum(|set| set.ready), sum(|set| set.available));
    let updated = new.map_or(0, |set| set.replicas);
    let missing = (sum(|set| set.wanted) - available).max(0);
    let mut status = json!({"observedGeneration": deployment["metadata"]["generation"]});
    for (name, count) in [
        ("replicas", replicas),
        ("updatedReplicas", updated),
        ("readyReplicas", ready),
        ("availableReplicas", available),
        ("unavailableReplicas", missing),
    ] {
        if count > 0 {
            status[name] = json!(count);
        }
    }
    let now = context.time();
    let before = &deployment["status"];
    let unavailable =
        share(&deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], wanted, false);
    let enough = available >= wanted - unavailable;
    let (reason, message) = match enough {
        true => ("MinimumReplicasAvailable", "Deployment has minimum availability."),
        false => ("MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
    };
    let mut fine = condition(&before["conditions"], "Available", enough, reason, message, &now);
    let old_fine = find(before, "Available");
    fine["lastUpdateTime"] = old_fine
        .filter(|old| old["status"] == fine["status"])
        .map_or(json!(now), |old| old["lastUpdateTime"].clone());
    let complete = updated == wanted && replicas == wanted && available == wanted;
    let moved = ["replicas", "updatedReplicas", "readyReplicas", "availableReplicas"]
        .iter()
        .any(|name| before.get(name) != status.get(name));
    let progress = progress(context, key, deployment, new, (complete, moved), &now);
    status["conditions"] = json!([fine, progress]);
    context.status("deployments.apps", key, deployment, status);
    if let Some(new) = new
        && deployment["metadata"]["annotations"][REVISION].as_str() != Some(&new.revision.to_string())
    {
        context.patch(
            "deployments.apps",
            key,
            json!({"metadata": {"annotations": {REVISION: new.revision.to_string()}}}),
        );
    }
}

fn find<'a>(status: &'a Value, kind: &str) -> Option<&'a Value> {
    status["conditions"].as_array().into_iter().flatten().find(|condition| condition["type"] == kind)
}

fn progress(
    context: &mut Context<'_>,
    key: &Key,
    deployment: &Value,
    new: Option<&Set>,
    (complete, moved): (bool, bool),
    now: &str,
) -> Value {
    let before = &deployment["status"];
    let old = find(before, "Progressing");
    let name = new.map_or("", |set| &*set.key.name);
    let finished = old.is_some_and(|old| old["reason"] == "NewReplicaSetAvailable");
    let scaled_only = finished
        && new.is_some()
        && before["updatedReplicas"] != Value::Null
        && old.is_some_and(|old| old["message"].as_str().is_some_and(|text| text.contains(name)));
    let (ok, reason, message) = if complete || scaled_only {
        (true, "NewReplicaSetAvailable", format!("ReplicaSet \"{name}\" has successfully progressed."))
    } else if old.is_none() || finished || moved {
        (true, "ReplicaSetUpdated", format!("ReplicaSet \"{name}\" is progressing."))
    } else {
        let since = old.and_then(|old| old["lastUpdateTime"].as_str()?.parse::<jiff::Timestamp>().ok());
        let deadline = deployment["spec"]["progressDeadlineSeconds"].as_i64().unwrap_or(600) * 1000;
        let left = since.map_or(0, |since| since.as_millisecond() + deadline - context.now);
        if left <= 0 {
            (false, "ProgressDeadlineExceeded", format!("ReplicaSet \"{name}\" has timed out progressing."))
        } else {
            context.later(left + 1_000, Task::Deployment(key.clone()));
            return old.cloned().unwrap_or_default();
        }
    };
    let mut condition = condition(&before["conditions"], "Progressing", ok, reason, &message, now);
    let same = old.filter(|old| {
        old["status"] == condition["status"]
            && old["reason"] == condition["reason"]
            && !(moved && reason == "ReplicaSetUpdated")
    });
    condition["lastUpdateTime"] = same.map_or(json!(now), |old| old["lastUpdateTime"].clone());
    if reason == "ReplicaSetUpdated" {
        let deadline = deployment["spec"]["progressDeadlineSeconds"].as_i64().unwrap_or(600) * 1000;
        context.later(deadline + 1_000, Task::Deployment(key.clone()));
    }
    condition
}
