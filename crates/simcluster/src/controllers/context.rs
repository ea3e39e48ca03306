//! What a controller has while it looks at one thing: its cluster, the index, the time, and how to write.

use std::sync::Arc;

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::index::Index;
use super::kinds::kind;
use super::task::{Agenda, Task};
use crate::clock::rfc3339;
use crate::cluster::{Cluster, DeleteOptions, Deletion, Patch, WriteOptions};
use crate::error::ApiError;
use crate::object::{Key, Object, Uid};

/// How many events a cluster keeps of those that were made here; the oldest go, as they do after an hour.
const EVENTS: usize = 200;

pub(super) struct Context<'a> {
    pub member: usize,
    pub cluster: &'a Cluster,
    pub index: &'a mut Index,
    pub agenda: &'a mut Agenda,
    pub random: &'a mut StdRng,
    /// Milliseconds since 1970, by the cluster's clock, which may be wrong: for what is written.
    pub now: i64,
    /// The same by the engine's clock: for what is due.
    pub steady: i64,
}

/// What is written can have changed or gone meanwhile: then its events bring the controller back to it.
fn written<T>(result: Result<T, ApiError>) -> Option<T> {
    result.inspect_err(|error| tracing::debug!(%error, "a controller's write was refused")).ok()
}

impl Context<'_> {
    pub fn get(&self, storage: &str, key: &Key) -> Option<(Arc<Object>, Value)> {
        let object = self.cluster.get(kind(storage), &key.namespace, &key.name).ok()?;
        let value = object.value();
        Some((object, value))
    }

    /// As Kubernetes writes times.
    pub fn time(&self) -> String {
        rfc3339(self.now.div_euclid(1000))
    }

    pub fn later(&mut self, after_ms: i64, task: Task) {
        self.agenda.at(self.steady.saturating_add(after_ms.max(1)), self.member, task);
    }

    pub fn soon(&mut self, task: Task) {
        self.agenda.now(self.member, task);
    }

    /// Writes a status, where it differs.
    pub fn status(&mut self, storage: &str, key: &Key, current: &Value, status: Value) -> bool {
        if current["status"] == status {
            return false;
        }
        let mut metadata = json!({"name": &*key.name});
        if !key.namespace.is_empty() {
            metadata["namespace"] = json!(&*key.namespace);
        }
        let value = json!({"metadata": metadata, "status": status});
        written(self.cluster.update(kind(storage), &key.namespace, &key.name, value, &WriteOptions::status()))
            .is_some()
    }

    pub fn patch(&mut self, storage: &str, key: &Key, patch: Value) -> bool {
        let options = WriteOptions::default();
        written(self.cluster.patch(kind(storage), &key.namespace, &key.name, &Patch::Merge(patch), &options))
            .is_some()
    }

    pub fn create(&mut self, storage: &str, namespace: &str, value: Value) -> Option<Arc<Object>> {
        written(self.cluster.create(kind(storage), namespace, value, &WriteOptions::default()))
    }

    /// Makes a pod for a controller, which says so of the object that wanted it.
    pub fn create_pod(&mut self, about: &Subject<'_>, pod: Value, controller: &str) -> Option<Arc<Object>> {
        let pod = self.create("pods", about.namespace, pod)?;
        self.say(about, false, "SuccessfulCreate", &format!("Created pod: {}", pod.key.name), controller);
        Some(pod)
    }

    pub fn delete(&mut self, storage: &str, key: &Key, options: &DeleteOptions) -> bool {
        let done = written(self.cluster.delete(kind(storage), &key.namespace, &key.name, options));
        matches!(done, Some(Deletion::Gone(_) | Deletion::Marked(_)))
    }

    /// Says something about an object; what has been said before is counted.
    pub fn say(&mut self, about: &Subject<'_>, warning: bool, reason: &str, message: &str, component: &str) {
        let now = self.time();
        let said = (about.uid, format!("{reason}{}", message.get(..24).unwrap_or(message)));
        if let Some(key) = self.index.said.get(&said).cloned()
            && let Some((_, event)) = self.get("events", &key)
        {
            let count = event["count"].as_i64().unwrap_or(1) + 1;
            self.patch("events", &key, json!({"count": count, "lastTimestamp": now, "message": message}));
            return;
        }
        let namespace = if about.namespace.is_empty() { "default" } else { about.namespace };
        let mut involved = json!({"apiVersion": about.api_version, "kind": about.kind, "name": about.name, "uid": about.uid.to_string()});
        if !about.namespace.is_empty() {
            involved["namespace"] = json!(about.namespace);
        }
        let number = u64::try_from(self.now).unwrap_or(0) << 12 | u64::from(self.index.addresses & 0xfff);
        self.index.addresses += 1;
        let name = format!("{}.{number:016x}", about.name);
        let event = json!({
            "metadata": {"name": name}, "involvedObject": involved, "type": if warning { "Warning" } else { "Normal" },
            "reason": reason, "message": message, "count": 1, "firstTimestamp": now, "lastTimestamp": now,
            "source": {"component": component}, "reportingComponent": component, "reportingInstance": "",
        });
        let Some(object) = self.create("events", namespace, event) else { return };
        self.index.said.insert(said, object.key.clone());
        self.index.events.push_back(object.key.clone());
        if self.index.events.len() > EVENTS
            && let Some(oldest) = self.index.events.pop_front()
        {
            self.index.said.retain(|_, key| *key != oldest);
            self.delete("events", &oldest, &DeleteOptions::default());
        }
    }
}

/// What an event is about.
pub(super) struct Subject<'a> {
    pub api_version: &'a str,
    pub kind: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
    pub uid: Uid,
}

impl<'a> Subject<'a> {
    pub fn new(api_version: &'a str, kind: &'a str, key: &'a Key, uid: Uid) -> Self {
        Self { api_version, kind, namespace: &key.namespace, name: &key.name, uid }
    }

    pub fn pod(key: &'a Key, uid: Uid) -> Self {
        Self::new("v1", "Pod", key, uid)
    }
}

pub(super) fn owner_of(api_version: &str, kind: &str, name: &str, uid: Uid) -> Value {
    json!([{"apiVersion": api_version, "kind": kind, "name": name, "uid": uid.to_string(), "controller": true, "blockOwnerDeletion": true}])
}

pub(super) fn is_deleting(value: &Value) -> bool {
    value["metadata"].get("deletionTimestamp").is_some()
}

/// Ten characters that follow from a text, as a template's hash.
pub(super) fn hash_of(text: &str) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut state = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (0..10)
        .map(|_| {
            let letter = LETTERS[usize::try_from(state % 27).unwrap_or(0)];
            state /= 27;
            char::from(letter)
        })
        .collect()
}

/// A condition that keeps the time of its last transition while its status stays.
pub(super) fn condition(old: &Value, kind: &str, ok: bool, reason: &str, message: &str, now: &str) -> Value {
    let status = if ok { "True" } else { "False" };
    let old = old.as_array().into_iter().flatten().find(|condition| condition["type"] == kind);
    let since =
        old.filter(|old| old["status"] == status).map_or(json!(now), |old| old["lastTransitionTime"].clone());
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since})
}
