//! Probes in the form of the Kubernetes API server's: a word for machines, with `?verbose` a list for people.
//!
//! ```text
//!   GET /readyz?verbose
//!   [+]shutdown ok
//!   [-]first-sync failed: 2 of 3 clusters are not synced
//!   readyz check failed
//! ```
//!
//! `?exclude=NAME` leaves a check out, as often as it is given.

use std::{borrow::Cow, fmt::Write as _, sync::Arc};

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};

use crate::shutdown::Shutdown;

/// One named condition, and why it doesn't hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: Cow<'static, str>,
    pub outcome: Result<(), String>,
}

impl Check {
    #[must_use]
    pub fn ok(name: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), outcome: Ok(()) }
    }

    #[must_use]
    pub fn failed(name: impl Into<Cow<'static, str>>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), outcome: Err(reason.into()) }
    }
}

/// What the composition root knows about the process's condition. Asked on every probe, so it must not block.
///
/// The HTTP side adds its own: that it answers (live), and that it isn't shutting down (ready).
pub trait Readiness: Send + Sync + 'static {
    /// Whether the process should go on living. A failure here gets it restarted, so only what a restart mends
    /// belongs here: a dead cluster does not.
    fn live(&self) -> Vec<Check> {
        Vec::new()
    }

    /// Whether requests should be sent here.
    fn ready(&self) -> Vec<Check>;
}

impl<F: Fn() -> Vec<Check> + Send + Sync + 'static> Readiness for F {
    fn ready(&self) -> Vec<Check> {
        self()
    }
}

#[derive(Clone)]
pub(crate) struct Health {
    pub readiness: Arc<dyn Readiness>,
    pub shutdown: Shutdown,
}

pub(crate) async fn live(State(health): State<Health>, query: Query<Vec<(String, String)>>) -> Response {
    let mut checks = vec![Check::ok("ping")];
    checks.extend(health.readiness.live());
    report("livez", &checks, &query)
}

pub(crate) async fn ready(State(health): State<Health>, query: Query<Vec<(String, String)>>) -> Response {
    let mut checks = vec![if health.shutdown.is_draining() {
        Check::failed("shutdown", "the process is shutting down")
    } else {
        Check::ok("shutdown")
    }];
    checks.extend(health.readiness.ready());
    report("readyz", &checks, &query)
}

fn report(name: &str, checks: &[Check], query: &[(String, String)]) -> Response {
    let excluded = |check: &Check| query.iter().any(|(key, value)| key == "exclude" && *value == check.name);
    let verbose = query.iter().any(|(key, _)| key == "verbose");
    let failed = checks.iter().any(|check| check.outcome.is_err() && !excluded(check));
    // Like the API server, a failure explains itself without being asked.
    let body = if verbose || failed {
        let mut text = String::new();
        for check in checks {
            // Writing to a String can't fail.
            let _ = match &check.outcome {
                _ if excluded(check) => writeln!(text, "[+]{} excluded: ok", check.name),
                Ok(()) => writeln!(text, "[+]{} ok", check.name),
                Err(reason) => writeln!(text, "[-]{} failed: {reason}", check.name),
            };
        }
        let _ = writeln!(text, "{name} check {}", if failed { "failed" } else { "passed" });
        text
    } else {
        "ok".to_owned()
    };
    let status = if failed { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn ask(checks: &[Check], query: &[(&str, &str)]) -> (u16, String) {
        let query: Vec<_> = query.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let response = report("readyz", checks, &query);
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_word_is_enough_unless_the_list_is_asked_for() {
        let checks = [Check::ok("ping"), Check::ok("store")];
        assert_eq!(ask(&checks, &[]).await, (200, "ok".to_owned()));
        let verbose = ask(&checks, &[("verbose", "")]).await;
        assert_eq!(verbose, (200, "[+]ping ok\n[+]store ok\nreadyz check passed\n".to_owned()));
    }

    #[tokio::test]
    async fn a_failure_gives_its_reason_and_503_unless_it_is_excluded() {
        let checks = [Check::ok("ping"), Check::failed("first-sync", "east is not synced")];
        let (status, text) = ask(&checks, &[]).await;
        assert_eq!(status, 503);
        assert_eq!(text, "[+]ping ok\n[-]first-sync failed: east is not synced\nreadyz check failed\n");
        assert_eq!(ask(&checks, &[("exclude", "first-sync")]).await.0, 200);
    }
}
