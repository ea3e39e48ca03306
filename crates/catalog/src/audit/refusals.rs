//! How much of what is refused goes on record.
//!
//! Whoever is refused has no right to fill a trail from which nothing can be removed. So of each address and each user
//! some refusals a minute are recorded, and of further ones, with the next that is, how many there were.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Records of one key in a window.
const RECORDS: u32 = 30;
const WINDOW: Duration = Duration::from_secs(60);
/// Keys that are told apart; others share one.
const KEYS: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<String, Window>>);

#[derive(Debug)]
struct Window {
    begun: Instant,
    records: u32,
    left_out: u64,
}

impl Refusals {
    /// How many were left out since the last record, if this one is to be recorded.
    pub(super) fn admit(&self, key: &str, now: Instant) -> Option<u64> {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |window: &Window| now.saturating_duration_since(window.begun) >= WINDOW;
        if windows.len() >= KEYS && !windows.contains_key(key) {
            windows.retain(|_, window| !is_over(window));
        }
        let key = if windows.len() >= KEYS && !windows.contains_key(key) { "" } else { key };
        let new = || Window { begun: now, records: 0, left_out: 0 };
        let window = windows.entry(key.to_owned()).or_insert_with(new);
        if is_over(window) {
            (window.begun, window.records) = (now, 0);
        }
        if window.records == RECORDS {
            window.left_out += 1;
            return None;
        }
        window.records += 1;
        Some(std::mem::take(&mut window.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_key_some_are_recorded_a_minute_and_the_others_are_counted() {
        let (refusals, begun) = (Refusals::default(), Instant::now());
        let admitted = |key, at: Duration| refusals.admit(key, begun + at);
        let recorded = (0..1000).filter_map(|_| admitted("10.0.0.1", Duration::ZERO)).count();
        assert_eq!(recorded, 30);
        assert_eq!(admitted("10.0.0.2", Duration::ZERO), Some(0), "another address has its own");
        assert_eq!(admitted("10.0.0.1", WINDOW - Duration::from_millis(1)), None);
        assert_eq!(admitted("10.0.0.1", WINDOW), Some(971), "what was left out is told with the next");
        assert_eq!(admitted("10.0.0.1", WINDOW), Some(0));
    }

    #[test]
    fn a_flood_of_addresses_shares_one_bound_and_takes_no_more_memory() {
        let (refusals, now) = (Refusals::default(), Instant::now());
        let recorded = (0..KEYS + 1000).filter_map(|n| refusals.admit(&format!("{n}"), now)).count();
        assert_eq!(recorded, KEYS + 30);
        assert!(refusals.0.lock().unwrap().len() <= KEYS + 1);
        assert_eq!(refusals.admit("late", now + WINDOW), Some(0), "those of before are forgotten");
        assert!(refusals.0.lock().unwrap().len() < 3);
    }
}
