//! A subscriber that believes what it is told: what it has in the end must be what the stores have.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use cluster_registry::{Change, Delta, Hub, Query, Registry};
use fleetgraph_core::{ClusterId, Scope};
use kinds::ConfigMap;
use tokio::sync::broadcast::error::RecvError;

type Objects = BTreeMap<String, String>;

#[derive(Default)]
struct State {
    objects: Objects,
    /// The last delta that was taken in.
    number: u64,
    /// The last delta that a reading from the stores may have been ahead of, by cluster.
    read_up_to: BTreeMap<ClusterId, u64>,
    lagged: usize,
}

/// Follows all clusters by the deltas alone.
pub struct Model(Arc<Mutex<State>>);

impl Model {
    pub fn follow(registry: &Registry) -> Self {
        let hub = registry.hub::<ConfigMap>().unwrap();
        let (mut deltas, _) = hub.subscribe();
        let state = Arc::new(Mutex::new(State::default()));
        let (shared, registry) = (Arc::clone(&state), registry.clone());
        tokio::spawn(async move {
            loop {
                match deltas.recv().await {
                    Ok(delta) => shared.lock().unwrap().take(&delta, &registry, &hub),
                    // As a subscription does: what was missed is read from the stores.
                    Err(RecvError::Lagged(_)) => {
                        let mut state = shared.lock().unwrap();
                        state.lagged += 1;
                        state.number = hub.missed_since(state.number).up_to;
                        state.objects = stored(&registry);
                        let read = hub.missed_since(0).up_to;
                        let clusters = registry.clusters(&Scope::everything());
                        state.read_up_to =
                            clusters.iter().map(|cluster| (cluster.spec().id.clone(), read)).collect();
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        });
        Self(state)
    }

    /// Waits until both are the same, since a delta may be on its way.
    pub async fn check(&self, registry: &Registry) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let stored = stored(registry);
            {
                let state = self.0.lock().unwrap();
                if state.objects == stored {
                    eprintln!("a subscriber was told the same (it lagged {} times)", state.lagged);
                    return;
                }
                assert!(Instant::now() < deadline, "{}", differences(&state.objects, &stored));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl State {
    fn take(&mut self, delta: &Delta<ConfigMap>, registry: &Registry, hub: &Hub<ConfigMap>) {
        if delta.number <= self.number {
            return;
        }
        self.number = delta.number;
        match &delta.change {
            Change::Applied { new, .. } => {
                self.objects.insert(new.id(), new.meta.resource_version.to_string());
            }
            Change::Deleted { old } => {
                let was_there = self.objects.remove(&old.id()).is_some();
                let read = self.read_up_to.get(&old.cluster).is_some_and(|number| delta.number <= *number);
                assert!(was_there || read, "{} is deleted and was not there", old.id());
            }
            Change::Resynced { cluster, .. } => {
                let prefix = format!("{cluster}:");
                self.objects.retain(|id, _| !id.starts_with(&prefix));
                let of_cluster = stored(registry).into_iter().filter(|(id, _)| id.starts_with(&prefix));
                self.objects.extend(of_cluster);
                self.read_up_to.insert(cluster.clone(), hub.missed_since(0).up_to);
            }
        }
    }
}

fn stored(registry: &Registry) -> Objects {
    let scope = Scope::everything();
    let rows = registry.read::<ConfigMap>(&scope).select(&Query::default()).unwrap().rows;
    rows.iter().map(|row| (row.id(), row.meta.resource_version.to_string())).collect()
}

pub fn differences(a: &Objects, b: &Objects) -> String {
    let of = |a: &Objects, b: &Objects| {
        a.iter()
            .filter(|(id, version)| b.get(*id) != Some(version))
            .map(|(id, v)| format!("{id}@{v}"))
            .take(5)
            .collect::<Vec<_>>()
    };
    format!("only here: {:?}; only there: {:?}", of(a, b), of(b, a))
}
