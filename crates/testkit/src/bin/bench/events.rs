//! How long a change takes to reach a subscriber and a query, next to a watch on the API server in this process.
//!
//! ```text
//!   PATCH sent ──── answered                         one change at a time
//!        │              │
//!        ├──────────────┼──▶ the API server's watch    the same change, seen by both
//!        └──────────────┼──▶ fleetgraph's subscription
//! ```
//!
//! A watcher may hear of a change before its writer is answered, so times from the answer can be negative.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::cluster::{ID, Listed, Pods};
use crate::figure::{Figure, Reference, Times};
use crate::questions::spread;
use crate::server::Server;
use crate::socket::Subscription;

/// The changes carry their number in it.
pub const LABEL: &str = "bench.fleetgraph.dev/change";
pub const SUBSCRIPTION: &str =
    "subscription { podEvents { type timestamp pod { id phase nodeName labels } } }";
const HEARD: usize = 300;
const ASKED: usize = 200;
const PATIENCE: Duration = Duration::from_secs(10);

/// The number of a change, and when somebody heard of it.
pub type Heard = (usize, Instant);

pub async fn measure(server: &Server, client: &Client, pods: &Pods) -> Result<Vec<Figure>> {
    let changed: Vec<_> = spread(pods, 1_000).map(|(_, pod)| pod).collect();
    let change = |number: usize| change(client, changed[number % changed.len()], number);
    let mut figures = heard(server, client, &change).await?;
    figures.push(asked(server, &changed, &change).await?);
    Ok(figures)
}

/// Labels a pod as `kubectl label` does. Gives when the answer was there.
async fn change(client: &Client, pod: &Listed, number: usize) -> Result<Instant> {
    let label = json!({ "metadata": { "labels": { LABEL: number.to_string() } } });
    let api: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace);
    api.patch(&pod.name, &PatchParams::default(), &Patch::Merge(label)).await?;
    Ok(Instant::now())
}

async fn heard(
    server: &Server,
    client: &Client,
    change: &impl AsyncFn(usize) -> Result<Instant>,
) -> Result<Vec<Figure>> {
    let mut listeners = JoinSet::new();
    let (sender, mut subscription) = mpsc::unbounded_channel();
    listeners.spawn(subscribe(Subscription::start(server.address, SUBSCRIPTION).await?, sender));
    let (sender, mut watch) = mpsc::unbounded_channel();
    listeners.spawn(follow(Api::all(client.clone()), sender));

    let first = both_listen(change, &mut subscription, &mut watch).await?;
    let (mut ours, mut theirs) = (Since::default(), Since::default());
    let mut behind = Vec::new();
    for number in first..first + HEARD {
        let sent = Instant::now();
        let answered = change(number).await?;
        let subscriber = hears(&mut subscription, number).await.with_context(|| ended(&mut listeners))?;
        let watcher = hears(&mut watch, number).await.with_context(|| ended(&mut listeners))?;
        ours.note(sent, answered, subscriber);
        theirs.note(sent, answered, watcher);
        behind.push(millis(watcher, subscriber));
    }
    let watch = |times| Reference::new("API server: a watch", Times::of_millis(times));
    Ok(vec![
        Figure::new("event on a WebSocket, from the PATCH's start", Times::of_millis(ours.sent))
            .against(&watch(theirs.sent)),
        Figure::new("event on a WebSocket, from the PATCH's answer", Times::of_millis(ours.answered))
            .against(&watch(theirs.answered)),
        Figure::new("event on a WebSocket, from the same event on the watch", Times::of_millis(behind)),
    ])
}

/// Milliseconds from a PATCH until somebody heard of it.
#[derive(Default)]
struct Since {
    sent: Vec<f64>,
    answered: Vec<f64>,
}

impl Since {
    fn note(&mut self, sent: Instant, answered: Instant, heard: Instant) {
        self.sent.push(millis(sent, heard));
        self.answered.push(millis(answered, heard));
    }
}

