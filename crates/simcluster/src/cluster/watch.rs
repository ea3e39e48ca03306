//! Following a resource: events after a revision, in order, each once.

use tokio::sync::watch;

use super::Cluster;
use crate::resources::{Resource, Storage};
use crate::store::{Compacted, Event};

/// How many events one step takes at most, so that a long catch-up doesn't hold the lock.
const STEP: usize = 256;

/// Why a subscription can't go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WatchEnd {
    /// It asks for events that are no longer remembered.
    #[error("too old resource version")]
    Expired,
    /// It read more slowly than events came, and some are no longer remembered.
    #[error("the watch was too slow")]
    TooSlow,
    /// The cluster went back to an earlier state, or is gone.
    #[error("the watch was closed")]
    Closed,
}

/// Reads the events of one resource with a cursor of its own.
pub struct Subscription {
    cluster: Cluster,
    storage: Storage,
    cursor: u64,
    epoch: u64,
    /// Everything up to the cursor has been given out; before that it is only claimed.
    begun: bool,
    changed: watch::Receiver<u64>,
}

impl Cluster {
    /// Events after `revision`; [`Cluster::list`] says which revision its state is of.
    pub fn subscribe(&self, resource: &Resource, revision: u64) -> Subscription {
        let mut state = self.lock();
        Subscription {
            cluster: self.clone(),
            storage: resource.storage.clone(),
            cursor: revision,
            epoch: state.epoch,
            begun: false,
            changed: state.store(&resource.storage).changes(),
        }
    }
}

impl Subscription {
    /// Waits for the next events, at least one.
    ///
    /// # Errors
    /// When there can be no further events. Dropping the future loses none.
    pub async fn next(&mut self) -> Result<Vec<Event>, WatchEnd> {
        loop {
            self.changed.mark_unchanged();
            let events = self.ready()?;
            if !events.is_empty() {
                return Ok(events);
            }
            self.changed.changed().await.map_err(|_| WatchEnd::Closed)?;
        }
    }

    /// What there is now; nothing left, when empty.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub fn ready(&mut self) -> Result<Vec<Event>, WatchEnd> {
        let mut state = self.cluster.lock();
        if state.epoch != self.epoch {
            return Err(WatchEnd::Closed);
        }
        let store = state.store(&self.storage);
        let events = if self.begun {
            store.following(self.cursor, STEP).map_err(|Compacted| WatchEnd::TooSlow)?
        } else {
            store.since(self.cursor, STEP).map_err(|Compacted| WatchEnd::Expired)?
        };
        self.begun = true;
        // Bookmarks of a quiet watch go on with the cluster's revision.
        self.cursor = events.last().map_or(self.cursor.max(state.revision), |last| last.revision);
        Ok(events)
    }

    /// Everything up to this revision has been given out.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }
}
