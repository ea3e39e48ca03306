//! One cluster with its seed: what is written, what goes wrong, and whether the copy is right in the end.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use cluster_registry::{Query, Registry};
use fleetgraph_core::Scope;
use kinds::ConfigMap;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use simcluster::{Cluster, ClusterOptions, DeleteOptions, ListOptions, Resource, WriteOptions};

use crate::{faults, model::differences};

/// Many times what audits need; for a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
const NAMES: u32 = 30;

pub struct Trial {
    pub cluster: Cluster,
    pub writes: usize,
    past: faults::Past,
    seed: u64,
    random: StdRng,
}

impl Trial {
    pub fn new(seed: u64) -> Self {
        let options = ClusterOptions { seed, history: 64, ..ClusterOptions::named(&format!("seed-{seed}")) };
        Self {
            cluster: Cluster::new(options),
            writes: 0,
            past: faults::Past::default(),
            seed,
            random: StdRng::seed_from_u64(seed),
        }
    }

    /// Writes, and goes wrong.
    pub async fn storm(mut self, length: Duration, choice: faults::Choice) -> Self {
        let end = Instant::now() + length;
        let mut next_fault = Instant::now();
        while Instant::now() < end {
            if Instant::now() >= next_fault {
                choice(&self.cluster, &mut self.random, &mut self.past);
                next_fault = Instant::now() + Duration::from_millis(self.random.random_range(200..2500));
            }
            for _ in 0..self.random.random_range(0..4) {
                self.write();
            }
            tokio::time::sleep(Duration::from_millis(self.random.random_range(1..120))).await;
        }
        faults::end(&self.cluster);
        self
    }

    fn write(&mut self) {
        let maps = config_maps(&self.cluster);
        let name = format!("map-{}", self.random.random_range(0..NAMES));
        let value = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name },
            "data": { "n": self.random.random::<u32>().to_string() },
        });
        let options = WriteOptions::default();
        let deletes = self.random.random_ratio(1, 4);
        // A name that isn't there, or is there already, is no matter: the next choice is another.
        let done = if deletes {
            self.cluster.delete(&maps, "default", &name, &DeleteOptions::default()).is_ok()
        } else if self.cluster.get(&maps, "default", &name).is_ok() {
            self.cluster.update(&maps, "default", &name, value, &options).is_ok()
        } else {
            self.cluster.create(&maps, "default", value, &options).is_ok()
        };
        self.writes += usize::from(done);
    }

    /// Waits until the copy is what the cluster has. Gives the number of objects.
    pub async fn until_equal(&self, registry: &Registry) -> usize {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (here, there) = (self.copied(registry), self.truth());
            if here == there {
                return there.len();
            }
            assert!(
                Instant::now() < deadline,
                "FLEETGRAPH_FAULT_SEEDS={}..{}: {}",
                self.seed,
                self.seed + 1,
                differences(&here, &there)
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub fn is_equal(&self, registry: &Registry) -> bool {
        self.copied(registry) == self.truth()
    }

    /// Version and content by id.
    fn copied(&self, registry: &Registry) -> BTreeMap<String, String> {
        let scope = Scope::everything();
        let query = Query { clusters: Some(vec![self.cluster.name().to_owned()]), ..Query::default() };
        let rows = registry.read::<ConfigMap>(&scope).select(&query).unwrap().rows;
        rows.iter()
            .map(|row| (row.id(), self.content(&serde_json::from_str(&row.json().unwrap()).unwrap())))
            .collect()
    }

    /// What is compared. After a backup was restored, an object may have uid and version from two pasts, which nobody can
    /// tell apart by its metadata; see the audit.
    fn content(&self, object: &Value) -> String {
        let (uid, version) = (&object["metadata"]["uid"], &object["metadata"]["resourceVersion"]);
        if self.past.restored {
            format!("{uid} {version}")
        } else {
            format!("{uid} {version} {}", object["data"])
        }
    }

    fn truth(&self) -> BTreeMap<String, String> {
        let list = self.cluster.list(&config_maps(&self.cluster), &ListOptions::default()).unwrap();
        let id = |object: &simcluster::Object| {
            format!("{}:{}:{}", self.cluster.name(), object.key.namespace, object.key.name)
        };
        list.items.iter().map(|object| (id(object), self.content(&object.value()))).collect()
    }
}

fn config_maps(cluster: &Cluster) -> std::sync::Arc<Resource> {
    cluster.resource("", "v1", "configmaps").unwrap()
}
