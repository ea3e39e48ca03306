//! What the engine knows of one cluster without reading it again: its pods, who owns what, which service selects what.
//! Made when a cluster first changes, kept by its events; quiet clusters have none.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde_json::Value;

use super::kinds;
use crate::cluster::{Cluster, ListOptions, Subscription};
use crate::object::{Key, Object, Uid, intern};
use crate::resources::Storage;
use crate::store::{Event, EventKind};

pub(super) type Labels = BTreeMap<String, String>;

/// A pod as the scheduler, the controllers and the endpoints need it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pod {
    pub uid: Uid,
    /// The place of the controller's kind, and its name.
    pub owner: Option<(&'static str, Arc<str>)>,
    pub labels: Labels,
    pub node: Arc<str>,
    pub address: Arc<str>,
    pub created: i64,
    pub ready: bool,
    /// Succeeded or failed.
    pub done: bool,
    pub deleting: bool,
    pub cpu: i64,
    pub memory: i64,
}

#[derive(Default)]
pub(super) struct Index {
    pub subscriptions: HashMap<Storage, Subscription>,
    pub pods: BTreeMap<Key, Pod>,
    pub selectors: BTreeMap<Key, Labels>,
    pub owned: HashMap<Uid, BTreeSet<(Storage, Key)>>,
    /// When a pod's kubelet does the next thing, and how many crashes are still ahead of a pod.
    pub due: HashMap<Uid, i64>,
    pub cursed: HashMap<Uid, u32>,
    /// How often a pod's image was asked for in vain.
    pub attempts: HashMap<Uid, u32>,
    /// Pods whose containers have been told to stop.
    pub stopping: HashSet<Uid>,
    /// Events that were made here, oldest first, and which of them says what.
    pub events: VecDeque<Key>,
    pub said: HashMap<(Uid, String), Key>,
    pub addresses: u32,
    /// Nodes whose kubelets don't answer.
    pub lost: BTreeSet<Arc<str>>,
}

impl Index {
    pub fn build(cluster: &Cluster) -> Self {
        let mut index = Self::default();
        let places: Vec<Storage> = cluster.lock().stores.keys().cloned().collect();
        for place in places {
            let Some(resource) = kinds::of(cluster, &place) else { continue };
            let Ok(list) = cluster.list(&resource, &ListOptions::default()) else { continue };
            for object in list.items {
                index.put(&place, &object, None);
            }
        }
        index
    }

    pub fn apply(&mut self, place: &Storage, event: &Event) {
        match event.kind {
            EventKind::Deleted => self.remove(place, &event.object),
            _ => self.put(place, &event.object, event.before.as_ref()),
        }
    }

    fn put(&mut self, place: &Storage, object: &Arc<Object>, before: Option<&Arc<Object>>) {
        if let Some(before) = before {
            self.disown(place, before);
        }
        for owner in owners(object) {
            self.owned.entry(owner).or_default().insert((Arc::clone(place), object.key.clone()));
        }
        match &**place {
            "pods" => drop(self.pods.insert(object.key.clone(), pod(object))),
            "services" => {
                let value = object.value();
                self.selectors.insert(object.key.clone(), labels(&value["spec"]["selector"]));
            }
            "nodes" => self.node(&object.value()),
            _ => {}
        }
    }

    fn node(&mut self, node: &Value) {
        let name = intern(node["metadata"]["name"].as_str().unwrap_or_default());
        let conditions = node["status"]["conditions"].as_array().into_iter().flatten();
        let lost = conditions.filter(|c| c["type"] == "Ready").any(|c| c["status"] == "Unknown");
        if lost {
            self.lost.insert(name)
        } else {
            self.lost.remove(&name)
        };
    }

    fn remove(&mut self, place: &Storage, object: &Arc<Object>) {
        self.disown(place, object);
        match &**place {
            "pods" => {
                self.pods.remove(&object.key);
                self.due.remove(&object.uid);
                self.cursed.remove(&object.uid);
                self.attempts.remove(&object.uid);
                self.stopping.remove(&object.uid);
            }
            "services" => drop(self.selectors.remove(&object.key)),
            "nodes" => drop(self.lost.remove(&object.key.name)),
            _ => {}
        }
    }

    fn disown(&mut self, place: &Storage, object: &Arc<Object>) {
        for owner in owners(object) {
            if let Some(owned) = self.owned.get_mut(&owner) {
                owned.remove(&(Arc::clone(place), object.key.clone()));
                if owned.is_empty() {
                    self.owned.remove(&owner);
                }
            }
        }
    }

