//! The bounds as the configuration has them, and what the catalog says of single tenants.

use serde::{Deserialize, Serialize};

/// Bounds of what is asked for, of each principal and of each tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QuotaConfig {
    /// Of each principal: a user, whatever credential they come with.
    pub principal: PrincipalQuota,
    /// Of each tenant, all of its principals together. Who belongs to several is charged to each. For single tenants,
    /// `fleetgraph tenant` sets other bounds, which a running server takes up.
    pub tenant: TenantQuota,
}

/// What one principal may ask for; 0 is without a bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrincipalQuota {
    /// Operations a second, on average, over every transport. Further ones get code RATE_LIMITED, status 429 and the time
    /// to wait.
    pub requests_per_second: u32,
    /// Operations at once, before the average counts. 0 is as many as in a second.
    pub request_burst: u32,
    /// Estimated nodes of answers a minute, as `limits.max_complexity` counts them. A single operation may cost as much as
    /// a minute at most.
    pub complexity_per_minute: u32,
    /// Subscriptions open at once.
    pub subscriptions: u32,
}

/// What the principals of one tenant may ask for together; 0 is without a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TenantQuota {
    /// As of a principal.
    pub requests_per_second: u32,
    /// As of a principal. It stays in proportion where `fleetgraph tenant` sets another rate.
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

/// The bounds of one tenant that aren't those of the configuration; 0 is without a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TenantOverride {
    pub requests_per_second: Option<u32>,
    pub complexity_per_minute: Option<u32>,
    pub subscriptions: Option<u32>,
}

impl PrincipalQuota {
    pub(super) fn bounds(&self) -> TenantQuota {
        let Self { requests_per_second, request_burst, complexity_per_minute, subscriptions } = *self;
        TenantQuota { requests_per_second, request_burst, complexity_per_minute, subscriptions }
    }
}

impl TenantQuota {
    /// These bounds, but for those that are overridden.
    #[must_use]
    pub fn overridden(self, by: &TenantOverride) -> Self {
        let rate = by.requests_per_second.unwrap_or(self.requests_per_second);
        Self {
            requests_per_second: rate,
            request_burst: self.burst_of(rate),
            complexity_per_minute: by.complexity_per_minute.unwrap_or(self.complexity_per_minute),
            subscriptions: by.subscriptions.unwrap_or(self.subscriptions),
        }
    }

    /// The burst that is to this rate as the own burst to the own rate: the same number of seconds' worth.
    fn burst_of(self, rate: u32) -> u32 {
        if self.requests_per_second == 0 || self.request_burst == 0 {
            return if rate == self.requests_per_second { self.request_burst } else { 0 };
        }
        let burst = u64::from(rate) * u64::from(self.request_burst);
        u32::try_from(burst.div_ceil(u64::from(self.requests_per_second))).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIGURED: TenantQuota = TenantQuota {
        requests_per_second: 100,
        request_burst: 250,
        complexity_per_minute: 5000,
        subscriptions: 10,
    };

    #[test]
    fn what_is_not_overridden_stays_and_the_burst_keeps_its_proportion() {
        assert_eq!(CONFIGURED.overridden(&TenantOverride::default()), CONFIGURED);
        let slower = TenantOverride { requests_per_second: Some(3), ..TenantOverride::default() };
        let quota = CONFIGURED.overridden(&slower);
        assert_eq!(quota, TenantQuota { requests_per_second: 3, request_burst: 8, ..CONFIGURED });
        let free = TenantOverride { complexity_per_minute: Some(0), ..TenantOverride::default() };
        assert_eq!(CONFIGURED.overridden(&free).complexity_per_minute, 0, "without a bound");
    }

    #[test]
    fn a_rate_where_none_is_configured_has_a_burst_of_a_second() {
        let rate = TenantOverride { requests_per_second: Some(7), ..TenantOverride::default() };
        let quota = TenantQuota { request_burst: 900, ..TenantQuota::default() }.overridden(&rate);
        assert_eq!((quota.requests_per_second, quota.request_burst), (7, 0));
    }
}
