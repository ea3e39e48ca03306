//! All principals, or all tenants: what is used of the bounds that they share, and of those that single ones have.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::ArcSwap;
use governor::clock::Clock;

use super::bucket::Refused;
use super::config::{TenantOverride, TenantQuota};
use super::exceeded::{Exceeded, Remedy, Whose};
use super::places::{Place, Places};
use super::rates::Rates;

/// How many operations pass between two times that forgotten keys are cleared.
pub(super) const SWEEP: u32 = 4096;

pub(super) struct Buckets<C: Clock> {
    whose: Whose,
    clock: C,
    shared: Rates<C>,
    /// Swapped as a whole: who asks takes no lock.
    own: ArcSwap<HashMap<Arc<str>, Arc<Rates<C>>>>,
    places: Places,
    operations: AtomicU32,
}

impl<C: Clock + Clone> Buckets<C> {
    pub fn new(whose: Whose, bounds: TenantQuota, clock: &C) -> Self {
        Self {
            whose,
            clock: clock.clone(),
            shared: Rates::shared(bounds, clock),
            own: ArcSwap::default(),
            places: Places::default(),
            operations: AtomicU32::new(0),
        }
    }

    pub fn request(&self, key: &Arc<str>) -> Result<(), Exceeded> {
        if self.operations.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            for bucket in [&self.shared.requests, &self.shared.complexity].into_iter().flatten() {
                bucket.sweep();
            }
        }
        self.with(key, |rates| {
            let bound = || format!("{} operations a second", rates.bounds.requests_per_second);
            rates.request(key).map_err(|refused| self.exceeded(bound(), refused))
        })
    }

    pub fn complexity(&self, key: &Arc<str>, nodes: u64) -> Result<(), Exceeded> {
        self.with(key, |rates| {
            let bound = || format!("{} estimated nodes a minute", rates.bounds.complexity_per_minute);
            rates.complexity(key, nodes).map_err(|refused| self.exceeded(bound(), refused))
        })
    }

    pub fn place(&self, key: &Arc<str>) -> Result<Place, Exceeded> {
        let bound = self.bounds(key).subscriptions;
        self.places.take(key, bound).ok_or_else(|| Exceeded {
            whose: self.whose,
            bound: format!("{bound} subscriptions open"),
            remedy: Remedy::EndOne,
        })
    }

    pub fn bounds(&self, key: &str) -> TenantQuota {
        self.with(key, |rates| rates.bounds)
    }

    /// Sets who has bounds of their own; all others have the shared ones. For one task: of two at once, the later one's
    /// word would hold, and what was used might be charged twice.
    pub fn set(&self, overrides: &BTreeMap<Arc<str>, TenantOverride>) {
        let before = self.own.load_full();
        let rates = |key: &Arc<str>, bounds: TenantQuota| {
            let known = before.get(key);
            match known.filter(|known| known.bounds == bounds) {
                Some(known) => Arc::clone(known),
                None => {
                    let known = known.map_or(&self.shared, |known| &**known);
                    Arc::new(Rates::own(bounds, key, known, &self.shared, &self.clock))
                }
            }
        };
        let own: HashMap<_, _> = overrides
            .iter()
            .map(|(key, by)| (key, self.shared.bounds.overridden(by)))
            .filter(|(_, bounds)| *bounds != self.shared.bounds)
            .map(|(key, bounds)| (Arc::clone(key), rates(key, bounds)))
            .collect();
        for key in before.keys().filter(|key| !own.contains_key(*key)) {
            // For its charges to the shared buckets.
            rates(key, self.shared.bounds);
        }
        self.own.store(Arc::new(own));
    }

    fn with<T>(&self, key: &str, ask: impl FnOnce(&Rates<C>) -> T) -> T {
        let own = self.own.load();
        ask(own.get(key).map_or(&self.shared, |rates| &**rates))
    }

    fn exceeded(&self, bound: String, refused: Refused) -> Exceeded {
        let remedy = match refused {
            Refused::Until(time) => Remedy::Wait(time),
            Refused::Never => Remedy::AskForLess,
        };
        Exceeded { whose: self.whose, bound, remedy }
    }

    #[cfg(test)]
    pub fn keys(&self) -> usize {
        self.shared.requests.as_ref().map_or(0, |bucket| bucket.keys())
    }
}
