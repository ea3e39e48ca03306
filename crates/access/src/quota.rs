//! How much one principal, and one tenant, may ask for: requests, their estimated cost, open subscriptions.
//!
//! Rates are token buckets (GCRA): `burst` at once, then so many a second. What isn't admitted isn't charged to the bucket
//! that refuses it; a tenant's bucket is asked first, so that one principal's flood is charged to that principal alone once
//! the tenant's share is used up.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fleetgraph_core::Principal;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use serde::{Deserialize, Serialize};

/// Bounds of what is asked for, of each principal and of each tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaConfig {
    /// Of each principal: a user, whatever credential they come with.
    pub principal: PrincipalQuota,
    /// Of each tenant, all of its principals together. Who belongs to several is charged to each.
    pub tenant: TenantQuota,
}

/// What one principal may ask for; 0 is without a bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrincipalQuota {
    /// Operations a second, on average, over every transport. Further ones get code RATE_LIMITED, status 429 and the time
    /// to wait.
    pub requests_per_second: u32,
    /// Operations at once, before the average counts.
    pub request_burst: u32,
    /// Estimated nodes of answers a minute, as `limits.max_complexity` counts them. A single operation may cost as much as
    /// a minute at most.
    pub complexity_per_minute: u32,
    /// Subscriptions open at once.
    pub subscriptions: u32,
}

/// What the principals of one tenant may ask for together; 0 is without a bound.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantQuota {
    /// As of a principal.
    pub requests_per_second: u32,
    /// As of a principal.
    pub request_burst: u32,
    /// As of a principal.
    pub complexity_per_minute: u32,
    /// As of a principal.
    pub subscriptions: u32,
}

impl Default for PrincipalQuota {
    fn default() -> Self {
        Self { requests_per_second: 200, request_burst: 400, complexity_per_minute: 0, subscriptions: 500 }
    }
}

/// A bound that is used up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{whose} may have {bound}; {}", wait(*.retry_after))]
pub struct Exceeded {
    whose: Whose,
    bound: String,
    /// When to try again; `None` if waiting alone doesn't help.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Principal,
    Tenant,
}

impl fmt::Display for Whose {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Principal => "a caller",
            Self::Tenant => "all callers of a tenant together",
        })
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    match retry_after {
        Some(time) => format!("try again in {} s", time.as_secs() + 1),
        None => "end one first, or ask for less".to_owned(),
    }
}

/// What was used of each bound so far.
pub struct Quotas {
    principals: Buckets,
    tenants: Buckets,
}

impl Quotas {
    #[must_use]
    pub fn new(config: &QuotaConfig) -> Self {
        let QuotaConfig { principal, tenant } = config;
        Self {
            principals: Buckets::new(
                Whose::Principal,
                [principal.requests_per_second, principal.request_burst],
                principal.complexity_per_minute,
                principal.subscriptions,
            ),
            tenants: Buckets::new(
                Whose::Tenant,
                [tenant.requests_per_second, tenant.request_burst],
                tenant.complexity_per_minute,
                tenant.subscriptions,
            ),
        }
    }

    /// Charges an operation.
    ///
    /// # Errors
    /// When a bound is used up.
    pub fn operation(&self, principal: &Principal, complexity: u64) -> Result<(), Exceeded> {
        for tenant in principal.tenants.iter() {
            self.tenants.operation(tenant, complexity)?;
        }
        self.principals.operation(&principal.user, complexity)
    }

    /// Takes a place for a subscription, which is given back when the value is dropped.
    ///
    /// # Errors
    /// When all are taken.
    pub fn subscription(&self, principal: &Principal) -> Result<Vec<Place>, Exceeded> {
        let tenants = principal.tenants.iter().map(|tenant| self.tenants.place(tenant));
        tenants.chain([self.principals.place(&principal.user)]).collect()
    }
}

impl fmt::Debug for Quotas {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Quotas").finish_non_exhaustive()
    }
}

/// How many operations pass between two times that forgotten keys are cleared.
const SWEEP: u32 = 4096;

struct Buckets {
    whose: Whose,
    requests: Option<DefaultKeyedRateLimiter<Arc<str>>>,
    complexity: Option<DefaultKeyedRateLimiter<Arc<str>>>,
    bounds: [u32; 3],
    taken: Arc<Mutex<HashMap<Arc<str>, u32>>>,
    operations: AtomicU32,
}

impl Buckets {
    fn new(whose: Whose, [rate, burst]: [u32; 2], complexity: u32, subscriptions: u32) -> Self {
        let requests = NonZeroU32::new(rate).map(|rate| {
            let burst = NonZeroU32::new(burst).unwrap_or(rate);
            RateLimiter::keyed(Quota::per_second(rate).allow_burst(burst))
        });
        let complexity_of =
            NonZeroU32::new(complexity).map(|nodes| RateLimiter::keyed(Quota::per_minute(nodes)));
        Self {
            whose,
            requests,
            complexity: complexity_of,
            bounds: [rate, complexity, subscriptions],
            taken: Arc::default(),
            operations: AtomicU32::new(0),
        }
    }

