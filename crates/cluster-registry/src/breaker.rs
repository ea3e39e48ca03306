//! A circuit breaker for each cluster, so that a dead one costs its callers nothing.
//!
//! ```text
//!            N failures in a row                  the probe's delay is over
//!   Closed ───────────────────────► Open ─────────────────────────────────► HalfOpen
//!     ▲                              ▲                                         │ │
//!     │                              └──────────── the probe fails ────────────┘ │
//!     └─────────────────────────────────── the probe succeeds ───────────────────┘
//! ```
//!
//! Only what says that the cluster can't be reached counts: failed connects, timeouts, and the 502, 503 and 504
//! of a load balancer with nothing behind it. A 403 is an answer. In `HalfOpen` one probe goes through, the health
//! prober's; callers still fail at once. State is read without a lock.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::{sync::watch, time::Instant};

/// When a breaker opens, and how it tries again.
#[derive(Debug, Clone)]
pub struct BreakerSettings {
    /// Failures in a row, without a success between them, that open it.
    pub failures: u32,
    /// The first delay before a probe; each failed probe doubles it.
    pub min_delay: Duration,
    pub max_delay: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, min_delay: Duration::from_secs(1), max_delay: Duration::from_secs(30) }
    }
}

/// Whether calls to the cluster are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum BreakerState {
    Closed = 0,
    HalfOpen = 1,
    Open = 2,
}

impl BreakerState {
    const fn from_u8(value: u8) -> Self {
        match value {
            0 => Self::Closed,
            1 => Self::HalfOpen,
            _ => Self::Open,
        }
    }
}

impl fmt::Display for BreakerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        })
    }
}

/// The breaker of one cluster. Cheap to clone; all clones are the same breaker.
#[derive(Debug, Clone)]
pub struct Breaker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    settings: BreakerSettings,
    state: AtomicU8,
    failures: AtomicU32,
    /// How many times in a row it opened without closing again; the exponent of the delay.
    openings: AtomicU32,
    /// Nanoseconds from `epoch` to the next probe.
    probe_at: AtomicU64,
    epoch: Instant,
    reason: ArcSwapOption<String>,
    changes: watch::Sender<BreakerState>,
}

