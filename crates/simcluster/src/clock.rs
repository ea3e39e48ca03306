//! The cluster's clock: real time plus a skew, since a cluster whose clock is wrong is one of the faults. Frozen, it
//! stands where it was put, so that a test makes hours pass in no time, and the same ones each time.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

#[derive(Debug, Default)]
pub struct Clock {
    skew_ms: AtomicI64,
    /// Milliseconds since 1970; 0 while the clock runs.
    frozen_ms: AtomicI64,
}

impl Clock {
    pub fn now(&self) -> Timestamp {
        let frozen = self.frozen_ms.load(Ordering::Relaxed);
        if frozen != 0 {
            return Timestamp::from_millisecond(frozen).unwrap_or(Timestamp::UNIX_EPOCH);
        }
        let skew = SignedDuration::from_millis(self.skew_ms.load(Ordering::Relaxed));
        Timestamp::now().saturating_add(skew).unwrap_or_else(|_| Timestamp::now())
    }

    /// The same without the skew: how time passes, whatever the cluster takes it for.
    pub fn steady_ms(&self) -> i64 {
        match self.frozen_ms.load(Ordering::Relaxed) {
            0 => Timestamp::now().as_millisecond(),
            frozen => frozen,
        }
    }

    /// How far this clock is ahead of real time (behind, if negative).
    pub fn set_skew_ms(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }

    /// Stops the clock at a time (milliseconds since 1970) until it is put elsewhere.
    pub fn freeze_at_ms(&self, now_ms: i64) {
        self.frozen_ms.store(now_ms, Ordering::Relaxed);
    }

    /// Lets a frozen clock run again.
    pub fn thaw(&self) {
        self.frozen_ms.store(0, Ordering::Relaxed);
    }
}

/// As Kubernetes writes a `metav1.Time`: UTC, whole seconds.
pub fn rfc3339(seconds: i64) -> String {
    let stamp = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// As a `Date` header has it.
pub(crate) fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
