//! The copy of one kind of one cluster.
//!
//! ```text
//!                 one                              any number, no lock
//!   watch ──────▶ Writer<K> ──publishes──▶ ArcSwap<Snapshot<K>> ◀──loads── Store<K> (reads)
//!                    └──────sends────────▶ Hub<K> (deltas of the kind, all clusters)
//! ```
//!
//! A snapshot is two persistent B-trees that share what did not change with the snapshot before, so that
//! publishing costs what changed, and a reader holds a consistent view for as long as it likes:
//!
//! ```text
//!   by name   (namespace, name)          → entry      lists in order, pages by key, single objects
//!   by key    (hash, namespace, name)    → entry      labels, owners, declared references
//! ```
//!
//! The second tree holds hashes of its keys, 8 bytes whatever their length; a reader compares the real key on
//! each entry that it finds, so a collision costs time, never a wrong row.

mod snapshot;
#[cfg(test)]
mod tests;
mod twin;
mod writer;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use arc_swap::ArcSwap;
use fleetgraph_core::{ClusterId, Error, Freshness, Kind, KindMeta, Timestamp, WatchState};

#[cfg(test)]
pub(crate) use snapshot::TakeVersion;
pub use snapshot::{Edge, Snapshot};
pub(crate) use snapshot::{Versions, has_key};
pub use writer::{AnyWriter, Writer};

use crate::{codec::Codec, delta::Hub, pii::Pii};

/// What a writer says of its watch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WatchStatus {
    pub state: WatchState,
    pub synced: bool,
    pub malformed: usize,
    pub error: Option<Error>,
}

struct Shared<K: Kind> {
    cluster: ClusterId,
    kind: &'static KindMeta,
    /// Only this one; all if `None`.
    namespace: Option<String>,
    codec: Arc<Codec>,
    /// What concerns the kind.
    pii: Arc<Pii>,
    snapshot: ArcSwap<Snapshot<K>>,
    status: ArcSwap<WatchStatus>,
    /// When the cluster last said anything on this watch; 0 if it never did.
    last_event: Arc<AtomicI64>,
}

/// How current a copy is, in as few words as it takes to rely on it or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// What the watch itself says; it may not have noticed yet that the cluster doesn't answer.
    pub state: WatchState,
    /// Whether a first list was ever completed.
    pub synced: bool,
    /// When the cluster last said anything on this watch.
    pub heard: Option<Timestamp>,
}

/// Reads the copy. Cheap to clone.
pub struct Store<K: Kind> {
    shared: Arc<Shared<K>>,
}

impl<K: Kind> Clone for Store<K> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

/// Makes an empty store, for one namespace or for all: the handle that reads, and the one that writes.
pub fn new<K: Kind>(
    cluster: ClusterId,
    kind: &'static KindMeta,
    namespace: Option<String>,
    (codec, pii): (Arc<Codec>, Arc<Pii>),
    hub: Arc<Hub<K>>,
) -> (Store<K>, Writer<K>) {
    let shared = Arc::new(Shared {
        cluster,
        kind,
        namespace,
        codec,
        pii,
        snapshot: ArcSwap::from_pointee(Snapshot::default()),
        status: ArcSwap::from_pointee(WatchStatus {
            state: WatchState::Syncing,
            synced: false,
            malformed: 0,
            error: None,
        }),
        last_event: Arc::new(AtomicI64::new(0)),
    });
    (Store { shared: Arc::clone(&shared) }, Writer::new(shared, hub))
}

impl<K: Kind> Store<K> {
    /// The cluster that the objects lie in.
    #[must_use]
    pub fn cluster(&self) -> &ClusterId {
        &self.shared.cluster
    }

    /// The kind of the objects.
    #[must_use]
    pub fn kind(&self) -> &'static KindMeta {
        self.shared.kind
    }

    /// The one namespace that the objects lie in; `None` if they may lie in any.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.shared.namespace.as_deref()
    }

    /// Whether what isn't here of a namespace isn't in the cluster either, as far as the cluster was heard.
    #[must_use]
    pub fn complete(&self, namespace: &str) -> bool {
        let status = self.shared.status.load();
        status.synced && status.malformed == 0 && self.namespace().is_none_or(|only| only == namespace)
    }

    /// The copy as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot<K>> {
        self.shared.snapshot.load_full()
    }

    /// How current the copy is. `reachable` says whether the cluster answers at all: if not, no watch of it
    /// can be live, even one whose connection has not been found dead yet.
    #[must_use]
    pub fn freshness(&self, reachable: bool) -> Freshness {
        let status = self.shared.status.load();
        let snapshot = self.shared.snapshot.load();
        let state = match status.state {
            WatchState::Live if !reachable => WatchState::Stale,
            state => state,
        };
        let last = self.shared.last_event.load(Ordering::Relaxed);
        Freshness {
            state,
            last_event: (last != 0).then(|| Timestamp::from_micros(last)),
            resource_version: snapshot.resource_version.clone(),
            synced: status.synced,
            objects: snapshot.len(),
            malformed: status.malformed,
            error: status.error.clone(),
        }
    }

    /// What of [`Store::freshness`] costs no copy of a text, for those who look at each read.
    #[must_use]
    pub fn pulse(&self) -> Pulse {
        let status = self.shared.status.load();
        let last = self.shared.last_event.load(Ordering::Relaxed);
        Pulse {
            state: status.state,
            synced: status.synced,
            heard: (last != 0).then(|| Timestamp::from_micros(last)),
        }
    }

    /// Whether a first list was completed, or failed.
    #[must_use]
    pub fn settled(&self) -> bool {
        let status = self.shared.status.load();
        status.synced || status.error.is_some() || !matches!(status.state, WatchState::Syncing)
    }
}
