//! The two rates of a principal or a tenant, and what becomes of what was used when the bounds change.

use std::num::NonZeroU32;
use std::sync::Arc;

use governor::Quota;
use governor::clock::Clock;

use super::bucket::{Bucket, Refused};
use super::config::TenantQuota;

/// Buckets for operations and for their cost. There is none where there is no bound.
pub(super) struct Rates<C: Clock> {
    pub bounds: TenantQuota,
    pub requests: Option<Arc<Bucket<C>>>,
    pub complexity: Option<Arc<Bucket<C>>>,
}

impl<C: Clock + Clone> Rates<C> {
    /// Of everybody who has no bounds of their own.
    pub fn shared(bounds: TenantQuota, clock: &C) -> Self {
        let each = |quota| Arc::new(Bucket::new(quota, clock.clone()));
        Self { bounds, requests: requests(&bounds).map(each), complexity: complexity(&bounds).map(each) }
    }

    /// Of one tenant, which had the bounds of `before`. A bucket whose bound stays is the same one. Of another bound,
    /// what was used before is used already: a new bound is no gift, and one that is raised helps at once.
    pub fn own(bounds: TenantQuota, tenant: &Arc<str>, before: &Self, shared: &Self, clock: &C) -> Self {
        let moved = |quota, before: Option<&Arc<Bucket<C>>>, shared: Option<&Arc<Bucket<C>>>| {
            let same = |bucket: &&Arc<Bucket<C>>| bucket.quota() == quota;
            if let Some(kept) = before.filter(same) {
                return Arc::clone(kept);
            }
            let bucket =
                shared.filter(same).map_or_else(|| Arc::new(Bucket::new(quota, clock.clone())), Arc::clone);
            if let Some(before) = before {
                bucket.charge(tenant, before.used(tenant));
            }
            bucket
        };
        let own_requests =
            requests(&bounds).map(|quota| moved(quota, before.requests.as_ref(), shared.requests.as_ref()));
        let own_complexity = complexity(&bounds)
            .map(|quota| moved(quota, before.complexity.as_ref(), shared.complexity.as_ref()));
        Self { bounds, requests: own_requests, complexity: own_complexity }
    }

    pub fn request(&self, key: &Arc<str>) -> Result<(), Refused> {
        self.requests.as_ref().map_or(Ok(()), |bucket| bucket.take(key, NonZeroU32::MIN).map(drop))
    }

    pub fn complexity(&self, key: &Arc<str>, nodes: u64) -> Result<(), Refused> {
        let nodes = NonZeroU32::new(u32::try_from(nodes).unwrap_or(u32::MAX));
        match self.complexity.as_ref().zip(nodes) {
            Some((bucket, nodes)) => bucket.take(key, nodes).map(drop),
            None => Ok(()),
        }
    }
}

fn requests(bounds: &TenantQuota) -> Option<Quota> {
    let rate = NonZeroU32::new(bounds.requests_per_second)?;
    Some(Quota::per_second(rate).allow_burst(NonZeroU32::new(bounds.request_burst).unwrap_or(rate)))
}

fn complexity(bounds: &TenantQuota) -> Option<Quota> {
    NonZeroU32::new(bounds.complexity_per_minute).map(Quota::per_minute)
}
