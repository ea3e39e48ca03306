//! Where something changed, noted by the clusters' taps and read by the one engine. Bounded by the number of clusters
//! and resources: it holds places, not events; the events are read from the store, with a cursor.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::cluster::{Cluster, Tap};
use crate::resources::Storage;

const LEASES: &str = "leases.coordination.k8s.io";

#[derive(Default)]
struct Noted {
    /// Of each cluster, the resources that changed.
    places: Vec<Vec<Storage>>,
    /// Clusters with any.
    queue: Vec<usize>,
    stopping: bool,
}

#[derive(Default)]
pub(super) struct Hub {
    noted: Mutex<Noted>,
    woken: Condvar,
    changes: AtomicU64,
}

/// The clusters' ends of a hub; dropping them lets the clusters go.
pub(super) struct Taps(Vec<(Cluster, Tap)>);

impl Drop for Taps {
    fn drop(&mut self) {
        for (cluster, tap) in &self.0 {
            cluster.remove_tap(tap);
        }
    }
}

impl Hub {
    pub fn new(clusters: &[Cluster]) -> (Arc<Self>, Taps) {
        let hub = Arc::new(Self::default());
        hub.lock().places = vec![Vec::new(); clusters.len()];
        let tap = |(member, cluster): (usize, &Cluster)| {
            let hub = Arc::clone(&hub);
            let tap: Tap = Arc::new(move |storage| hub.note(member, storage));
            cluster.set_tap(Arc::clone(&tap));
            (cluster.clone(), tap)
        };
        let taps = Taps(clusters.iter().enumerate().map(tap).collect());
        (hub, taps)
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called under a cluster's lock.
    fn note(&self, member: usize, storage: &Storage) {
        // Leases beat on their own, and nobody acts on them.
        if &**storage == LEASES {
            return;
        }
        self.changes.fetch_add(1, Ordering::Relaxed);
        let mut noted = self.lock();
        let Some(places) = noted.places.get_mut(member) else { return };
        if places.contains(storage) {
            return;
        }
        places.push(Arc::clone(storage));
        if places.len() == 1 {
            noted.queue.push(member);
            self.woken.notify_all();
        }
    }

    /// The clusters with changes; their places are then asked for one by one. `None` once it stops.
    pub fn members(&self) -> Option<Vec<usize>> {
        let mut noted = self.lock();
        (!noted.stopping).then(|| std::mem::take(&mut noted.queue))
    }

    pub fn places(&self, member: usize) -> Vec<Storage> {
        self.lock().places.get_mut(member).map(std::mem::take).unwrap_or_default()
    }

    /// Changes of anything but leases since the engine was made.
    pub fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// Waits for a change or the end of `most`; `false` once it stops.
    pub fn wait(&self, most: Duration) -> bool {
        let noted = self.lock();
        let waited =
            self.woken.wait_timeout_while(noted, most, |noted| noted.queue.is_empty() && !noted.stopping);
        let (noted, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !noted.stopping
    }

    pub fn stop(&self) {
        self.lock().stopping = true;
        self.woken.notify_all();
    }
}
