//! Questions to fleetgraph, and what the API server takes to answer the same. Each answer is checked: a quick wrong
//! answer is no figure.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use kube::Client;
use serde_json::Value;

use crate::api::{self, PODS};
use crate::bounds::{self, Bound};
use crate::cluster::{APP, ID, Listed, Pods};
use crate::figure::{Figure, Reference, Times};
use crate::server::{self, Server};

pub const LIST: &str = "{ pods { id name nodeName phase podIP startedAt } }";
/// pod → owner → owner → node → services
pub const RELATIONS: &str = "{ pods(limit: 1000) { name ownedBy { ... on ReplicaSet { name ownedBy { kind name } } } \
    node { name } services { name } } }";

/// How often fleetgraph is asked.
const LISTS: usize = 100;
const LOOK_UPS: usize = 1_000;
const SELECTIONS: usize = 200;
const WALKS: usize = 50;
/// How often the API server is asked for what takes it long, and for what doesn't.
const SLOW_REFERENCES: usize = 5;
const QUICK_REFERENCES: usize = 200;

pub const PAGE: usize = 100;
/// Pages as kubectl asks for them.
const KUBECTL_PAGE: usize = 500;

pub fn single(cluster: &str, namespace: &str, name: &str) -> String {
    format!(
        "{{ pod(cluster: {cluster:?}, namespace: {namespace:?}, name: {name:?}) \
         {{ id name nodeName phase podIP startedAt }} }}"
    )
}

pub fn page(after: Option<&str>) -> String {
    let after = after.map_or(String::new(), |cursor| format!(", after: {cursor:?}"));
    format!(
        "{{ podsConnection(first: {PAGE}{after}) {{ nodes {{ id name phase }} pageInfo {{ hasNextPage endCursor }} }} }}"
    )
}

fn selection(app: &str) -> String {
    format!("{{ pods(filter: {{ labelSelector: \"{APP}={app}\" }}) {{ id name nodeName phase }} }}")
}

/// Asks once for everything.
pub async fn warm_up(server: &Server, pods: &Pods) -> Result<()> {
    let (_, one) = pods.iter().next().context("there are pods")?;
    for query in [LIST, RELATIONS, &single(ID, &one.namespace, &one.name), &page(None), &selection(&one.app)]
    {
        server.data(query).await?;
    }
    Ok(())
}

/// The list of all pods, by both.
pub struct Lists {
    /// The API server's, unpaged.
    pub reference: Reference,
    pub figures: Vec<Figure>,
}

impl Lists {
    /// How many times faster fleetgraph is than the API server's own list.
    pub fn ratio(&self) -> f64 {
        self.figures.first().and_then(Figure::ratio).unwrap_or(0.0)
    }
}

pub async fn lists(server: &Server, client: &Client, pods: &Pods) -> Result<Lists> {
    let mut whole = Vec::new();
    for _ in 0..SLOW_REFERENCES {
        whole.push(api::get(client, PODS).await?.took);
    }
    let mut paged: Vec<Duration> = Vec::new();
    for _ in 0..SLOW_REFERENCES {
        paged.push(api::pages(client, KUBECTL_PAGE).await?.iter().sum());
    }
    let reference = Reference::new("API server: GET pods, JSON", whole);
    let paged = Reference::new(format!("API server: the same in pages of {KUBECTL_PAGE}"), paged);

    let first = server.ask(LIST).await?;
    same(pods, &server::data(LIST, &first.bytes())?)?;
    let mut times = Vec::new();
    for _ in 0..LISTS {
        let answer = server.ask(LIST).await?;
        ensure!(
            answer.len() == first.len(),
            "an answer of {} bytes after one of {}",
            answer.len(),
            first.len()
        );
        times.push(answer.took);
    }
    let figure = Figure::new(LIST, times.into());
    Ok(Lists { figures: vec![figure.clone().against(&reference), figure.against(&paged)], reference })
}

/// Each row against the API server's, none missing, none left over.
fn same(pods: &Pods, data: &Value) -> Result<()> {
    let rows = data["pods"].as_array().context("pods are a list")?;
    ensure!(rows.len() == pods.len(), "{} rows for {} pods", rows.len(), pods.len());
    let mut ids = std::collections::BTreeSet::new();
    for row in rows {
        let text = |field: &str| row[field].as_str().with_context(|| format!("{field} is missing in {row}"));
        let pod = pods.get(text("id")?).with_context(|| format!("nobody else knows {row}"))?;
        let started: k8s_openapi::jiff::Timestamp = text("startedAt")?.parse()?;
        let equal = text("name")? == pod.name
            && text("nodeName")? == pod.node
            && text("phase")? == pod.phase.to_uppercase()
            && text("podIP")? == pod.ip
            && started == pod.started;
        ensure!(equal, "{row} is {pod:?} for the API server");
        ensure!(ids.insert(text("id")?), "{row} is there twice");
    }
    Ok(())
}

/// Look-ups, pages, a selection.
pub async fn others(server: &Server, client: &Client, pods: &Pods) -> Result<Vec<Figure>> {
    Ok(vec![
        look_ups(server, client, pods).await?,
        pages(server, client, pods).await?,
        selections(server, client, pods).await?,
    ])
}

