//! Questions and changes at fixed rates, whatever becomes of the ones before: a server that is slow for a moment is
//! asked as often as before (an open loop).
//!
//! ```text
//!   each 10 ms   a look-up ──────────────▶ fleetgraph
//!   each 20 ms   a page of 100 ──────────▶ fleetgraph
//!   each 40 ms   a GET ────▶ a cluster
//!   each 100 ms  100 pods ─▶ a cluster
//!   each 40 ms   a PATCH ──▶ a cluster ══▶ fleetgraph ══▶ a subscriber
//!                                     ══▶ a watch, in some clusters
//! ```

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::client::Body;
use kube::{Api, Client};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::simulated::Simulated;
use crate::events::{self, Heard, LABEL};
use crate::questions;
use crate::server::Server;
use crate::socket::Subscription;

const LOOK_UPS: u32 = 100;
const PAGES: u32 = 50;
const GETS: u32 = 25;
const LISTS: u32 = 10;
const CHANGES: u32 = 25;
/// Clusters that are watched beside fleetgraph, as a reference. Each watch is parsed by this process.
const WATCHED: usize = 10;
/// Pods of a cluster that are looked up and changed.
const PODS: usize = 20;
/// Pages of which some are asked for, by their cursors.
const CURSORS: usize = 400;
/// A change that nobody has heard of by then is lost.
const PATIENCE: Duration = Duration::from_secs(20);

/// A pod and its cluster's client.
#[derive(Clone)]
struct Target {
    cluster: Arc<str>,
    namespace: String,
    name: String,
    client: Client,
}

/// What is asked for and changed, and who listens.
pub struct Load {
    server: Arc<Server>,
    targets: Vec<Target>,
    cursors: Vec<String>,
    random: StdRng,
    number: AtomicUsize,
    subscriber: mpsc::UnboundedReceiver<Heard>,
    watcher: mpsc::UnboundedReceiver<Heard>,
    watched: Vec<String>,
    _listeners: JoinSet<Result<()>>,
}

/// In milliseconds, since each was sent.
#[derive(Debug, Default, Clone)]
pub struct Latencies {
    pub look_ups: Vec<f64>,
    pub pages: Vec<f64>,
    /// The reference of look-ups.
    pub gets: Vec<f64>,
    /// The reference of pages: as many pods of one cluster, as kubectl lists them by name.
    pub lists: Vec<f64>,
    /// From the start of a PATCH until the subscriber heard.
    pub events: Vec<f64>,
    /// The same where a watch heard of it too, and when that did.
    pub watched: Vec<(f64, f64)>,
}

impl Latencies {
    pub fn extend(&mut self, other: Self) {
        self.look_ups.extend(other.look_ups);
        self.pages.extend(other.pages);
        self.gets.extend(other.gets);
        self.lists.extend(other.lists);
        self.events.extend(other.events);
        self.watched.extend(other.watched);
    }
}

impl Load {
    /// Of all clusters but these.
    pub async fn new(server: &Arc<Server>, fleet: &Simulated, but: &[String]) -> Result<Self> {
        let mut targets = Vec::new();
        let names = || fleet.names().iter().filter(|name| !but.contains(name));
        for name in names() {
            let query =
                format!("{{ pods(cluster: {name:?}, limit: {PODS}) {{ namespace {{ name }} name }} }}");
            let data = server.data(&query).await?;
            let (cluster, client) = (Arc::from(name.as_str()), fleet.client(name)?);
            for pod in data["pods"].as_array().context("pods are a list")? {
                let text = |of: &Value| of["name"].as_str().unwrap_or_default().to_owned();
                targets.push(Target {
                    cluster: Arc::clone(&cluster),
                    namespace: text(&pod["namespace"]),
                    name: text(pod),
                    client: client.clone(),
                });
            }
        }
        ensure!(!targets.is_empty(), "the fleet has no pods");
        let mut listeners = JoinSet::new();
        let (sender, subscriber) = mpsc::unbounded_channel();
        let subscription = Subscription::start(server.address, events::SUBSCRIPTION).await?;
        listeners.spawn(events::subscribe(subscription, sender));
        let (sender, watcher) = mpsc::unbounded_channel();
        let watched: Vec<String> = names().take(WATCHED).cloned().collect();
        for name in &watched {
            listeners.spawn(events::follow(Api::all(fleet.client(name)?.clone()), sender.clone()));
        }
        let cursors = cursors(server).await?;
        let mut this = Self {
            server: Arc::clone(server),
            targets,
            cursors,
            random: StdRng::seed_from_u64(1),
            number: AtomicUsize::new(0),
            subscriber,
            watcher,
            watched,
            _listeners: listeners,
        };
        this.listeners_begin().await?;
        Ok(this)
    }

