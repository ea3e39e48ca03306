//! What a caller is told of a bound that is used up.

use std::fmt;
use std::time::Duration;

/// A bound that is used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{whose} may have {bound}; {remedy}")]
pub struct Exceeded {
    pub(super) whose: Whose,
    pub(super) bound: String,
    pub(super) remedy: Remedy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Principal,
    Tenant,
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    Wait(Duration),
    AskForLess,
    /// Nobody knows when a subscription ends.
    EndOne,
}

/// When it is worth asking again for a place that somebody else has to give back.
const ASK_AGAIN: u64 = 10;

impl Exceeded {
    /// After how many seconds to try again; `None` where waiting doesn't help.
    #[must_use]
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.remedy.seconds()
    }
}

impl Remedy {
    /// Rounded up, so that who waits so long has waited long enough.
    fn seconds(self) -> Option<u64> {
        match self {
            Self::Wait(time) => Some((time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)),
            Self::EndOne => Some(ASK_AGAIN),
            Self::AskForLess => None,
        }
    }
}

impl fmt::Display for Whose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Principal => "a caller",
            Self::Tenant => "all callers of a tenant together",
        })
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.seconds()) {
            (Self::EndOne, Some(seconds)) => write!(formatter, "end one, or try again in {seconds} s"),
            (_, Some(seconds)) => write!(formatter, "try again in {seconds} s"),
            (_, None) => formatter.write_str("ask for less at once"),
        }
    }
}
