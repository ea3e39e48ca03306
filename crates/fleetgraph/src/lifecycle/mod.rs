//! The server's life as named states, and who watches over its tasks.
//!
//! ```text
//! Starting ──every cluster answered or was given up──► Ready ──signal or a task's end──► Draining ──► Stopped
//!     └───────────────────────signal or a task's end──────────────────────────────────────►┘
//! ```
//!
//! Only `Ready` is reported as ready; the other way out of `Starting` is for a signal that comes early.

mod signals;
mod tasks;

use std::fmt;

use tokio::sync::watch;

pub use self::{
    signals::{Hangups, Signals},
    tasks::{Ended, Tasks},
};

/// Where the server is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Listening; not all clusters have been seen yet.
    Starting,
    /// Every cluster is synced, or known to be unreachable.
    Ready,
    /// No new requests; the running ones may finish.
    Draining,
    /// Everything has ended.
    Stopped,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        })
    }
}

/// The current phase. It only ever advances. Cheap to clone; all clones see the same.
#[derive(Debug, Clone)]
pub struct Lifecycle(watch::Sender<Phase>);

impl Default for Lifecycle {
    fn default() -> Self {
        Self(watch::Sender::new(Phase::Starting))
    }
}

impl Lifecycle {
    /// The phase now.
    #[must_use]
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Goes on to a later phase; a step back, such as a cluster that becomes ready while draining, is ignored.
    pub fn advance(&self, to: Phase) {
        let advanced = self.0.send_if_modified(|phase| {
            let later = to > *phase;
            if later {
                *phase = to;
            }
            later
        });
        if advanced {
            tracing::info!(phase = %to, "the server is {to}");
        }
    }

    /// Waits until a phase, or a later one, is reached.
    pub async fn reached(&self, phase: Phase) {
        // It fails only when every sender is gone, and this one isn't.
        let _ = self.0.subscribe().wait_for(|now| *now >= phase).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_never_goes_back() {
        let life = Lifecycle::default();
        life.advance(Phase::Draining);
        life.advance(Phase::Ready);
        assert_eq!(life.phase(), Phase::Draining);
    }

    #[tokio::test]
    async fn waiting_for_a_phase_ends_at_a_later_one_too() {
        let life = Lifecycle::default();
        let waiting = tokio::spawn({
            let life = life.clone();
            async move { life.reached(Phase::Ready).await }
        });
        life.advance(Phase::Stopped);
        waiting.await.unwrap();
    }
}
