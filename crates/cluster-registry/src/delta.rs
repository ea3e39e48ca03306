//! Changes of a kind, over all clusters, as they leave the writers.
//!
//! Every change has a number that grows by the order in which the changes became visible to readers. It lets a
//! subscriber that fell behind the broadcast catch up: what it missed are the entries with a higher number and
//! the deletions that the hub remembers. Only where those no longer reach back far enough is it told to read
//! everything again.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fleetgraph_core::{ClusterId, Kind, KindMeta, Timestamp};
use tokio::sync::broadcast;

use crate::entry::Shared;

/// How many changes a subscriber may be behind before it has to catch up from the stores.
const BROADCAST: usize = 1024;
/// How many deletions are remembered for subscribers that catch up. Deletions beyond it make them resync.
const TOMBSTONES: usize = 4096;

/// A change to one kind of one cluster.
pub struct Delta<K: Kind> {
    pub number: u64,
    pub at: Timestamp,
    pub change: Change<K>,
}

/// What changed.
pub enum Change<K: Kind> {
    /// An object came, or changed.
    Applied { old: Option<Shared<K>>, new: Shared<K> },
    /// An object went. `old` is its last known state.
    Deleted { old: Shared<K> },
    /// The copy of a cluster was filled for the first time, or dropped with the cluster: whatever a subscriber
    /// knew of that cluster, it has to read again.
    Resynced { cluster: ClusterId, kind: &'static KindMeta },
}

/// What a subscriber missed.
pub struct Missed<K: Kind> {
    /// Deltas up to this number are accounted for.
    pub up_to: u64,
    /// Deletions since, or `None` if they are no longer all known.
    pub deleted: Option<Vec<Arc<Delta<K>>>>,
}

/// The meeting point of a kind: its writers in all clusters, and its subscribers.
pub struct Hub<K: Kind> {
    log: Mutex<Log<K>>,
    deltas: broadcast::Sender<Arc<Delta<K>>>,
}

struct Log<K: Kind> {
    last: u64,
    tombstones: VecDeque<Arc<Delta<K>>>,
    /// The number of the last deletion or resync that was forgotten.
    forgotten: u64,
}

impl<K: Kind> Default for Hub<K> {
    fn default() -> Self {
        Self {
            log: Mutex::new(Log { last: 0, tombstones: VecDeque::new(), forgotten: 0 }),
            deltas: broadcast::Sender::new(BROADCAST),
        }
    }
}

impl<K: Kind> Hub<K> {
    /// All changes from now on, and the number of the last one before. A receiver that lags loses the oldest
    /// changes, and learns that it did.
    #[must_use]
    pub fn subscribe(&self) -> (broadcast::Receiver<Arc<Delta<K>>>, u64) {
        let log = self.log();
        (self.deltas.subscribe(), log.last)
    }

    /// What happened since a number, apart from what the entries in the stores say themselves.
    #[must_use]
    pub fn missed_since(&self, number: u64) -> Missed<K> {
        let log = self.log();
        let deleted = (log.forgotten <= number)
            .then(|| log.tombstones.iter().filter(|delta| delta.number > number).map(Arc::clone).collect());
        Missed { up_to: log.last, deleted }
    }

    /// How many subscribers there are now.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.deltas.receiver_count()
    }

    fn log(&self) -> MutexGuard<'_, Log<K>> {
        // Nothing panics while the lock is held.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Numbers changes, makes them visible, and sends them, in that order and with no other writer between. What
    /// takes long is done before: the lock is the whole fleet's for this kind.
    pub(crate) fn publish(&self, changes: Vec<Change<K>>, show: impl FnOnce()) {
        let at = Timestamp::now();
        let mut log = self.log();
        for (change, number) in changes.iter().zip(log.last + 1..) {
            if let Change::Applied { new, .. } = change {
                new.number(number);
            }
        }
        show();
        for change in changes {
            log.last += 1;
            let delta = Arc::new(Delta { number: log.last, at, change });
            if !matches!(delta.change, Change::Applied { .. }) {
                if log.tombstones.len() == TOMBSTONES
                    && let Some(oldest) = log.tombstones.pop_front()
                {
                    log.forgotten = oldest.number;
                }
                log.tombstones.push_back(Arc::clone(&delta));
            }
            // No receiver is no error: there are no subscribers.
            let _ = self.deltas.send(delta);
        }
    }

    /// The number that the next change will get at the least.
    pub(crate) fn next_number(&self) -> u64 {
        self.log().last + 1
    }
}