    /// The objects of a resource that an object owns.
    pub fn owned_by(&self, owner: Uid, place: &str) -> Vec<Key> {
        let owned = self.owned.get(&owner).into_iter().flatten();
        owned.filter(|(of, _)| &**of == place).map(|(_, key)| key.clone()).collect()
    }

    pub fn pods_of(&self, owner: Uid) -> Vec<(Key, Pod)> {
        let keys = self.owned_by(owner, "pods");
        keys.into_iter().filter_map(|key| Some((key.clone(), self.pods.get(&key)?.clone()))).collect()
    }

    pub fn pods_in<'a>(&'a self, namespace: &'a Arc<str>) -> impl Iterator<Item = (&'a Key, &'a Pod)> {
        let from = Key { namespace: Arc::clone(namespace), name: "".into() };
        self.pods.range(from..).take_while(move |(key, _)| key.namespace == *namespace)
    }

    /// The services that select a pod with these labels.
    pub fn services_of(&self, namespace: &Arc<str>, pod: &Labels) -> Vec<Key> {
        let from = Key { namespace: Arc::clone(namespace), name: "".into() };
        let near = self.selectors.range(from..).take_while(|(key, _)| key.namespace == *namespace);
        near.filter(|(_, selector)| selects(selector, pod)).map(|(key, _)| key.clone()).collect()
    }
}

pub(super) fn selects(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}

pub(super) fn labels(value: &Value) -> Labels {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    value.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
}

fn owners(object: &Object) -> Vec<Uid> {
    let mut text = Vec::new();
    object.write_metadata(&mut text);
    let mentions = text.windows(17).any(|part| part == b"\"ownerReferences\"");
    if !mentions {
        return Vec::new();
    }
    let metadata: Value = serde_json::from_slice(&text).unwrap_or_default();
    let owners = metadata["ownerReferences"].as_array().into_iter().flatten();
    owners.filter_map(|owner| Uid::parse(owner["uid"].as_str()?)).collect()
}

pub(super) fn pod(object: &Object) -> Pod {
    let value = object.value();
    let text = |value: &Value| intern(value.as_str().unwrap_or_default());
    let (metadata, spec, status) = (&value["metadata"], &value["spec"], &value["status"]);
    let controller =
        metadata["ownerReferences"].as_array().into_iter().flatten().find(|o| o["controller"] == true);
    let (cpu, memory) = needs(spec);
    let conditions = status["conditions"].as_array().into_iter().flatten();
    Pod {
        uid: object.uid,
        owner: controller.and_then(|owner| {
            let place = kinds::place_of(owner["apiVersion"].as_str()?, owner["kind"].as_str()?)?;
            Some((place, owner["name"].as_str()?.into()))
        }),
        labels: labels(&metadata["labels"]),
        node: text(&spec["nodeName"]),
        address: status["podIP"].as_str().unwrap_or_default().into(),
        created: object.created,
        ready: conditions.filter(|c| c["type"] == "Ready").any(|c| c["status"] == "True"),
        done: matches!(status["phase"].as_str(), Some("Succeeded" | "Failed")),
        deleting: metadata.get("deletionTimestamp").is_some(),
        cpu,
        memory,
    }
}

/// Milli-CPUs and MiB that the containers of a pod ask for.
fn needs(spec: &Value) -> (i64, i64) {
    let containers = spec["containers"].as_array().into_iter().flatten();
    containers.fold((0, 0), |(cpu, memory), container| {
        let requests = &container["resources"]["requests"];
        (cpu + millis(&requests["cpu"]), memory + mebibytes(&requests["memory"]))
    })
}

fn parse(value: &Value) -> f64 {
    let text = value.as_str().unwrap_or_default();
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "Ki" => 1024.0,
        "Mi" => 1_048_576.0,
        "Gi" => 1_073_741_824.0,
        "Ti" => 1_099_511_627_776.0,
        _ => 1.0,
    };
    number.parse::<f64>().unwrap_or(0.0) * factor
}

#[expect(clippy::cast_possible_truncation, reason = "a float that is too large becomes the largest integer")]
pub(super) fn millis(value: &Value) -> i64 {
    (parse(value) * 1000.0) as i64
}

#[expect(clippy::cast_possible_truncation, reason = "a float that is too large becomes the largest integer")]
pub(super) fn mebibytes(value: &Value) -> i64 {
    (parse(value) / 1_048_576.0) as i64
}
