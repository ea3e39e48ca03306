//! How the registry watches the clusters.

use super::settings::settings;

settings! {
    /// How the clusters are watched.
    pub struct RegistryConfig {
        /// Full lists (the first one of each watch, and those of `resync_period`) that run at the same time, over all clusters. More make a start faster and its peak of memory higher.
        max_concurrent_initial_lists: usize = 16,
        /// The same, for each cluster.
        max_concurrent_initial_lists_per_cluster: usize = 4,
    }
}
