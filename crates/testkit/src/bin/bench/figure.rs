//! One measured thing: times in milliseconds, and those of its reference.

use std::time::Duration;

use serde_json::{Value, json};

/// Times in milliseconds, sorted; at least one. They may be negative where a change is seen before the writer of it
/// has its answer.
#[derive(Debug, Clone)]
pub struct Times(Vec<f64>);

impl Times {
    pub fn of_millis(mut millis: Vec<f64>) -> Self {
        millis.sort_by(f64::total_cmp);
        Self(millis)
    }

    /// Such as `quantile(0.5)`: the smallest time that this share of the times don't exceed.
    pub fn quantile(&self, share: f64) -> f64 {
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(rank.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    pub fn json(&self) -> Value {
        json!({ "count": self.count(), "p50": self.median(), "p99": self.quantile(0.99) })
    }
}

impl From<Vec<Duration>> for Times {
    fn from(times: Vec<Duration>) -> Self {
        Self::of_millis(times.iter().map(|time| time.as_secs_f64() * 1e3).collect())
    }
}

#[derive(Debug, Clone)]
pub struct Reference {
    pub what: String,
    pub times: Times,
}

impl Reference {
    pub fn new(what: impl Into<String>, times: impl Into<Times>) -> Self {
        Self { what: what.into(), times: times.into() }
    }
}

#[derive(Debug, Clone)]
pub struct Figure {
    pub what: String,
    pub times: Times,
    pub reference: Option<Reference>,
}

impl Figure {
    pub fn new(what: impl Into<String>, times: Times) -> Self {
        Self { what: what.into(), times, reference: None }
    }

    #[must_use]
    pub fn against(mut self, reference: &Reference) -> Self {
        self.reference = Some(reference.clone());
        self
    }

    /// How many times faster than the reference, by the medians. None without a reference, and where a median is
    /// below a microsecond or negative, so that no ratio means anything.
    pub fn ratio(&self) -> Option<f64> {
        let reference = self.reference.as_ref()?.times.median();
        (self.times.median() > 1e-3 && reference > 1e-3).then(|| reference / self.times.median())
    }

    /// As [`Times::quantile`], of the reference; not a number without one.
    pub fn reference_quantile(&self, share: f64) -> f64 {
        self.reference.as_ref().map_or(f64::NAN, |reference| reference.times.quantile(share))
    }

    pub fn json(&self) -> Value {
        json!({
            "what": self.what,
            "milliseconds": self.times.json(),
            "reference": self.reference.as_ref().map(|reference| json!({
                "what": reference.what, "milliseconds": reference.times.json(),
            })),
            "times_faster": self.ratio(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let times = Times::of_millis((1..=200).rev().map(f64::from).collect());
        assert_eq!((times.median(), times.quantile(0.99)), (100.0, 198.0));
        let one = Times::from(vec![Duration::from_millis(7)]);
        assert_eq!((one.median(), one.quantile(0.99)), (7.0, 7.0));
    }

    #[test]
    fn a_ratio_says_how_many_times_faster_and_nothing_of_times_before_zero() {
        let reference = Reference::new("API server", vec![Duration::from_millis(300)]);
        let figure = |millis| Figure::new("list", Times::of_millis(vec![millis])).against(&reference);
        assert_eq!(figure(10.0).ratio(), Some(30.0));
        assert_eq!(figure(-1.0).ratio(), None);
    }
}
