//! One listener for all changes of a cluster, for who follows a thousand of them: it hears that something changed and
//! where, and reads it with a [`super::Subscription`]. What is quiet costs nothing.

use std::sync::Arc;

use super::Cluster;
use crate::resources::Storage;

/// Called under the cluster's lock: it may note the change, and must not call the cluster.
pub(crate) type Tap = Arc<dyn Fn(&Storage) + Send + Sync>;

impl Cluster {
    /// Replaces the listener.
    pub(crate) fn set_tap(&self, tap: Tap) {
        self.lock().tap = Some(tap);
    }

    /// Ends a listener, unless another has taken its place.
    pub(crate) fn remove_tap(&self, tap: &Tap) {
        let mut state = self.lock();
        if state.tap.as_ref().is_some_and(|current| Arc::ptr_eq(current, tap)) {
            state.tap = None;
        }
    }
}