    /// Neither a subscription nor a watch says when it has begun, so pods are changed until both hear of it.
    async fn listeners_begin(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut waiting: Vec<String> = self.watched.clone();
        let mut subscribed = false;
        while !subscribed || !waiting.is_empty() {
            ensure!(Instant::now() < deadline, "a listener hears nothing: {subscribed}, {waiting:?}");
            let mut numbers = HashMap::new();
            for cluster in waiting.iter().chain(self.watched.first()) {
                let here: Vec<_> =
                    self.targets.iter().filter(|target| *target.cluster == **cluster).collect();
                let target = here.choose(&mut self.random).context("a cluster has pods")?;
                let number = self.number.fetch_add(1, Ordering::Relaxed);
                if change(target, number).await? {
                    numbers.insert(number, cluster.clone());
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            while let Ok((number, _)) = self.subscriber.try_recv() {
                subscribed |= numbers.contains_key(&number);
            }
            while let Ok((number, _)) = self.watcher.try_recv() {
                if let Some(cluster) = numbers.get(&number) {
                    waiting.retain(|other| other != cluster);
                }
            }
        }
        Ok(())
    }

    /// Asks and changes for so long. A pod that is gone is an answer as well.
    pub async fn run(&mut self, period: Duration) -> Result<Latencies> {
        while self.subscriber.try_recv().is_ok() || self.watcher.try_recv().is_ok() {}
        let seed = self.random.random();
        let (mut latencies, sent) = self.send(period, seed).await?;
        self.collect(&sent, &mut latencies).await?;
        Ok(latencies)
    }

    /// Gives the latencies of what was asked, and when each change was sent.
    async fn send(&self, period: Duration, seed: u64) -> Result<(Latencies, HashMap<usize, Instant>)> {
        let mut any = draw(&self.targets, seed);
        let look_ups = paced(LOOK_UPS, period, || {
            let (target, server) = (any(), Arc::clone(&self.server));
            async move { look_up(&server, &target.context("a target")?).await }
        });
        let mut any = draw(&self.cursors, seed + 1);
        let pages = paced(PAGES, period, || {
            let (cursor, server) = (any(), Arc::clone(&self.server));
            async move { page(&server, cursor.as_deref()).await }
        });
        let mut any = draw(&self.targets, seed + 3);
        let gets = paced(GETS, period, || {
            let target = any();
            async move { get(&target.context("a target")?).await }
        });
        let mut any = draw(&self.targets, seed + 4);
        let lists = paced(LISTS, period, || {
            let target = any();
            async move { list(&target.context("a target")?).await }
        });
        let mut next = StdRng::seed_from_u64(seed + 2).random_range(0..self.targets.len());
        let (targets, number) = (&self.targets, &self.number);
        let changes = paced(CHANGES, period, || {
            // Each cluster has its turn: the targets of one stand beside each other.
            next = (next + PODS + 1) % targets.len();
            let (target, number) = (targets[next].clone(), number.fetch_add(1, Ordering::Relaxed));
            async move { Ok(change(&target, number).await?.then_some(number)) }
        });
        let (look_ups, pages, gets, lists, changes) =
            tokio::try_join!(look_ups, pages, gets, lists, changes)?;
        let found = look_ups.iter().filter(|(_, _, found)| *found).count();
        ensure!(
            found * 10 >= look_ups.len() * 8,
            "only {found} of {} look-ups found their pod",
            look_ups.len()
        );
        let latencies = Latencies {
            look_ups: took(&look_ups),
            pages: took(&pages),
            gets: took(&gets),
            lists: took(&lists),
            ..Latencies::default()
        };
        let sent: HashMap<usize, Instant> =
            changes.iter().filter_map(|(at, _, number)| Some(((*number)?, *at))).collect();
        ensure!(
            sent.len() * 10 >= changes.len() * 8,
            "only {} of {} changes were made",
            sent.len(),
            changes.len()
        );
        Ok((latencies, sent))
    }

    /// When the subscriber and the watches heard of the changes. The subscriber hears of each.
    async fn collect(&mut self, sent: &HashMap<usize, Instant>, latencies: &mut Latencies) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = HashMap::new();
        while heard.len() < sent.len() {
            let next = tokio::time::timeout_at(deadline, self.subscriber.recv()).await;
            let lost = || {
                format!("{} of {} changes did not reach the subscriber", sent.len() - heard.len(), sent.len())
            };
            let (number, at) = next.with_context(lost)?.context("the subscription ended")?;
            if let Some(begun) = sent.get(&number) {
                heard.entry(number).or_insert_with(|| millis(*begun, Instant::from_std(at)));
            }
        }
        let mut watched = HashSet::new();
        while let Ok((number, at)) = self.watcher.try_recv() {
            // The pod keeps its label in what happens to it later.
            if !watched.insert(number) {
                continue;
            }
            if let (Some(begun), Some(ours)) = (sent.get(&number), heard.get(&number)) {
                latencies.watched.push((*ours, millis(*begun, Instant::from_std(at))));
            }
        }
        latencies.events.extend(heard.into_values());
        Ok(())
    }
}

/// One of some, each time; the same ones for the same seed.
fn draw<T: Clone>(from: &[T], seed: u64) -> impl FnMut() -> Option<T> {
    let mut random = StdRng::seed_from_u64(seed);
    move || from.choose(&mut random).cloned()
}

/// When something was sent, when it ended, and what it gave.
type Done<T> = (Instant, Instant, T);

fn took<T>(all: &[Done<T>]) -> Vec<f64> {
    all.iter().map(|(sent, done, _)| millis(*sent, *done)).collect()
}

/// Begins something so many times a second, and waits for the last to end.
async fn paced<T, F>(rate: u32, period: Duration, mut begin: impl FnMut() -> F) -> Result<Vec<Done<T>>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let (begun, step) = (Instant::now(), Duration::from_secs(1) / rate);
    let mut running = JoinSet::new();
    let mut due = begun;
    while due < begun + period {
        sleep_until(due).await;
        // The timer's own lateness, a millisecond or two, is nobody's.
        let (work, sent) = (begin(), Instant::now());
        running.spawn(async move { anyhow::Ok((sent, work.await?, Instant::now())) });
        due += step;
    }
    let mut all = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (sent, result, done) = ended??;
        all.push((sent, done, result));
    }
    Ok(all)
}

