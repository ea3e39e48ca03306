//! How an object is doing, by one rule set for all kinds, in the words that GitOps users know.

use crate::Istr;

/// How an object is doing. In the order of urgency, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HealthState {
    /// It is as it is wanted.
    Healthy,
    /// Work on it was stopped on purpose.
    Suspended,
    /// It is on its way to what is wanted.
    Progressing,
    /// Nothing is known of it.
    Unknown,
    /// It is referred to, and isn't there.
    Missing,
    /// It failed, or can't become what is wanted by itself.
    Degraded,
}

impl HealthState {
    /// All states, in their order.
    pub const ALL: [Self; 6] =
        [Self::Healthy, Self::Suspended, Self::Progressing, Self::Unknown, Self::Missing, Self::Degraded];
}

/// How an object is doing, and one word for why, such as `CrashLoopBackOff`; empty where there is nothing to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    pub state: HealthState,
    pub reason: Istr,
}

impl Health {
    #[must_use]
    pub fn new(state: HealthState, reason: &str) -> Self {
        Self { state, reason: if reason.is_empty() { Istr::default() } else { Istr::new(reason) } }
    }

    #[must_use]
    pub fn healthy() -> Self {
        Self::new(HealthState::Healthy, "")
    }

    #[must_use]
    pub fn progressing(reason: &str) -> Self {
        Self::new(HealthState::Progressing, reason)
    }

    #[must_use]
    pub fn degraded(reason: &str) -> Self {
        Self::new(HealthState::Degraded, reason)
    }

    #[must_use]
    pub fn suspended(reason: &str) -> Self {
        Self::new(HealthState::Suspended, reason)
    }

    #[must_use]
    pub fn unknown(reason: &str) -> Self {
        Self::new(HealthState::Unknown, reason)
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::healthy()
    }
}
