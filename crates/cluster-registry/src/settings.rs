//! What can be set about the registry as a whole.

use std::time::Duration;

use crate::pii::Pii;

/// Bounds and periods of the registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Lists that may run at the same time over the whole fleet. More wait for a slot.
    pub concurrent_lists: usize,
    /// Lists that may run at the same time against one cluster.
    pub concurrent_lists_per_cluster: usize,
    /// How often each watch is listed again in full and compared; zero for never.
    pub resync_period: Duration,
    /// How often the versions of each kind are compared with the cluster's, to find what a watch lost; zero for never.
    pub audit_period: Duration,
    /// Kinds (plural names) to watch; those that are watched by default if empty.
    pub watch_resources: Vec<String>,
    /// Kinds (plural names) of which only the metadata is asked for.
    pub metadata_only: Vec<String>,
    /// What is masked for callers who may not unmask it.
    pub pii: Pii,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrent_lists: 16,
            concurrent_lists_per_cluster: 4,
            resync_period: Duration::from_secs(600),
            audit_period: Duration::from_secs(30),
            watch_resources: Vec::new(),
            metadata_only: vec!["secrets".to_owned()],
            pii: Pii::default(),
        }
    }
}
