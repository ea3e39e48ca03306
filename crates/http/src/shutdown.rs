//! The stages of stopping, as seen by everything that must take part.
//!
//! ```text
//!   serving ──begin()──▶ draining ──drain_delay──▶ closing ──drain_timeout──▶ aborting
//!                        readiness fails           listener closed            what is left is dropped
//!                        requests still served     WebSockets close with 1001
//!                                                  event streams end
//!                                                  requests in flight finish
//! ```

use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// A handle that begins the shutdown and shows how far it is. Clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    draining: CancellationToken,
    closing: CancellationToken,
    aborting: CancellationToken,
    tasks: TaskTracker,
}

impl Shutdown {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the shutdown. Later calls do nothing.
    pub fn begin(&self) {
        self.draining.cancel();
    }

    /// Whether the shutdown has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.is_cancelled()
    }

    /// Waits until the shutdown begins.
    pub async fn begun(&self) {
        self.draining.cancelled().await;
    }

    pub(crate) fn close(&self) {
        self.closing.cancel();
        self.tasks.close();
    }

    pub(crate) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    pub(crate) fn abort(&self) {
        self.aborting.cancel();
    }

    pub(crate) fn aborting(&self) -> &CancellationToken {
        &self.aborting
    }

    /// Work that outlives the request that began it, which the drain waits for.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }
}
