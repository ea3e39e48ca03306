//! A token bucket (GCRA): so much at once, and then as it grows back.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

const ONE: NonZeroU32 = NonZeroU32::MIN;

/// Why nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// There will be enough after this time, if nobody else takes it.
    Until(Duration),
    /// The full bucket has less.
    Never,
}

/// A bucket for each key, full when it is first asked for.
pub(super) struct Bucket<C: Clock> {
    quota: Quota,
    limiter: RateLimiter<Arc<str>, DashMapStateStore<Arc<str>>, C, StateInformationMiddleware>,
}

impl<C: Clock> Bucket<C> {
    pub fn new(quota: Quota, clock: C) -> Self {
        Self { quota, limiter: RateLimiter::new(quota, DashMapStateStore::default(), clock) }
    }

    pub fn quota(&self) -> Quota {
        self.quota
    }

    /// Takes all units or none, and returns how many are left.
    pub fn take(&self, key: &Arc<str>, units: NonZeroU32) -> Result<u32, Refused> {
        // Asked first, for the limiter multiplies without looking whether the product has room.
        if units > self.quota.burst_size() {
            return Err(Refused::Never);
        }
        match self.limiter.check_key_n(key, units) {
            Ok(Ok(state)) => Ok(state.remaining_burst_capacity()),
            Ok(Err(until)) => Err(Refused::Until(until.wait_time_from(self.limiter.clock().now()))),
            Err(_) => Err(Refused::Never),
        }
    }

    /// What is missing to a full bucket. The question takes one unit, so it is for buckets that are given up.
    pub fn used(&self, key: &Arc<str>) -> u32 {
        let full = self.quota.burst_size().get();
        self.take(key, ONE).map_or(full, |left| full.saturating_sub(left + 1))
    }

    /// Takes so much, or what is there.
    pub fn charge(&self, key: &Arc<str>, units: u32) {
        if units == 0 {
            return;
        }
        let Ok(left) = self.take(key, ONE) else { return };
        if let Some(rest) = NonZeroU32::new(left.min(units - 1)) {
            // Somebody else may have been faster, and then it is as empty as it should be.
            let _ = self.take(key, rest);
        }
    }

    /// Forgets keys whose bucket is full again: as if it had never been there.
    pub fn sweep(&self) {
        self.limiter.retain_recent();
    }

    #[cfg(test)]
    pub fn keys(&self) -> usize {
        self.limiter.len()
    }
}
