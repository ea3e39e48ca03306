//! From what the prober found to a snapshot. No clock, no network: the same findings give the same judgement.

use std::time::Duration;

use fleetgraph_core::ErrorCode;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;

use super::{ComponentHealth, HealthSnapshot, HealthStatus, Version};
use crate::{breaker::BreakerState, connection::ClusterError};

/// The leases by which the controllers elect their leader, and what they are shown as.
pub(super) const LEASES: [(&str, &str); 2] =
    [("kube-controller-manager", "controller_manager"), ("kube-scheduler", "scheduler")];

/// What one round found.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) version: Result<Version, ClusterError>,
    pub(super) latency: Duration,
    /// The body of `/readyz?verbose`, which the API server sends with 200 and with 500 alike.
    pub(super) ready: Result<String, ClusterError>,
    /// In the order of [`LEASES`].
    pub(super) leases: Vec<Result<Lease, ClusterError>>,
    /// The API server's clock, so that a difference between its clock and ours does not age a lease.
    pub(super) server_time: Timestamp,
    pub(super) now: Timestamp,
    pub(super) breaker: BreakerState,
    /// Why new credentials can't be used, while older ones still are.
    pub(super) problem: Option<String>,
}

pub(super) fn judge(found: Findings, before: Option<&HealthSnapshot>) -> HealthSnapshot {
    let version = match found.version {
        Ok(version) => version,
        Err(error) => return away(&error, &found.problem, found.now, found.breaker, before),
    };
    let mut components = match &found.ready {
        Ok(checks) => of_checks(checks),
        Err(error) => vec![component("api_server", unasked(error), &error.message)],
    };
    for ((_, name), lease) in LEASES.iter().zip(&found.leases) {
        components.push(of_lease(name, lease, found.server_time));
    }
    let unwell: Vec<String> = components
        .iter()
        .filter(|component| matches!(component.status, HealthStatus::Degraded | HealthStatus::Unhealthy))
        .map(|component| format!("{}: {}", component.name, component.message))
        .chain(found.problem.map(|problem| format!("new credentials can't be used: {problem}")))
        .collect();
    HealthSnapshot {
        status: if unwell.is_empty() { HealthStatus::Healthy } else { HealthStatus::Degraded },
        message: (!unwell.is_empty()).then(|| unwell.join("; ")),
        version: Some(version),
        components,
        latency: Some(found.latency),
        last_contact: Some(found.now),
        checked_at: Some(found.now),
        breaker: found.breaker,
    }
}

/// The snapshot of a cluster that can't be used, with what was known of it before.
pub(super) fn away(
    error: &ClusterError,
    problem: &Option<String>,
    now: Timestamp,
    breaker: BreakerState,
    before: Option<&HealthSnapshot>,
) -> HealthSnapshot {
    // Refused is not unreachable: the API server answered.
    let answered = matches!(
        error.code,
        ErrorCode::ClusterUnauthenticated | ErrorCode::ClusterForbidden | ErrorCode::ClusterRateLimited
    );
    let message = match problem {
        Some(problem) if *problem != error.message => format!("{}; {problem}", error.message),
        _ => error.message.clone(),
    };
    HealthSnapshot {
        status: HealthStatus::Unhealthy,
        components: vec![component("api_server", HealthStatus::Unhealthy, &message)],
        message: Some(message),
        version: before.and_then(|before| before.version.clone()),
        latency: None,
        last_contact: if answered { Some(now) } else { before.and_then(|before| before.last_contact) },
        checked_at: Some(now),
        breaker,
    }
}

/// What a missing answer means: some clusters don't show their checks to everybody, and that is no fault.
fn unasked(error: &ClusterError) -> HealthStatus {
    match error.code {
        ErrorCode::ClusterForbidden | ErrorCode::ClusterUnauthenticated | ErrorCode::NotFound => {
            HealthStatus::Unknown
        }
        _ => HealthStatus::Degraded,
    }
}

/// Reads the lines of `/readyz?verbose`: `[+]etcd ok`, `[-]poststarthook/x failed: reason withheld`.
fn of_checks(text: &str) -> Vec<ComponentHealth> {
    let (mut etcd, mut failing) = (None, Vec::new());
    for line in text.lines() {
        let (well, rest) = match (line.strip_prefix("[+]"), line.strip_prefix("[-]")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => continue,
        };
        let (name, said) = rest.split_once(' ').unwrap_or((rest, ""));
        if name == "etcd" {
            etcd = Some((well, said));
        } else if !well {
            failing.push(component(name, HealthStatus::Unhealthy, said));
        }
    }
    let well = failing.is_empty() && etcd.is_none_or(|(well, _)| well);
    let mut components = vec![if well {
        component("api_server", HealthStatus::Healthy, "")
    } else {
        component("api_server", HealthStatus::Degraded, "it says that it is not ready")
    }];
    components.push(match etcd {
        Some((true, _)) => component("etcd", HealthStatus::Healthy, ""),
        Some((false, said)) => component("etcd", HealthStatus::Unhealthy, said),
        None => component("etcd", HealthStatus::Unknown, "the API server does not tell"),
    });
    components.extend(failing);
    components
}

fn of_lease(name: &str, lease: &Result<Lease, ClusterError>, now: Timestamp) -> ComponentHealth {
    let unknown = |message: &str| component(name, HealthStatus::Unknown, message);
    let lease = match lease {
        Ok(lease) => lease,
        Err(error) if error.code == ErrorCode::NotFound => {
            return unknown("it has no lease; hosted control planes often hide theirs");
        }
        Err(error) => return unknown(&error.message),
    };
    let spec = lease.spec.as_ref();
    let Some(renewed) = spec.and_then(|spec| spec.renew_time.as_ref()) else {
        return unknown("its lease was never renewed");
    };
    let term = spec.and_then(|spec| spec.lease_duration_seconds).filter(|term| *term > 0).unwrap_or(15);
    let age = now.duration_since(renewed.0).as_secs();
    if age <= 2 * i64::from(term) {
        component(name, HealthStatus::Healthy, "")
    } else {
        component(
            name,
            HealthStatus::Unhealthy,
            &format!("its lease of {term} s was last renewed {age} s ago; nobody leads"),
        )
    }
}

fn component(name: &str, status: HealthStatus, message: &str) -> ComponentHealth {
    ComponentHealth { name: name.to_owned(), status, message: message.to_owned() }
}

#[cfg(test)]
mod tests;