/// From one moment to another, which may lie before it.
pub fn millis(from: Instant, to: Instant) -> f64 {
    let (later, earlier) = (to.saturating_duration_since(from), from.saturating_duration_since(to));
    (later.as_secs_f64() - earlier.as_secs_f64()) * 1e3
}

/// Neither a subscription nor a watch says when it has begun, so pods are changed until both hear of it. Gives the
/// number of the next change.
async fn both_listen(
    change: &impl AsyncFn(usize) -> Result<Instant>,
    subscription: &mut mpsc::UnboundedReceiver<Heard>,
    watch: &mut mpsc::UnboundedReceiver<Heard>,
) -> Result<usize> {
    for number in 0..50 {
        change(number).await?;
        let second = Duration::from_secs(1);
        let both = async { hears(subscription, number).await.and(hears(watch, number).await) };
        if timeout(second, both).await.is_ok_and(|heard| heard.is_ok()) {
            return Ok(number + 1);
        }
    }
    bail!("neither the subscription nor the watch hears of changes")
}

/// Waits for a change; those before it are passed over.
async fn hears(listener: &mut mpsc::UnboundedReceiver<Heard>, wanted: usize) -> Result<Instant> {
    let heard = async {
        while let Some((number, at)) = listener.recv().await {
            if number == wanted {
                return Ok(at);
            }
        }
        bail!("nobody listens any more")
    };
    timeout(PATIENCE, heard).await.with_context(|| format!("change {wanted} was not heard of"))?
}

/// Why a listener ended, if one did.
fn ended(listeners: &mut JoinSet<Result<()>>) -> String {
    match listeners.try_join_next() {
        Some(Ok(Err(error))) => format!("a listener ended: {error:#}"),
        other => format!("listeners: {other:?}"),
    }
}

pub async fn subscribe(mut subscription: Subscription, heard: mpsc::UnboundedSender<Heard>) -> Result<()> {
    loop {
        let event = subscription.next().await?;
        let at = Instant::now();
        if let Some(number) = event["podEvents"]["pod"]["labels"][LABEL].as_str() {
            heard.send((number.parse()?, at))?;
        }
    }
}

/// A watch of all pods as whole objects, as every controller has one.
pub async fn follow(api: Api<Pod>, heard: mpsc::UnboundedSender<Heard>) -> Result<()> {
    let newest = api.list_metadata(&ListParams::default().limit(1)).await?;
    let version = newest.metadata.resource_version.context("a list has a version")?;
    let mut events = api.watch(&WatchParams::default().timeout(290), &version).await?.boxed();
    while let Some(event) = events.try_next().await? {
        let at = Instant::now();
        let WatchEvent::Modified(pod) = event else { continue };
        if let Some(number) = pod.labels().get(LABEL) {
            heard.send((number.parse()?, at))?;
        }
    }
    bail!("the API server ended the watch")
}

/// From the answer to a change until the first answer that shows it, asked for without a pause.
async fn asked(
    server: &Server,
    pods: &[&Listed],
    change: &impl AsyncFn(usize) -> Result<Instant>,
) -> Result<Figure> {
    let mut times = Vec::new();
    for index in 0..ASKED {
        // The pods carry lower numbers from before.
        let number = 1_000_000 + index;
        let pod = pods[number % pods.len()];
        let query = format!(
            "{{ pod(cluster: {ID:?}, namespace: {:?}, name: {:?}) {{ labels }} }}",
            pod.namespace, pod.name
        );
        let label = number.to_string();
        let answered = change(number).await?;
        loop {
            let data = server.data(&query).await?;
            if data["pod"]["labels"][LABEL] == *label {
                times.push(answered.elapsed());
                break;
            }
            if answered.elapsed() > PATIENCE {
                bail!("change {number} is not seen in queries after {PATIENCE:?}");
            }
        }
    }
    Ok(Figure::new("query shows the change, from the PATCH's answer", times.into()))
}
