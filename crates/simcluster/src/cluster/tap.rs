//! One listener for all changes of a cluster, for who follows a thousand of them: it hears that something changed and
//! where, and reads it with a [`super::Subscription`]. What is quiet costs nothing.

use std::sync::Arc;

use super::Cluster;
use crate::resources::Storage;

/// Called under the cluster's lock: it may note the change, and must not call the cluster.
pub(crate) type Tap = Arc<dyn Fn(&Storage) + Send + Sync>;

impl Cluster {
    /// Replaces the listener; `None` ends it.
    pub(crate) fn set_tap(&self, tap: Option<Tap>) {
        self.lock().tap = tap;
    }
}