impl Breaker {
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self(Arc::new(Inner {
            settings,
            state: AtomicU8::new(BreakerState::Closed as u8),
            failures: AtomicU32::new(0),
            openings: AtomicU32::new(0),
            probe_at: AtomicU64::new(0),
            epoch: Instant::now(),
            reason: ArcSwapOption::empty(),
            changes: watch::channel(BreakerState::Closed).0,
        }))
    }

    #[must_use]
    pub fn state(&self) -> BreakerState {
        BreakerState::from_u8(self.0.state.load(Ordering::Acquire))
    }

    /// Whether calls are tried now.
    #[must_use]
    pub fn reachable(&self) -> bool {
        self.state() == BreakerState::Closed
    }

    /// Waits until calls are tried again; returns at once when they are.
    pub async fn closed(&self) {
        self.wait(|state| state == BreakerState::Closed).await;
    }

    /// Waits until calls are no longer tried; returns at once when they aren't.
    pub async fn opened(&self) {
        self.wait(|state| state != BreakerState::Closed).await;
    }

    /// Each change of state, for those who show it. A slow reader sees the last one only.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<BreakerState> {
        self.0.changes.subscribe()
    }

    /// What the last failure was, while the breaker isn't closed.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.0.reason.load().as_deref().cloned()
    }

    /// When the next probe is due, while the breaker is open.
    #[must_use]
    pub fn probe_at(&self) -> Instant {
        self.0.epoch + Duration::from_nanos(self.0.probe_at.load(Ordering::Acquire))
    }

    /// The cluster answered. Closes the breaker unless it is open: an answer to a call from before it opened
    /// says nothing about now.
    pub fn record_success(&self) {
        self.0.failures.store(0, Ordering::Release);
        if self.step(BreakerState::HalfOpen, BreakerState::Closed) {
            self.0.openings.store(0, Ordering::Release);
            self.0.reason.store(None);
        }
    }

    /// The cluster could not be reached, with the reason for people.
    pub fn record_failure(&self, reason: &str) {
        let failures = self.0.failures.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        match self.state() {
            BreakerState::Closed if failures >= self.0.settings.failures => {
                self.open(BreakerState::Closed, reason);
            }
            BreakerState::HalfOpen => self.open(BreakerState::HalfOpen, reason),
            BreakerState::Closed | BreakerState::Open => {}
        }
    }

    /// Lets one probe through. For the health prober, once [`probe_at`](Self::probe_at) has passed.
    pub(crate) fn admit_probe(&self) -> bool {
        self.step(BreakerState::Open, BreakerState::HalfOpen)
    }

    fn open(&self, from: BreakerState, reason: &str) {
        let exponent = self.0.openings.load(Ordering::Acquire).min(16);
        let delay = self.0.settings.min_delay.saturating_mul(1 << exponent).min(self.0.settings.max_delay);
        // Jitter, so that the probes of many clusters behind one dead network don't come back in step.
        let delay = delay.mul_f64(rand::random_range(0.5..=1.0));
        let at = (Instant::now() - self.0.epoch) + delay;
        self.0.probe_at.store(u64::try_from(at.as_nanos()).unwrap_or(u64::MAX), Ordering::Release);
        self.0.reason.store(Some(Arc::new(reason.to_owned())));
        if self.step(from, BreakerState::Open) {
            self.0.openings.fetch_add(1, Ordering::AcqRel);
        }
    }

    fn step(&self, from: BreakerState, to: BreakerState) -> bool {
        let stepped =
            self.0.state.compare_exchange(from as u8, to as u8, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if stepped {
            // Sends what the state is by now: two steps may be announced out of order.
            self.0.changes.send_modify(|shown| *shown = self.state());
        }
        stepped
    }

    async fn wait(&self, wanted: impl Fn(BreakerState) -> bool) {
        let mut changes = self.0.changes.subscribe();
        // The sender lives in `self`, so the channel can't close here.
        let _ = changes.wait_for(|state| wanted(*state)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn breaker() -> Breaker {
        Breaker::new(BreakerSettings { failures: 3, ..BreakerSettings::default() })
    }

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            breaker.record_failure("connection refused");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_opens_after_the_configured_failures_in_a_row() {
        let breaker = breaker();
        fail(&breaker, 2);
        breaker.record_success();
        fail(&breaker, 2);
        assert!(breaker.reachable());
        fail(&breaker, 1);
        assert_eq!(breaker.state(), BreakerState::Open);
        assert_eq!(breaker.reason().as_deref(), Some("connection refused"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_does_not_close_an_open_breaker() {
        let breaker = breaker();
        fail(&breaker, 3);
        breaker.record_success();
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn a_successful_probe_closes_it_and_wakes_those_who_wait() {
        let breaker = breaker();
        fail(&breaker, 3);
        let waiting = tokio::spawn({
            let breaker = breaker.clone();
            async move { breaker.closed().await }
        });
        tokio::time::sleep_until(breaker.probe_at()).await;
        assert!(breaker.admit_probe());
        assert!(!breaker.admit_probe(), "only one probe may pass");
        assert!(!breaker.reachable(), "callers still fail at once");
        breaker.record_success();
        waiting.await.unwrap();
        assert!(breaker.reachable());
        assert_eq!(breaker.reason(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_probe_doubles_the_delay_up_to_the_maximum() {
        let breaker = breaker();
        fail(&breaker, 3);
        for expected in [1, 2, 4, 8, 16, 30, 30] {
            let delay = breaker.probe_at() - Instant::now();
            let longest = Duration::from_secs(expected);
            assert!(delay <= longest && delay >= longest / 2, "{delay:?} for {expected} s");
            tokio::time::sleep_until(breaker.probe_at()).await;
            assert!(breaker.admit_probe());
            fail(&breaker, 1);
            assert_eq!(breaker.state(), BreakerState::Open);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_recovery_the_delay_starts_anew() {
        let breaker = breaker();
        fail(&breaker, 3);
        for _ in 0..4 {
            breaker.admit_probe();
            fail(&breaker, 1);
        }
        breaker.admit_probe();
        breaker.record_success();
        fail(&breaker, 3);
        assert!(breaker.probe_at() - Instant::now() <= Duration::from_secs(1));
    }
}
