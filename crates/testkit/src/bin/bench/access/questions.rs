//! What callers are asked to be shown.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::rights::Rights;
use crate::cluster::{ID, Listed, Pods};
use crate::questions::{LIST, PAGE, RELATIONS, page, single, spread};
use crate::server::Server;

/// Rounds, in each of which every caller asks once.
const SLOW: usize = 60;
const QUICK: usize = 300;
/// Rows of a walk.
const WALKED: usize = 1_000;

pub struct Question {
    pub what: &'static str,
    /// Whether a bound is said of it.
    pub bound: bool,
    /// Of each round.
    pub asked: Vec<Asked>,
    /// How many rows, or how large a number, an answer shows; an error if it isn't whole.
    pub rows: fn(&Value) -> Result<usize>,
    /// Rows for those who see everything, and for the one who sees one namespace.
    pub all: usize,
    pub few: usize,
}

/// The documents of one round.
pub struct Asked {
    pub all: String,
    /// Of the one who sees a single namespace: neither the cursors nor the names of others are any of its.
    pub few: String,
}

impl Asked {
    fn same(document: &str, rounds: usize) -> Vec<Self> {
        (0..rounds).map(|_| Self { all: document.to_owned(), few: document.to_owned() }).collect()
    }
}

pub async fn all(server: &Server, pods: &Pods, rights: &Rights) -> Result<Vec<Question>> {
    let first = rights.namespaces.first().context("there are namespaces")?;
    let here: Vec<&Listed> = pods.values().filter(|pod| pod.namespace == *first).collect();
    let (all, few) = (pods.len(), here.len());
    let one = here.first().context("a namespace has pods")?;
    // A pod's name ends in the hash of its ReplicaSet and its own number: the hash is in the names of few others.
    let word = one.name.rsplit('-').nth(1).context("a pod's name has the hash of its ReplicaSet")?;
    let of_word = |pod: &&Listed| pod.name.contains(word);
    let search = format!(
        "{{ resources(filter: {{ kinds: [\"pods\"], text: {word:?} }}, first: 20) {{ nodes {{ id }} totalCount }} }}"
    );
    let question = |what, asked, rows, (all, few)| Question { what, bound: false, asked, rows, all, few };
    Ok(vec![
        Question { bound: true, ..question(LIST, Asked::same(LIST, SLOW), list, (all, few)) },
        Question {
            bound: true,
            ..question(
                "a page of 100, by its cursor",
                pages(server, all).await?,
                a_page,
                (PAGE, few.min(PAGE)),
            )
        },
        question("totalCount of all pods", Asked::same(COUNT, SLOW), count, (all, few)),
        question("counts by namespace", Asked::same(FACETS, SLOW), facets, (all, few)),
        question(
            "search by a word of few pods",
            Asked::same(&search, SLOW),
            found,
            (pods.values().filter(of_word).count(), here.iter().copied().filter(of_word).count()),
        ),
        question("one pod by its name", look_ups(pods, &here), a_pod, (1, 1)),
        question(
            "walk over 1,000 pods: pod → owner → owner, node, services",
            Asked::same(RELATIONS, SLOW),
            walked,
            (all.min(WALKED), few.min(WALKED)),
        ),
    ])
}

const COUNT: &str = "{ podsConnection(first: 1) { totalCount } }";
const FACETS: &str =
    "{ resources(filter: { kinds: [\"pods\"] }) { facets(by: NAMESPACE, first: 500) { value count } } }";

/// Every full page of the list, some times over.
async fn pages(server: &Server, pods: usize) -> Result<Vec<Asked>> {
    let mut cursor: Option<String> = None;
    let mut documents = Vec::new();
    for _ in 0..pods / PAGE {
        let document = page(cursor.as_deref());
        let data = server.data(&document).await?;
        let end = data["podsConnection"]["pageInfo"]["endCursor"].as_str();
        cursor = Some(end.context("a page has a cursor")?.to_owned());
        documents.push(document);
    }
    ensure!(!documents.is_empty(), "{pods} pods fill no page");
    let asked = documents.into_iter().cycle().take(QUICK);
    Ok(asked.map(|all| Asked { all, few: page(None) }).collect())
}

fn look_ups(pods: &Pods, here: &[&Listed]) -> Vec<Asked> {
    let document = |pod: &Listed| single(ID, &pod.namespace, &pod.name);
    let few = here.iter().cycle();
    spread(pods, QUICK)
        .zip(few)
        .map(|((_, all), few)| Asked { all: document(all), few: document(few) })
        .collect()
}

fn rows_of(rows: &Value) -> Result<usize> {
    Ok(rows.as_array().context("rows are a list")?.len())
}

fn list(data: &Value) -> Result<usize> {
    rows_of(&data["pods"])
}

fn a_page(data: &Value) -> Result<usize> {
    rows_of(&data["podsConnection"]["nodes"])
}

fn number(value: &Value) -> Result<usize> {
    Ok(usize::try_from(value.as_u64().context("a count is a number")?)?)
}

fn count(data: &Value) -> Result<usize> {
    number(&data["podsConnection"]["totalCount"])
}

fn facets(data: &Value) -> Result<usize> {
    let rows = data["resources"]["facets"].as_array().context("counts are a list")?;
    rows.iter().map(|row| number(&row["count"])).sum()
}

fn found(data: &Value) -> Result<usize> {
    let found = &data["resources"];
    let count = number(&found["totalCount"])?;
    ensure!(rows_of(&found["nodes"])? == count.min(20), "a search counts {count}, and shows others");
    Ok(count)
}

fn a_pod(data: &Value) -> Result<usize> {
    Ok(usize::from(data["pod"]["id"].is_string()))
}

/// Each with all that it is related to.
fn walked(data: &Value) -> Result<usize> {
    let rows = data["pods"].as_array().context("pods are a list")?;
    let whole = |row: &Value| {
        row["node"]["name"].is_string()
            && row["ownedBy"]["ownedBy"]["kind"] == "Deployment"
            && row["services"].as_array().is_some_and(|found| found.len() == 1)
    };
    ensure!(rows.iter().all(whole), "a walk is incomplete");
    Ok(rows.len())
}