/// `count` pods, spread over all.
pub fn spread(pods: &Pods, count: usize) -> impl Iterator<Item = (&String, &Listed)> {
    pods.iter().step_by((pods.len() / count).max(1)).take(count)
}

async fn look_ups(server: &Server, client: &Client, pods: &Pods) -> Result<Figure> {
    let mut theirs = Vec::new();
    for (_, pod) in spread(pods, QUICK_REFERENCES) {
        let path = format!("/api/v1/namespaces/{}/pods/{}", pod.namespace, pod.name);
        theirs.push(api::get(client, &path).await?.took);
    }
    let mut ours = Vec::new();
    for (id, pod) in spread(pods, LOOK_UPS) {
        let query = single(ID, &pod.namespace, &pod.name);
        let answer = server.ask(&query).await?;
        ensure!(server::data(&query, &answer.bytes())?["pod"]["id"] == **id, "{query} is another pod");
        ours.push(answer.took);
    }
    Ok(Figure::new("one pod by its name", ours.into())
        .against(&Reference::new("API server: GET pod", theirs)))
}

async fn pages(server: &Server, client: &Client, pods: &Pods) -> Result<Figure> {
    let theirs = api::pages(client, PAGE).await?;
    let mut ours = Vec::new();
    let mut seen = 0;
    let mut cursor = None;
    loop {
        let query = page(cursor.as_deref());
        let answer = server.ask(&query).await?;
        let mut data = server::data(&query, &answer.bytes())?;
        ours.push(answer.took);
        let connection = data["podsConnection"].take();
        seen += connection["nodes"].as_array().map_or(0, Vec::len);
        if connection["pageInfo"]["hasNextPage"] != true {
            break;
        }
        cursor =
            Some(connection["pageInfo"]["endCursor"].as_str().context("a page has a cursor")?.to_owned());
    }
    ensure!(seen == pods.len(), "the pages hold {seen} pods of {}", pods.len());
    let reference = Reference::new(format!("API server: GET pods, limit={PAGE}"), theirs);
    Ok(Figure::new(format!("a page of {PAGE}, by its cursor"), ours.into()).against(&reference))
}

async fn selections(server: &Server, client: &Client, pods: &Pods) -> Result<Figure> {
    let app = &pods.values().next().context("there are pods")?.app;
    let count = pods.values().filter(|pod| pod.app == *app).count();
    let mut theirs = Vec::new();
    for _ in 0..SLOW_REFERENCES {
        theirs.push(api::get(client, &format!("{PODS}?labelSelector={APP}%3D{app}")).await?.took);
    }
    let query = selection(app);
    let mut ours = Vec::new();
    for _ in 0..SELECTIONS {
        let answer = server.ask(&query).await?;
        let data = server::data(&query, &answer.bytes())?;
        let found = data["pods"].as_array().map_or(0, Vec::len);
        ensure!(found == count, "{query} finds {found} pods of {count}");
        ours.push(answer.took);
    }
    let what = format!("{count} pods by a label selector");
    Ok(Figure::new(what, ours.into()).against(&Reference::new("API server: GET pods, labelSelector", theirs)))
}

/// Walks over 1,000 pods, and that no request reaches the cluster meanwhile. The API server has no such question:
/// whoever wants the answer reads five lists and joins them. Joining isn't counted.
pub async fn walks(server: &Server, client: &Client) -> Result<(Figure, Bound)> {
    let lists = [
        "/api/v1/pods?limit=1000",
        "/api/v1/nodes",
        "/apis/apps/v1/replicasets",
        "/apis/apps/v1/deployments",
        "/api/v1/services",
    ];
    let mut theirs = Vec::new();
    for _ in 0..SLOW_REFERENCES {
        let mut all = Duration::ZERO;
        for list in lists {
            all += api::get(client, list).await?.took;
        }
        theirs.push(all);
    }
    let mut ours = Vec::new();
    let (begun, before) = (Instant::now(), server.calls().await?);
    for _ in 0..WALKS {
        let answer = server.ask(RELATIONS).await?;
        let data = server::data(RELATIONS, &answer.bytes())?;
        let rows = data["pods"].as_array().context("pods are a list")?;
        let whole = |row: &Value| {
            let named = |object: &Value| object["name"].is_string();
            named(&row["node"])
                && named(&row["ownedBy"])
                && row["ownedBy"]["ownedBy"]["kind"] == "Deployment"
                && row["services"].as_array().is_some_and(|found| found.len() == 1)
        };
        ensure!(rows.len() == 1000 && rows.iter().all(whole), "a walk is incomplete");
        ours.push(answer.took);
    }
    let reference = Reference::new(
        "API server: GET pods, limit=1000; nodes; replica sets; deployments; services",
        Times::from(theirs),
    );
    let bound = bounds::calls(
        format!("requests to the cluster during {WALKS} walks over 1,000 pods"),
        &server.calls().await?.since(&before),
        1,
        begun.elapsed(),
    );
    let what = "walk over 1,000 pods: pod → owner → owner, node, services";
    Ok((Figure::new(what, ours.into()).against(&reference), bound))
}