    fn operation(&self, key: &Arc<str>, complexity: u64) -> Result<(), Exceeded> {
        if self.operations.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            // A bucket that is full again is as one that was never there.
            for limiter in [&self.requests, &self.complexity].into_iter().flatten() {
                limiter.retain_recent();
            }
        }
        let now = || DefaultClock::default().now();
        if let Some(limiter) = &self.requests {
            limiter.check_key(key).map_err(|until| {
                self.exceeded(
                    format!("{} operations a second", self.bounds[0]),
                    Some(until.wait_time_from(now())),
                )
            })?;
        }
        if let Some(limiter) = &self.complexity
            && let Some(nodes) = NonZeroU32::new(u32::try_from(complexity).unwrap_or(u32::MAX))
        {
            let bound = || format!("{} estimated nodes a minute", self.bounds[1]);
            match limiter.check_key_n(key, nodes) {
                Ok(Ok(())) => {}
                Ok(Err(until)) => return Err(self.exceeded(bound(), Some(until.wait_time_from(now())))),
                Err(_) => return Err(self.exceeded(bound(), None)),
            }
        }
        Ok(())
    }

    fn place(&self, key: &Arc<str>) -> Result<Place, Exceeded> {
        let mut taken = lock(&self.taken);
        let count = taken.entry(Arc::clone(key)).or_default();
        if self.bounds[2] != 0 && *count >= self.bounds[2] {
            return Err(self.exceeded(format!("{} subscriptions open", self.bounds[2]), None));
        }
        *count += 1;
        Ok(Place { taken: Arc::clone(&self.taken), key: Arc::clone(key) })
    }

    fn exceeded(&self, bound: String, retry_after: Option<Duration>) -> Exceeded {
        Exceeded { whose: self.whose, bound, retry_after }
    }
}

fn lock(taken: &Mutex<HashMap<Arc<str>, u32>>) -> MutexGuard<'_, HashMap<Arc<str>, u32>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place of a subscription that is open.
#[derive(Debug)]
pub struct Place {
    taken: Arc<Mutex<HashMap<Arc<str>, u32>>>,
    key: Arc<str>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(&self.key) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(principal: PrincipalQuota, tenant: TenantQuota) -> Quotas {
        Quotas::new(&QuotaConfig { principal, tenant })
    }

    const NONE: PrincipalQuota = PrincipalQuota {
        requests_per_second: 0,
        request_burst: 0,
        complexity_per_minute: 0,
        subscriptions: 0,
    };

    fn ann() -> Principal {
        Principal::new("ann").of_tenants(["red"])
    }

    #[test]
    fn a_burst_is_let_through_and_what_follows_is_told_when_to_come_again() {
        let quotas = quotas(
            PrincipalQuota { requests_per_second: 1, request_burst: 3, ..NONE },
            TenantQuota::default(),
        );
        for _ in 0..3 {
            quotas.operation(&ann(), 1).unwrap();
        }
        let exceeded = quotas.operation(&ann(), 1).unwrap_err();
        assert!(exceeded.retry_after.is_some_and(|time| time <= Duration::from_secs(1)), "{exceeded:?}");
        assert_eq!(exceeded.to_string(), "a caller may have 1 operations a second; try again in 1 s");
        quotas.operation(&Principal::new("ben"), 1).unwrap();
    }

    #[test]
    fn costs_are_charged_by_the_minute_and_one_that_never_fits_is_told_so() {
        let quotas = quotas(PrincipalQuota { complexity_per_minute: 100, ..NONE }, TenantQuota::default());
        quotas.operation(&ann(), 90).unwrap();
        assert!(quotas.operation(&ann(), 90).unwrap_err().retry_after.is_some());
        assert_eq!(quotas.operation(&ann(), 101).unwrap_err().retry_after, None);
        quotas.operation(&ann(), 5).unwrap();
    }

    #[test]
    fn the_callers_of_a_tenant_share_its_bound_and_those_of_others_do_not() {
        let quotas =
            quotas(NONE, TenantQuota { requests_per_second: 1, request_burst: 2, ..TenantQuota::default() });
        quotas.operation(&ann(), 1).unwrap();
        quotas.operation(&Principal::new("ben").of_tenants(["red"]), 1).unwrap();
        assert!(quotas.operation(&ann(), 1).is_err());
        quotas.operation(&Principal::new("eve").of_tenants(["blue"]), 1).unwrap();
    }

    #[test]
    fn a_subscription_that_ends_makes_room() {
        let quotas = quotas(
            PrincipalQuota { subscriptions: 1, ..NONE },
            TenantQuota { subscriptions: 2, ..TenantQuota::default() },
        );
        let open = quotas.subscription(&ann()).unwrap();
        assert!(quotas.subscription(&ann()).is_err());
        // The tenant's place of the one that was refused was given back.
        let _other = quotas.subscription(&Principal::new("ben").of_tenants(["red"])).unwrap();
        drop(open);
        quotas.subscription(&ann()).unwrap();
    }
}
