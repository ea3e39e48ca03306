//! How many related objects one answer may hold.
//!
//! A document's cost is estimated before it is executed, and lists within objects are assumed to be short. Where they
//! aren't, a few nested fields multiply: pods of nodes of pods of nodes. So what is really there is counted as well.

use std::sync::atomic::{AtomicU64, Ordering};

use fleetgraph_core::{Error, ErrorCode};

/// What is left of it for one answer.
#[derive(Debug)]
pub struct Budget {
    most: u64,
    /// More than `most` as soon as something did not fit.
    used: AtomicU64,
}

impl Budget {
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self { most, used: AtomicU64::new(0) }
    }

    /// Whether so many more objects still fit. Once something did not, nothing does: the answer is refused anyway, and
    /// what is left of it should cost nothing.
    pub(crate) fn take(&self, objects: usize) -> bool {
        if self.is_spent() {
            return false;
        }
        let objects = objects as u64;
        self.used.fetch_add(objects, Ordering::Relaxed).saturating_add(objects) <= self.most
    }

    fn is_spent(&self) -> bool {
        self.used.load(Ordering::Relaxed) > self.most
    }

    /// Begins another answer.
    pub fn renew(&self) {
        self.used.store(0, Ordering::Relaxed);
    }

    /// Why the answer that was made is none.
    ///
    /// # Errors
    /// When it would have held more.
    pub fn verdict(&self) -> Result<(), Error> {
        if !self.is_spent() {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::ComplexityLimit,
            format!(
                "the answer would hold more than {} related objects (`limits.max_related_objects`); ask for fewer, in pages or \
                 without lists inside of lists",
                self.most
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_given_and_after_what_did_not_fit_nothing_is() {
        let budget = Budget::new(3);
        assert!(budget.take(2) && budget.take(1) && budget.take(0));
        assert!(budget.verdict().is_ok());
        assert!(!budget.take(1));
        assert!(!budget.take(0), "the answer is refused as a whole");
        assert_eq!(budget.verdict().unwrap_err().code, ErrorCode::ComplexityLimit);
        budget.renew();
        assert!(budget.take(3) && budget.verdict().is_ok());
    }
}
