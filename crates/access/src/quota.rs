//! How much one principal, and one tenant, may ask for: requests, their estimated cost, open subscriptions.
//!
//! ```text
//!   request(principal) ──► principal's bucket ──► each tenant's bucket     of its own, if the catalog has bounds for it;
//!   complexity(…, nodes)       "                     "                     else of those that all tenants have
//!   subscription(principal) ─► a place of each, given back when it ends
//! ```
//!
//! Rates are token buckets (GCRA): a burst at once, then so many a second. What isn't admitted isn't charged to the bucket
//! that refuses it. A principal's bucket is asked first: what one principal sends beyond their own bound takes nothing from
//! the others of their tenant.

mod bucket;
mod buckets;
mod config;
mod exceeded;
mod places;
mod rates;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use fleetgraph_core::Principal;
use governor::clock::{Clock, DefaultClock};

use self::buckets::Buckets;
use self::exceeded::Whose;

pub use self::config::{PrincipalQuota, QuotaConfig, TenantOverride, TenantQuota};
pub use self::exceeded::Exceeded;
pub use self::places::Place;

/// What was used of each bound so far.
pub struct Quotas<C: Clock = DefaultClock> {
    principals: Buckets<C>,
    tenants: Buckets<C>,
}

impl Quotas {
    #[must_use]
    pub fn new(config: &QuotaConfig) -> Self {
        Self::by(config, &DefaultClock::default())
    }
}

impl<C: Clock + Clone> Quotas<C> {
    fn by(config: &QuotaConfig, clock: &C) -> Self {
        Self {
            principals: Buckets::new(Whose::Principal, config.principal.bounds(), clock),
            tenants: Buckets::new(Whose::Tenant, config.tenant, clock),
        }
    }

    /// Charges an operation, before anything is done for it.
    ///
    /// # Errors
    /// When a bound is used up.
    pub fn request(&self, principal: &Principal) -> Result<(), Exceeded> {
        self.principals.request(&principal.user)?;
        principal.tenants.iter().try_for_each(|tenant| self.tenants.request(tenant))
    }

    /// Charges what an operation is estimated to cost.
    ///
    /// # Errors
    /// When a bound is used up.
    pub fn complexity(&self, principal: &Principal, nodes: u64) -> Result<(), Exceeded> {
        self.principals.complexity(&principal.user, nodes)?;
        principal.tenants.iter().try_for_each(|tenant| self.tenants.complexity(tenant, nodes))
    }

    /// Takes a place for a subscription, which is given back when the value is dropped.
    ///
    /// # Errors
    /// When all are taken.
    pub fn subscription(&self, principal: &Principal) -> Result<Vec<Place>, Exceeded> {
        let tenants = principal.tenants.iter().map(|tenant| self.tenants.place(tenant));
        [self.principals.place(&principal.user)].into_iter().chain(tenants).collect()
    }

    /// The bounds that a tenant has now.
    #[must_use]
    pub fn tenant(&self, name: &str) -> TenantQuota {
        self.tenants.bounds(name)
    }

    /// Sets which tenants have bounds of their own; all others have those of the configuration. What a tenant has used
    /// stays used, and subscriptions that are open stay open. For one task at a time.
    pub fn override_tenants(&self, overrides: &BTreeMap<Arc<str>, TenantOverride>) {
        self.tenants.set(overrides);
    }
}

impl<C: Clock> fmt::Debug for Quotas<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Quotas").finish_non_exhaustive()
    }
}