/// Whether the pod is still there; that it is gone is an answer as well.
async fn look_up(server: &Server, target: &Target) -> Result<bool> {
    let Target { cluster, namespace, name, .. } = target;
    let data = server.data(&questions::single(cluster, namespace, name)).await?;
    let found = data["pod"]["name"] == **name;
    ensure!(found || data["pod"].is_null(), "{data} for {name}");
    Ok(found)
}

/// One pod from its own API server.
async fn get(target: &Target) -> Result<()> {
    let path = format!("/api/v1/namespaces/{}/pods/{}", target.namespace, target.name);
    read(&target.client, path).await
}

/// A page of its API server's pods.
async fn list(target: &Target) -> Result<()> {
    read(&target.client, "/api/v1/pods?limit=100".to_owned()).await
}

async fn read(client: &Client, path: String) -> Result<()> {
    let request = http::Request::get(path).body(Body::empty())?;
    let response = client.send(request).await?;
    ensure!(response.status().is_success() || response.status() == 404, "{}", response.status());
    response.into_body().collect().await?;
    Ok(())
}

async fn page(server: &Server, after: Option<&str>) -> Result<()> {
    let query = questions::page(after);
    let answer: Value = serde_json::from_slice(&server.ask(&query).await?.bytes())?;
    // Of a cluster that can't be reached the page has what is known, and says so.
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let stale = errors.iter().all(|error| error["extensions"]["code"] == "CLUSTER_UNAVAILABLE");
    ensure!(stale, "{query}: {errors:?}");
    let nodes = answer["data"]["podsConnection"]["nodes"].as_array().map_or(0, Vec::len);
    // Pods come and go, and so does what stands behind the last cursor.
    ensure!(nodes >= 20, "a page of {nodes}");
    Ok(())
}

/// Where pages begin, all over the fleet.
async fn cursors(server: &Server) -> Result<Vec<String>> {
    let mut cursors = Vec::new();
    while cursors.len() < CURSORS {
        let data = server.data(&questions::page(cursors.last().map(String::as_str))).await?;
        let info = &data["podsConnection"]["pageInfo"];
        if info["hasNextPage"] != true {
            break;
        }
        cursors.push(info["endCursor"].as_str().context("a page has an end")?.to_owned());
    }
    // Behind the last one there may be few.
    cursors.pop();
    Ok(cursors)
}

/// Labels a pod, unless it is gone.
async fn change(target: &Target, number: usize) -> Result<bool> {
    let label = json!({ "metadata": { "labels": { LABEL: number.to_string() } } });
    let api: Api<Pod> = Api::namespaced(target.client.clone(), &target.namespace);
    match api.patch_metadata(&target.name, &PatchParams::default(), &Patch::Merge(label)).await {
        Ok(_) => Ok(true),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(false),
        Err(error) => Err(error).with_context(|| format!("changing a pod of {}", target.cluster)),
    }
}

fn millis(from: Instant, to: Instant) -> f64 {
    events::millis(from.into_std(), to.into_std())
}
