//! How current the copy of one kind of one cluster is. Every answer can carry this, so that a dead cluster
//! gives a partial answer that says so, never silently missing rows.

use crate::Timestamp;

/// The state of the watch of one kind in one cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WatchState {
    /// The first list isn't complete: objects may be missing.
    Syncing,
    /// The watch is established: objects are as the cluster last reported them.
    Live,
    /// The watch is broken: objects are as they were when it broke.
    Stale,
    /// The cluster does not let fleetgraph list or watch this kind.
    Forbidden,
    /// The cluster does not serve this kind.
    Absent,
}

/// How current the copy of one kind of one cluster is.
#[derive(Debug, Clone, PartialEq)]
pub struct Freshness {
    pub state: WatchState,
    /// When the cluster last said anything on this watch: a list, a change, a bookmark.
    pub last_event: Option<Timestamp>,
    /// The resourceVersion up to which the copy is complete.
    pub resource_version: Option<String>,
    /// Whether a first list was ever completed.
    pub synced: bool,
    /// Objects in the copy.
    pub objects: usize,
    /// Objects that could not be decoded, and so are not in the copy.
    pub malformed: usize,
    /// What broke the watch, for callers.
    pub error: Option<crate::Error>,
}
