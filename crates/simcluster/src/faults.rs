//! What goes wrong, on command. A cluster has one [`Faults`] value, changed at run time by the library or over HTTP.
//!
//! Which events are lost and which objects are mangled follows from the seed and the object's revision alone, so it is the
//! same for every watcher and in every run; which requests fail follows from the seed and their order.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::object::Object;

/// All off by default. Probabilities are from 0 to 1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Faults {
    /// Of all random choices.
    pub seed: u64,
    /// Added to every request.
    pub latency: Option<Latency>,
    /// Connections are cut when a request comes, and watches at once.
    pub refuse: bool,
    /// Requests are accepted and never answered; watches say nothing more.
    pub stall: bool,
    /// Tried in order for each request.
    pub errors: Vec<ErrorFault>,
    /// Watch events that are silently lost.
    pub lose_events: f64,
    /// Watch events of which only half is sent before the connection is cut.
    pub cut_frames: f64,
    /// Bearer tokens are answered with 401.
    pub expired_tokens: bool,
    /// The cluster's clock is ahead by this (behind, if negative).
    pub clock_skew_ms: i64,
    /// Objects in lists and watches whose fields have the wrong types.
    pub malformed: f64,
    /// Objects in lists and watches with an annotation of `oversized_bytes`.
    pub oversized: f64,
    pub oversized_bytes: usize,
    /// Up and down in turns, beginning with up; down is as `refuse`.
    pub flap: Option<Flap>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Latency {
    pub min_ms: u64,
    pub max_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ErrorFault {
    /// 429, 500, 503, …
    pub code: u16,
    pub probability: f64,
    pub retry_after_seconds: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Flap {
    pub up_ms: u64,
    pub down_ms: u64,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Gate {
    Pass(Duration),
    Refuse,
    Stall,
    Error(ErrorFault),
}

/// What becomes of an object on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mangled {
    No,
    Malformed,
    Oversized,
}

pub(crate) struct FaultSwitch {
    current: watch::Sender<Faults>,
    random: Mutex<StdRng>,
    since: Mutex<Instant>,
}

impl FaultSwitch {
    pub fn new() -> Self {
        Self {
            current: watch::Sender::new(Faults::default()),
            random: Mutex::new(StdRng::seed_from_u64(0)),
            since: Mutex::new(Instant::now()),
        }
    }

    pub fn set(&self, faults: Faults) {
        *self.random.lock().unwrap_or_else(PoisonError::into_inner) = StdRng::seed_from_u64(faults.seed);
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.current.send_replace(faults);
    }

    pub fn get(&self) -> Faults {
        self.current.borrow().clone()
    }

    /// Tells of changes; for watches, which outlive them.
    pub fn changes(&self) -> watch::Receiver<Faults> {
        self.current.subscribe()
    }

    /// Whether it is down now, and when a flapping one changes.
    pub fn down(&self, faults: &Faults) -> (bool, Option<Instant>) {
        let Some(flap) = faults.flap else { return (faults.refuse, None) };
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let (up, period) = (flap.up_ms.max(1), flap.up_ms.max(1) + flap.down_ms.max(1));
        let elapsed = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let within = elapsed % period;
        let left = if within < up { up - within } else { period - within };
        (faults.refuse || within >= up, Some(Instant::now() + Duration::from_millis(left)))
    }

    pub fn gate(&self) -> Gate {
        let faults = self.current.borrow();
        if self.down(&faults).0 {
            return Gate::Refuse;
        }
        if faults.stall {
            return Gate::Stall;
        }
        if faults.errors.is_empty() && faults.latency.is_none() {
            return Gate::Pass(Duration::ZERO);
        }
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        for error in &faults.errors {
            if random.random::<f64>() < error.probability {
                return Gate::Error(*error);
            }
        }
        let delay = faults
            .latency
            .map_or(0, |latency| random.random_range(latency.min_ms.min(latency.max_ms)..=latency.max_ms));
        Gate::Pass(Duration::from_millis(delay))
    }
}

/// A hundred years.
const FARTHEST_MS: i64 = 100 * 365 * 24 * 3_600_000;
const LARGEST: usize = 64 * 1024 * 1024;

impl Faults {
    /// What is wrong with them, for whoever sets them from outside.
    pub(crate) fn check(&self) -> Result<(), String> {
        let shares = [
            ("loseEvents", self.lose_events),
            ("cutFrames", self.cut_frames),
            ("malformed", self.malformed),
            ("oversized", self.oversized),
        ];
        let errors = self.errors.iter().map(|error| ("errors[].probability", error.probability));
        if let Some((name, _)) =
            shares.into_iter().chain(errors).find(|(_, share)| !(0.0..=1.0).contains(share))
        {
            return Err(format!("{name}: must lie between 0 and 1"));
        }
        if let Some(error) = self.errors.iter().find(|error| !(400..=599).contains(&error.code)) {
            return Err(format!("errors[].code: {} is no error of HTTP", error.code));
        }
        if self.clock_skew_ms.unsigned_abs() > FARTHEST_MS.unsigned_abs() {
            return Err("clockSkewMs: must lie within a hundred years".to_owned());
        }
        if self.oversized_bytes > LARGEST {
            return Err(format!("oversizedBytes: must be {LARGEST} at most"));
        }
        Ok(())
    }

    /// The same number for the same seed, revision and purpose: from 0 to 1.
    fn lot(&self, revision: u64, purpose: u64) -> f64 {
        let mut x = self.seed
            ^ revision.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            ^ purpose.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        #[expect(clippy::cast_precision_loss, reason = "53 bits are as many as a float holds")]
        let lot = (x >> 11) as f64 / (1_u64 << 53) as f64;
        lot
    }

    pub(crate) fn loses(&self, revision: u64) -> bool {
        self.lose_events > 0.0 && self.lot(revision, 1) < self.lose_events
    }

    pub(crate) fn cuts(&self, revision: u64) -> bool {
        self.cut_frames > 0.0 && self.lot(revision, 2) < self.cut_frames
    }

    pub(crate) fn mangles(&self, object: &Object) -> Mangled {
        if self.malformed > 0.0 && self.lot(object.revision, 3) < self.malformed {
            Mangled::Malformed
        } else if self.oversized > 0.0 && self.lot(object.revision, 4) < self.oversized {
            Mangled::Oversized
        } else {
            Mangled::No
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_follows_from_the_seed() {
        let faults = |seed| Faults { seed, lose_events: 0.3, ..Faults::default() };
        let lost = |seed| (0..1000).filter(|revision| faults(seed).loses(*revision)).collect::<Vec<u64>>();
        assert_eq!(lost(1), lost(1));
        assert_ne!(lost(1), lost(2));
        assert!((200..400).contains(&lost(1).len()), "{}", lost(1).len());
    }

    #[test]
    fn an_unknown_fault_is_refused() {
        assert!(serde_json::from_str::<Faults>(r#"{"loseEvent": 1}"#).is_err());
        assert_eq!(serde_json::from_str::<Faults>("{}").unwrap(), Faults::default());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, name) in [
            (r#"{"loseEvents": 7}"#, "loseEvents"),
            (r#"{"malformed": -1}"#, "malformed"),
            (r#"{"errors": [{"code": 200, "probability": 1}]}"#, "code"),
            (r#"{"errors": [{"code": 500, "probability": 2}]}"#, "probability"),
            (r#"{"clockSkewMs": -9223372036854775808}"#, "clockSkewMs"),
            (r#"{"oversizedBytes": 99999999999}"#, "oversizedBytes"),
        ] {
            let faults: Faults = serde_json::from_str(text).unwrap();
            assert!(faults.check().is_err_and(|error| error.contains(name)), "{text}");
        }
        assert_eq!(Faults::default().check(), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flapping_cluster_is_up_and_down_in_turns() {
        let switch = FaultSwitch::new();
        switch.set(Faults { flap: Some(Flap { up_ms: 100, down_ms: 50 }), ..Faults::default() });
        assert_eq!(switch.gate(), Gate::Pass(Duration::ZERO));
        tokio::time::advance(Duration::from_millis(120)).await;
        assert_eq!(switch.gate(), Gate::Refuse);
        tokio::time::advance(Duration::from_millis(40)).await;
        assert_eq!(switch.gate(), Gate::Pass(Duration::ZERO));
    }
}
