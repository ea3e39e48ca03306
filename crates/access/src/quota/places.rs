//! Places of open subscriptions, which are counted and given back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many are taken, by user or tenant. Locked when a subscription begins and ends, and at no other time.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    taken: Arc<Mutex<HashMap<Arc<str>, u32>>>,
}

/// A place of a subscription that is open; it is given back when this is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    key: Arc<str>,
}

impl Places {
    /// Takes one, if fewer than `bound` are taken; 0 is without a bound. Where the bound was lowered, those that are open
    /// stay open.
    pub fn take(&self, key: &Arc<str>, bound: u32) -> Option<Place> {
        let mut taken = self.lock();
        let count = taken.get(key).copied().unwrap_or_default();
        if bound != 0 && count >= bound {
            return None;
        }
        taken.insert(Arc::clone(key), count + 1);
        Some(Place { places: self.clone(), key: Arc::clone(key) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, u32>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        if let Some(count) = taken.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}
