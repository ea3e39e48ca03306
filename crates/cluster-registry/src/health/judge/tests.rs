use jiff::SignedDuration;
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};

use super::*;

const READY: &str =
    "[+]ping ok\n[+]etcd ok\n[+]poststarthook/start-apiextensions-informers ok\nreadyz check passed\n";

fn error(code: ErrorCode) -> ClusterError {
    ClusterError { code, message: format!("because of {code}"), retry_after: None }
}

fn lease(age: i64, now: Timestamp) -> Result<Lease, ClusterError> {
    let renew_time = Some(MicroTime(now - SignedDuration::from_secs(age)));
    let spec = LeaseSpec { lease_duration_seconds: Some(15), renew_time, ..LeaseSpec::default() };
    Ok(Lease { spec: Some(spec), ..Lease::default() })
}

fn well() -> Findings {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    Findings {
        version: Ok(Version { major: 1, minor: 36, git: "v1.36.3".into() }),
        latency: Duration::from_millis(3),
        ready: Ok(READY.into()),
        leases: vec![lease(2, now), lease(29, now)],
        server_time: now,
        now,
        breaker: BreakerState::Closed,
        problem: None,
    }
}

fn status(snapshot: &HealthSnapshot, name: &str) -> HealthStatus {
    snapshot.component(name).unwrap().status
}

#[test]
fn a_cluster_whose_parts_are_all_well_is_healthy_and_has_no_message() {
    let seen = judge(well(), None);
    assert_eq!((seen.status, seen.message.as_deref()), (HealthStatus::Healthy, None));
    let names: Vec<_> = seen.components.iter().map(|component| component.name.as_str()).collect();
    assert_eq!(names, ["api_server", "etcd", "controller_manager", "scheduler"]);
    assert!(seen.components.iter().all(|component| component.status == HealthStatus::Healthy));
    assert_eq!(seen.last_contact, seen.checked_at);
}

#[test]
fn a_failing_check_degrades_the_cluster_and_is_named() {
    let ready = "[+]ping ok\n[-]etcd failed: reason withheld\n[-]poststarthook/rbac failed: not finished\nreadyz check failed\n";
    let seen = judge(Findings { ready: Ok(ready.into()), ..well() }, None);
    assert_eq!(seen.status, HealthStatus::Degraded);
    assert_eq!(status(&seen, "etcd"), HealthStatus::Unhealthy);
    assert_eq!(status(&seen, "poststarthook/rbac"), HealthStatus::Unhealthy);
    assert!(seen.message.unwrap().contains("poststarthook/rbac: failed: not finished"));
}

#[test]
fn a_controller_that_stopped_renewing_its_lease_is_unhealthy() {
    let found = well();
    let leases = vec![lease(31, found.now), lease(1, found.now)];
    let seen = judge(Findings { leases, ..found }, None);
    assert_eq!(status(&seen, "controller_manager"), HealthStatus::Unhealthy);
    assert_eq!(status(&seen, "scheduler"), HealthStatus::Healthy);
    assert_eq!(seen.status, HealthStatus::Degraded);
}

#[test]
fn a_lease_is_aged_by_the_servers_clock_and_not_by_ours() {
    let found = well();
    let server_time = found.now - SignedDuration::from_hours(3);
    let leases = vec![lease(2, server_time), lease(2, server_time)];
    let seen = judge(Findings { leases, server_time, ..found }, None);
    assert_eq!(seen.status, HealthStatus::Healthy, "{:?}", seen.message);
}

#[test]
fn hidden_and_missing_parts_are_unknown_and_do_not_degrade() {
    let leases = vec![Err(error(ErrorCode::NotFound)), Err(error(ErrorCode::ClusterForbidden))];
    let seen = judge(Findings { leases, ready: Err(error(ErrorCode::ClusterForbidden)), ..well() }, None);
    assert_eq!(seen.status, HealthStatus::Healthy);
    for name in ["api_server", "controller_manager", "scheduler"] {
        assert_eq!(status(&seen, name), HealthStatus::Unknown);
    }
}

#[test]
fn checks_that_do_not_answer_degrade_the_cluster() {
    let seen = judge(Findings { ready: Err(error(ErrorCode::ClusterTimeout)), ..well() }, None);
    assert_eq!(seen.status, HealthStatus::Degraded);
    assert_eq!(status(&seen, "api_server"), HealthStatus::Degraded);
}

#[test]
fn a_cluster_that_went_away_keeps_its_version_and_last_contact() {
    let before = judge(well(), None);
    let later = well().now + SignedDuration::from_secs(60);
    let found = Findings { version: Err(error(ErrorCode::ClusterUnavailable)), now: later, ..well() };
    let seen = judge(found, Some(&before));
    assert_eq!(seen.status, HealthStatus::Unhealthy);
    assert_eq!(seen.version, before.version);
    assert_eq!(seen.last_contact, before.last_contact);
    assert_eq!(seen.checked_at, Some(later));
    assert_eq!(seen.latency, None);
}

#[test]
fn a_refusal_is_a_contact() {
    let found = Findings { version: Err(error(ErrorCode::ClusterUnauthenticated)), ..well() };
    let seen = judge(found, None);
    assert_eq!(seen.status, HealthStatus::Unhealthy);
    assert!(seen.last_contact.is_some());
}

#[test]
fn credentials_that_cannot_be_renewed_degrade_a_cluster_that_still_answers() {
    let seen = judge(Findings { problem: Some("key missing".into()), ..well() }, None);
    assert_eq!(seen.status, HealthStatus::Degraded);
    assert!(seen.message.unwrap().contains("key missing"));
}
