use std::time::Duration;

use governor::clock::FakeRelativeClock;

use super::*;

const NONE: PrincipalQuota =
    PrincipalQuota { requests_per_second: 0, request_burst: 0, complexity_per_minute: 0, subscriptions: 0 };
const FREE: TenantQuota =
    TenantQuota { requests_per_second: 0, request_burst: 0, complexity_per_minute: 0, subscriptions: 0 };

struct Bed {
    quotas: Quotas<FakeRelativeClock>,
    clock: FakeRelativeClock,
}

impl Bed {
    fn new(principal: PrincipalQuota, tenant: TenantQuota) -> Self {
        let clock = FakeRelativeClock::default();
        Self { quotas: Quotas::by(&QuotaConfig { principal, tenant }, &clock), clock }
    }

    /// How many operations of a principal are let through until one isn't.
    fn requests(&self, principal: &Principal) -> u32 {
        (0..10_000).find(|_| self.quotas.request(principal).is_err()).unwrap_or(u32::MAX)
    }

    fn wait(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn set(&self, tenant: &str, by: TenantOverride) {
        self.quotas.override_tenants(&BTreeMap::from([(tenant.into(), by)]));
    }

    fn unset(&self) {
        self.quotas.override_tenants(&BTreeMap::new());
    }
}

fn ann() -> Principal {
    Principal::new("ann").of_tenants(["red"])
}

fn ben() -> Principal {
    Principal::new("ben").of_tenants(["red"])
}

fn eve() -> Principal {
    Principal::new("eve").of_tenants(["blue"])
}

fn rate(requests_per_second: u32) -> TenantOverride {
    TenantOverride { requests_per_second: Some(requests_per_second), ..TenantOverride::default() }
}

fn cost(complexity_per_minute: u32) -> TenantOverride {
    TenantOverride { complexity_per_minute: Some(complexity_per_minute), ..TenantOverride::default() }
}

#[test]
fn a_burst_is_let_through_and_what_follows_is_told_when_to_come_again() {
    let bed = Bed::new(PrincipalQuota { requests_per_second: 1, request_burst: 3, ..NONE }, FREE);
    assert_eq!(bed.requests(&ann()), 3);
    let exceeded = bed.quotas.request(&ann()).unwrap_err();
    assert_eq!(exceeded.retry_after_seconds(), Some(1));
    assert_eq!(exceeded.to_string(), "a caller may have 1 operations a second; try again in 1 s");
    bed.quotas.request(&eve()).unwrap();
    bed.wait(1);
    assert_eq!(bed.requests(&ann()), 1, "after the time that was told, one goes");
}

#[test]
fn costs_are_charged_by_the_minute_and_the_time_that_is_told_is_enough_and_not_more() {
    let bed = Bed::new(PrincipalQuota { complexity_per_minute: 100, ..NONE }, FREE);
    bed.quotas.complexity(&ann(), 90).unwrap();
    let exceeded = bed.quotas.complexity(&ann(), 90).unwrap_err();
    assert_eq!(exceeded.retry_after_seconds(), Some(48), "80 of 100 nodes have to grow back: {exceeded}");
    bed.quotas.complexity(&ann(), 5).unwrap();
    bed.quotas.complexity(&ann(), 5).unwrap();
    assert!(bed.quotas.complexity(&ann(), 90).is_err());
    let told = bed.quotas.complexity(&ann(), 90).unwrap_err().retry_after_seconds().unwrap();
    bed.wait(told - 1);
    assert!(bed.quotas.complexity(&ann(), 90).is_err(), "a second earlier it is refused");
    bed.wait(1);
    bed.quotas.complexity(&ann(), 90).unwrap();
}

#[test]
fn what_never_fits_is_not_told_to_come_again() {
    let bed = Bed::new(PrincipalQuota { complexity_per_minute: 100, ..NONE }, FREE);
    for nodes in [101, u64::from(u32::MAX), u64::MAX] {
        let exceeded = bed.quotas.complexity(&ann(), nodes).unwrap_err();
        assert_eq!(exceeded.retry_after_seconds(), None);
        assert_eq!(
            exceeded.to_string(),
            "a caller may have 100 estimated nodes a minute; ask for less at once"
        );
    }
    bed.quotas.complexity(&ann(), 100).unwrap();
    let least = Bed::new(PrincipalQuota { complexity_per_minute: 1, ..NONE }, FREE);
    assert!(least.quotas.complexity(&ann(), u64::MAX).is_err());
}

#[test]
fn the_callers_of_a_tenant_share_its_bound_and_those_of_others_do_not() {
    let bed = Bed::new(NONE, TenantQuota { requests_per_second: 1, request_burst: 2, ..FREE });
    bed.quotas.request(&ann()).unwrap();
    bed.quotas.request(&ben()).unwrap();
    let exceeded = bed.quotas.request(&ann()).unwrap_err();
    assert_eq!(
        exceeded.to_string(),
        "all callers of a tenant together may have 1 operations a second; try again in 1 s"
    );
    bed.quotas.request(&eve()).unwrap();
    let of_both = Principal::new("zoe").of_tenants(["red", "blue"]);
    assert!(bed.quotas.request(&of_both).is_err(), "who belongs to several is charged to each");
}

#[test]
fn what_one_sends_beyond_their_own_bound_takes_nothing_from_the_others_of_their_tenant() {
    let bed = Bed::new(
        PrincipalQuota { requests_per_second: 1, request_burst: 2, ..NONE },
        TenantQuota { requests_per_second: 1, request_burst: 4, ..FREE },
    );
    assert_eq!(bed.requests(&ann()), 2);
    for _ in 0..100 {
        assert!(bed.quotas.request(&ann()).is_err());
    }
    assert_eq!(bed.requests(&ben()), 2);
}

#[test]
fn a_subscription_that_ends_makes_room() {
    let bed = Bed::new(
        PrincipalQuota { subscriptions: 1, ..NONE },
        TenantQuota { subscriptions: 2, ..TenantQuota::default() },
    );
    let open = bed.quotas.subscription(&ann()).unwrap();
    let exceeded = bed.quotas.subscription(&ann()).unwrap_err();
    assert_eq!(exceeded.retry_after_seconds(), Some(10));
    assert_eq!(exceeded.to_string(), "a caller may have 1 subscriptions open; end one, or try again in 10 s");
    // The tenant's place of the one that was refused was given back.
    let _other = bed.quotas.subscription(&ben()).unwrap();
    assert!(
        bed.quotas.subscription(&Principal::new("zoe").of_tenants(["red"])).is_err(),
        "the tenant is full"
    );
    drop(open);
    bed.quotas.subscription(&ann()).unwrap();
}

#[test]
fn a_tenant_with_bounds_of_its_own_has_these_until_they_are_taken_back_and_the_others_never() {
    let bed = Bed::new(NONE, TenantQuota { requests_per_second: 10, request_burst: 20, ..FREE });
    bed.set("red", rate(2));
    assert_eq!(bed.quotas.tenant("red").request_burst, 4);
    assert_eq!(bed.requests(&ann()), 4);
    assert_eq!(bed.requests(&eve()), 20, "another tenant");
    assert!(bed.quotas.request(&ben()).is_err(), "the same tenant");
    bed.set("red", rate(0));
    assert_eq!(bed.requests(&ann()), u32::MAX, "without a bound");
    bed.unset();
    bed.wait(1);
    assert_eq!(bed.quotas.tenant("red").requests_per_second, 10);
    assert_eq!(bed.requests(&ann()), 20);
}

#[test]
fn what_was_used_stays_used_when_the_bound_changes() {
    let bed = Bed::new(NONE, TenantQuota { complexity_per_minute: 100, ..FREE });
    let take = |nodes| bed.quotas.complexity(&ann(), nodes);
    take(80).unwrap();
    bed.set("red", cost(1000));
    assert!(take(950).is_err(), "80 are used");
    take(900).unwrap();
    bed.set("red", cost(50));
    let told = take(50).unwrap_err().retry_after_seconds().unwrap();
    assert_eq!(told, 60, "no more than what the new bound grows back in");
    bed.wait(60);
    take(50).unwrap();
    bed.unset();
    assert!(take(100).is_err(), "what was used of its own bound counts for that of all");
    bed.wait(60);
    take(100).unwrap();
}

#[test]
fn a_bound_that_stays_keeps_its_bucket_when_another_changes() {
    let bed = Bed::new(
        NONE,
        TenantQuota { requests_per_second: 1, request_burst: 3, complexity_per_minute: 10, subscriptions: 0 },
    );
    assert_eq!(bed.requests(&ann()), 3);
    let both = TenantOverride { subscriptions: Some(1), ..cost(20) };
    for change in [cost(20), both, both] {
        bed.set("red", change);
        assert_eq!(bed.requests(&ann()), 0, "{change:?} gives no new burst");
    }
    bed.unset();
    assert_eq!(bed.requests(&ann()), 0);
    bed.wait(3);
    assert_eq!(bed.requests(&ann()), 3);
}

#[test]
fn subscriptions_beyond_a_lowered_bound_stay_open_and_no_further_one_is_let_in() {
    let bed = Bed::new(NONE, FREE);
    let mut open: Vec<_> = (0..3).map(|_| bed.quotas.subscription(&ann()).unwrap()).collect();
    bed.set("red", TenantOverride { subscriptions: Some(2), ..TenantOverride::default() });
    for _ in 0..2 {
        assert!(bed.quotas.subscription(&ben()).is_err());
        open.pop();
    }
    let _second = bed.quotas.subscription(&ben()).unwrap();
    assert!(bed.quotas.subscription(&ben()).is_err());
    bed.unset();
    bed.quotas.subscription(&ben()).unwrap();
}

#[test]
fn who_no_longer_asks_is_forgotten() {
    let bed = Bed::new(PrincipalQuota { requests_per_second: 1, ..NONE }, FREE);
    for n in 0..buckets::SWEEP - 1 {
        bed.quotas.request(&Principal::new(format!("user {n}"))).unwrap();
    }
    bed.wait(5);
    bed.quotas.request(&ann()).unwrap();
    assert_eq!(bed.quotas.principals.keys(), 1);
}
