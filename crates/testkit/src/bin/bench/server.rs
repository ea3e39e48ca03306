//! The fleetgraph process that is measured, and questions to it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use testkit::process::{Launch, Process};

use crate::api::Answer;
use crate::calls::Calls;

const POLL: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(300);
const STATES: &str = "{ clusters { freshness { state } } }";
const FRESHNESS: &str = "{ clusters { freshness { kind state objects } } }";

pub struct Server {
    process: Process,
    started: Instant,
    pub address: SocketAddr,
    metrics: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    /// Who asks, where nobody is named.
    token: Option<String>,
    _dir: tempfile::TempDir,
}

impl Server {
    /// Starts `fleetgraph serve` on ports of its own, and waits until it listens.
    pub async fn start(program: &Path, config: &Path) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("log");
        let args = ["serve", "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", "--log-format=json"];
        let mut args: Vec<String> = args.map(str::to_owned).into();
        args.push(format!("--config={}", config.display()));
        let started = Instant::now();
        let mut process = Process::start(&Launch {
            program: program.to_owned(),
            args,
            env: Vec::new(),
            log: Some(log.clone()),
        })?;
        let metrics = listening(&mut process, &log, "metrics").await?;
        let address = listening(&mut process, &log, "GraphQL").await?;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Self { process, started, address, metrics, client, token: None, _dir: dir })
    }

    /// Asks as the bearer of this token from now on.
    pub fn by(mut self, token: String) -> Self {
        self.token = Some(token);
        self
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits until every kind is live in so many clusters, with so many pods in each. Gives the time since the start
    /// of the process.
    pub async fn fresh(&self, pods: usize, clusters: usize) -> Result<Duration> {
        let fresh = |cluster: &Value| {
            let kinds = cluster["freshness"].as_array().map_or(&[][..], Vec::as_slice);
            live(cluster) && kinds.iter().any(|kind| kind["kind"] == "Pod" && kind["objects"] == pods)
        };
        loop {
            let data = self.data(FRESHNESS).await?;
            let all = data["clusters"].as_array().map_or(&[][..], Vec::as_slice);
            if all.len() == clusters && all.iter().all(fresh) {
                return Ok(self.started.elapsed());
            }
            ensure!(self.started.elapsed() < PATIENCE, "fleetgraph is not live after {PATIENCE:?}: {data}");
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until every kind is live in so many clusters. Gives the time since the start of the process.
    pub async fn live(&self, clusters: usize) -> Result<Duration> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let asked = Instant::now();
            let data = self.data(STATES).await?;
            let all = data["clusters"].as_array().map_or(&[][..], Vec::as_slice);
            let count = all.iter().filter(|cluster| live(cluster)).count();
            if count == clusters {
                return Ok(self.started.elapsed());
            }
            ensure!(
                Instant::now() < deadline,
                "only {count} of {clusters} clusters are live after {PATIENCE:?}"
            );
            // Of many clusters the question itself is work.
            tokio::time::sleep(POLL.max(asked.elapsed() * 4)).await;
        }
    }

    /// Whether every kind of a cluster is live.
    pub async fn is_live(&self, cluster: &str) -> Result<bool> {
        let data = self.data(&format!("{{ cluster(id: {cluster:?}) {{ freshness {{ state }} }} }}")).await?;
        Ok(live(&data["cluster"]))
    }

    /// Waits until it isn't.
    pub async fn not_live(&self, cluster: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.is_live(cluster).await? {
            ensure!(Instant::now() < deadline, "{cluster} is still live");
            tokio::time::sleep(POLL).await;
        }
        Ok(())
    }

    /// The kinds that it watches, as freshness names them.
    pub async fn kinds(&self) -> Result<Vec<String>> {
        let data = self.data(FRESHNESS).await?;
        let first = data["clusters"][0]["freshness"].as_array().context("there is a cluster")?;
        Ok(first.iter().filter_map(|kind| kind["kind"].as_str().map(str::to_owned)).collect())
    }

    /// How many objects it has of all clusters.
    pub async fn objects(&self) -> Result<u64> {
        let data = self.data(FRESHNESS).await?;
        let clusters = data["clusters"].as_array().context("clusters are a list")?;
        let kinds = clusters.iter().filter_map(|cluster| cluster["freshness"].as_array()).flatten();
        Ok(kinds.filter_map(|kind| kind["objects"].as_u64()).sum())
    }

    /// Asks a question and reads the whole answer, unparsed.
    pub async fn ask(&self, query: &str) -> Result<Answer> {
        self.ask_by(self.token.as_deref(), query).await
    }

    /// The same as the bearer of a token, or as nobody.
    pub async fn ask_by(&self, token: Option<&str>, query: &str) -> Result<Answer> {
        let mut request = http::Request::post(format!("http://{}/graphql", self.address))
            .header(http::header::CONTENT_TYPE, "application/json")
            .header(http::header::ACCEPT, "application/graphql-response+json");
        if let Some(token) = token {
            request = request.header(http::header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::from(json!({ "query": query }).to_string()))?;
        let asked = Instant::now();
        let response = self.client.request(request).await.with_context(|| self.process.log_tail())?;
        Answer::read(asked, response).await.with_context(|| query.to_owned())
    }

    /// The data of a question that must be answered without an error.
    pub async fn data(&self, query: &str) -> Result<Value> {
        data(query, &self.ask(query).await?.bytes())
    }

    /// Its requests to clusters so far.
    pub async fn calls(&self) -> Result<Calls> {
        let request = http::Request::get(format!("http://{}/metrics", self.metrics)).body(Full::default())?;
        let response = self.client.request(request).await?;
        let answer = Answer::read(Instant::now(), response).await?;
        let calls = Calls::parse(&String::from_utf8(answer.bytes())?)?;
        ensure!(!calls.is_empty(), "the metrics have no requests to clusters, though there were some");
        Ok(calls)
    }

    /// Lets it end as on a signal.
    pub async fn stop(mut self) -> Result<()> {
        self.process.terminate();
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.process.exited() {
                Some(status) if status.success() => return Ok(()),
                Some(status) => bail!("fleetgraph ended: {status}\n{}", self.process.log_tail()),
                None => {
                    ensure!(Instant::now() < deadline, "fleetgraph did not end:\n{}", self.process.log_tail())
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Whether the freshness of a cluster's kinds says so.
fn live(cluster: &Value) -> bool {
    let kinds = cluster["freshness"].as_array().map_or(&[][..], Vec::as_slice);
    !kinds.is_empty() && kinds.iter().all(|kind| kind["state"] == "LIVE")
}

/// The data of an answer that must be without an error.
pub fn data(query: &str, answer: &[u8]) -> Result<Value> {
    let mut answer: Value = serde_json::from_slice(answer).with_context(|| query.to_owned())?;
    ensure!(answer.get("errors").is_none(), "{query}: {}", answer["errors"]);
    Ok(answer["data"].take())
}

/// The address that the log names of one of its servers.
async fn listening(process: &mut Process, log: &PathBuf, what: &str) -> Result<SocketAddr> {
    let message = format!("the {what} server listens");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let named = |line: Value| {
            (line["message"] == *message).then(|| line["fields"]["address"].as_str()?.parse().ok())?
        };
        if let Some(address) = lines.filter_map(named).next() {
            return Ok(address);
        }
        if let Some(status) = process.exited() {
            bail!("fleetgraph ended before it listened: {status}\n{}", process.log_tail());
        }
        ensure!(Instant::now() < deadline, "fleetgraph does not listen:\n{}", process.log_tail());
        tokio::time::sleep(POLL).await;
    }
}
