//! The task that asks a cluster how it is, and that closes its breaker again.
//!
//! A reachable cluster is asked every few seconds. While the breaker is open, the prober's first request of a round
//! is the probe that the breaker lets through, at the breaker's own pace.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use fleetgraph_core::ErrorCode;
use futures::future::{join, join_all};
use http::{Request, Response, StatusCode, header};
use jiff::Timestamp;
use k8s_openapi::{api::coordination::v1::Lease, apimachinery::pkg::version::Info};
use kube::client::Body;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::{
    Publisher, Version,
    judge::{Findings, LEASES, away, judge},
};
use crate::{
    breaker::{Breaker, BreakerState},
    connection::{ClusterError, ConnectError, Metrics, PROBE_PATIENCE, Probe, classify},
};

pub(crate) struct Prober {
    pub(crate) client: kube::Client,
    pub(crate) breaker: Breaker,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) problem: Arc<ArcSwapOption<ConnectError>>,
    pub(crate) interval: Duration,
    pub(crate) publisher: Publisher,
}

impl Prober {
    /// Runs until it is dropped.
    pub(crate) async fn run(self) {
        loop {
            if !self.breaker.reachable() {
                self.show_away();
                tokio::time::sleep_until(self.breaker.probe_at()).await;
                self.breaker.admit_probe();
            }
            self.round().await;
            if self.breaker.state() == BreakerState::HalfOpen {
                // The probe never left this process, so it proved nothing.
                let reason = self.problem().unwrap_or_else(|| "the probe could not be sent".to_owned());
                self.breaker.record_failure(&reason);
            }
            self.metrics.breaker(self.breaker.state());
            if self.breaker.reachable() {
                // Spread, so that a fleet isn't asked in one beat.
                let pause = self.interval.mul_f64(rand::random_range(0.9..=1.1));
                let _ = tokio::time::timeout(pause, self.breaker.opened()).await;
            }
        }
    }

    fn problem(&self) -> Option<String> {
        self.problem.load().as_ref().map(|problem| problem.told())
    }

    fn show_away(&self) {
        let error = ClusterError {
            code: ErrorCode::ClusterUnavailable,
            message: self.breaker.reason().unwrap_or_else(|| "unreachable".to_owned()),
            retry_after: None,
        };
        self.metrics.breaker(self.breaker.state());
        let before = self.publisher.latest();
        let after = away(&error, &self.problem(), Timestamp::now(), self.breaker.state(), before.as_deref());
        self.publisher.publish(after);
    }

    async fn round(&self) {
        let start = Instant::now();
        let version = self.read::<Info>("/version").await.map(version);
        let latency = start.elapsed();
        let mut server_time = None;
        let (mut ready, mut leases) = (Ok(String::new()), Vec::new());
        // Without an answer, more questions would only make the breaker wait.
        if version.is_ok() {
            let renewed = LEASES.map(|(lease, _)| self.part(self.lease(lease)));
            let (checks, renewed) = join(self.part(self.get("/readyz?verbose")), join_all(renewed)).await;
            ready = checks.map(|answer| {
                server_time = answer.date;
                answer.text
            });
            leases = renewed;
        }
        let now = Timestamp::now();
        let found = Findings {
            version,
            latency,
            ready,
            leases,
            server_time: server_time.unwrap_or(now),
            now,
            breaker: self.breaker.state(),
            problem: self.problem(),
        };
        let snapshot = judge(found, self.publisher.latest().as_deref());
        self.publisher.publish(snapshot);
    }

    /// Bounds the question about one part: an API server without etcd holds its answers back for half a minute, and
    /// the other parts are to be shown meanwhile.
    async fn part<T>(&self, asked: impl Future<Output = Result<T, ClusterError>>) -> Result<T, ClusterError> {
        tokio::time::timeout(PROBE_PATIENCE, asked).await.unwrap_or_else(|_| {
            Err(ClusterError {
                code: ErrorCode::ClusterTimeout,
                message: format!("no answer within {} s", PROBE_PATIENCE.as_secs()),
                retry_after: None,
            })
        })
    }

    async fn lease(&self, name: &str) -> Result<Lease, ClusterError> {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/{name}");
        self.read(&path).await
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClusterError> {
        let answer = self.get(path).await?;
        serde_json::from_str(&answer.text).map_err(|error| classify(&kube::Error::SerdeError(error)))
    }

    async fn get(&self, path: &str) -> Result<Answer, ClusterError> {
        self.send(path).await.map_err(|error| classify(&error))
    }

    async fn send(&self, path: &str) -> Result<Answer, kube::Error> {
        let request =
            Request::get(path).extension(Probe).body(Body::empty()).map_err(kube::Error::HttpError)?;
        let response = self.client.send(request).await?;
        let (status, date) = (response.status(), date(&response));
        let text = response.into_body().collect_bytes().await?;
        let text = String::from_utf8_lossy(&text).into_owned();
        // `/readyz` says with 500 which of its checks fail; that is an answer and no error.
        let checks = status == StatusCode::INTERNAL_SERVER_ERROR && text.starts_with('[');
        if status.is_success() || checks {
            return Ok(Answer { text, date });
        }
        let said = serde_json::from_str(&text)
            .unwrap_or_else(|_| kube::core::Status::failure(&text, "").with_code(status.as_u16()));
        Err(kube::Error::Api(said.boxed()))
    }
}

fn version(info: Info) -> Version {
    /// Some providers write `36+`.
    fn number(text: &str) -> u32 {
        text.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0)
    }
    Version { major: number(&info.major), minor: number(&info.minor), git: info.git_version }
}

struct Answer {
    text: String,
    date: Option<Timestamp>,
}

fn date<B>(response: &Response<B>) -> Option<Timestamp> {
    let text = response.headers().get(header::DATE)?.to_str().ok()?;
    let parser = jiff::fmt::rfc2822::DateTimeParser::new();
    parser.parse_timestamp(text).ok()
}
