//! Searches over 100,000 pods: ten clusters, whose ids all lead to the one control plane. For fleetgraph they are ten,
//! each with its own connection, watches and copy.
//!
//! ```text
//!   a control plane, 10,000 pods ─┬─ c0 ─┐
//!                                 ├─ …   ├─ fleetgraph ─ searches, counts, a graph
//!                                 ├─ c9 ─┘
//!                                 └─ its JSON list, gone over ten times
//! ```

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::bounds::{self, Bound};
use crate::cluster::{APP, Cluster, Listed, Pods};
use crate::figure::{Figure, Reference, Times};
use crate::memory::{self, Resident};
use crate::report;
use crate::scan::{Bytes, Created, Namespace};
use crate::server::{self, Server};

pub const CLUSTERS: usize = 10;

/// How often fleetgraph is asked for what is soon answered, and for what goes over all pods.
const QUICK: usize = 200;
const WHOLE: usize = 30;
/// How often the bytes are searched, and how often they are read as JSON.
const SCANS: usize = 5;
const READS: usize = 3;

/// Times that counting has to be faster than reading the JSON. A search has no bound: a scan of bytes for one exact text
/// is as fast as memory, and knows neither cases nor objects.
const COUNTS_TIMES_FASTER: f64 = 10.0;

const NOBODY: &str = "nobody-is-called-so";
/// On every pod of the seed.
const EVERYWHERE: (&str, &str) = ("env", "bench");

/// What was measured of the fleet.
pub struct Fleet {
    pub pods: usize,
    /// Bytes that the references go over.
    pub bytes: usize,
    pub resident: Resident,
    pub figures: Vec<Figure>,
    pub bounds: Vec<Bound>,
}

impl Fleet {
    pub fn json(&self) -> Value {
        json!({
            "clusters": CLUSTERS, "pods": self.pods, "bytes_of_json": self.bytes, "resident": self.resident.all,
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
        })
    }
}

/// A search for pods that ends in a page and a count.
struct Search {
    what: String,
    filter: String,
    /// What the bytes are searched for.
    text: String,
    /// How many pods of one cluster it finds.
    pods: usize,
    times: usize,
}

pub async fn measure(program: &Path, cluster: &Cluster, pods: &Pods) -> Result<Fleet> {
    report::progress(&format!("starting a server of {CLUSTERS} clusters"))?;
    let server = Server::start(program, &cluster.fleet(CLUSTERS)?).await?;
    server.fresh(pods.len(), CLUSTERS).await?;
    let resident = memory::settled(server.pid()).await?;
    let bytes = Bytes::read(&cluster.client, CLUSTERS).await?;

    report::progress(&format!("searching {} pods, and their bytes", pods.len() * CLUSTERS))?;
    let mut figures = Vec::new();
    let (_, one) = pods.iter().next().context("there are pods")?;
    for search in searches(pods, one)? {
        figures.push(search.measure(&server, &bytes).await?);
    }
    let counts = counts(&server, &bytes, pods).await?;
    let bounds = vec![bounds::faster(
        "counts by namespace, health and image".to_owned(),
        &counts,
        COUNTS_TIMES_FASTER,
    )];
    figures.push(counts);
    figures.push(newest(&server, &bytes).await?);
    figures.push(graph(&server, one).await?);
    server.stop().await?;
    Ok(Fleet { pods: pods.len() * CLUSTERS, bytes: bytes.len(), resident, figures, bounds })
}

/// For labels and words that few pods have, that all have, and that none has.
fn searches(pods: &Pods, one: &Listed) -> Result<Vec<Search>> {
    let mut name = one.name.rsplit('-');
    let hash = name.nth(1).context("a pod's name has the hash of its ReplicaSet")?;
    let labelled = |key: &str, value: &str, what: &str, pods, times| Search {
        what: format!("search by a label of {what}"),
        filter: format!("labelSelector: \"{key}={value}\""),
        text: format!("\"{key}\":\"{value}\""),
        pods,
        times,
    };
    let worded = |word: &str, what: &str, pods| Search {
        what: format!("search by a word of {what}"),
        filter: format!("text: {word:?}"),
        text: word.to_owned(),
        pods,
        times: WHOLE,
    };
    let of_app = pods.values().filter(|pod| pod.app == one.app).count();
    let of_set = pods.values().filter(|pod| pod.name.contains(hash)).count();
    let (key, value) = EVERYWHERE;
    Ok(vec![
        labelled(APP, &one.app, &format!("{} pods", of_app * CLUSTERS), of_app, QUICK),
        labelled(key, value, "all pods", pods.len(), WHOLE),
        worded(hash, &format!("{} pods", of_set * CLUSTERS), of_set),
        worded(NOBODY, "no pod", 0),
    ])
}

impl Search {
    async fn measure(&self, server: &Server, bytes: &Bytes) -> Result<Figure> {
        let query = format!(
            "{{ resources(filter: {{ kinds: [\"pods\"], {} }}, first: 20) {{ nodes {{ id }} totalCount }} }}",
            self.filter
        );
        let (scans, there) = bytes.find(&self.text, SCANS);
        let all = self.pods * CLUSTERS;
        ensure!(there >= all && (there > 0) == (all > 0), "{:?} is {there} times in the bytes", self.text);
        let times = asked(server, &query, self.times, |data| {
            let found = &data["resources"];
            ensure!(found["totalCount"] == all, "{query} counts {} of {all}", found["totalCount"]);
            let nodes = found["nodes"].as_array().map_or(0, Vec::len);
            ensure!(nodes == all.min(20), "{query} shows {nodes}");
            Ok(())
        });
        let reference = Reference::new(format!("a scan of the bytes for {}", self.text), scans);
        Ok(Figure::new(&self.what, times.await?).against(&reference))
    }
}

async fn counts(server: &Server, bytes: &Bytes, pods: &Pods) -> Result<Figure> {
    let query = "{ resources(filter: { kinds: [\"pods\"] }) { facets(by: NAMESPACE) { value count } \
        byHealth: facets(by: HEALTH) { value count } images: facets(by: IMAGE, first: 10) { value count } } }";
    let mut counted = std::collections::HashMap::<&str, usize>::new();
    let reads = bytes.fields(READS, |fields| {
        for Namespace { namespace } in fields {
            *counted.entry(namespace).or_default() += 1;
        }
    })?;
    let all = pods.len() * CLUSTERS;
    let times = asked(server, query, WHOLE, |data| {
        let facets = &data["resources"];
        for row in facets["facets"].as_array().context("counts by namespace")? {
            let theirs = row["value"].as_str().and_then(|namespace| counted.get(namespace));
            let theirs = theirs.map_or(0, |count| count / READS);
            ensure!(row["count"] == theirs, "{row}, of which the bytes have {theirs}");
        }
        for facet in ["facets", "byHealth"] {
            let rows = facets[facet].as_array().context("counts")?;
            let sum: u64 = rows.iter().filter_map(|row| row["count"].as_u64()).sum();
            ensure!(sum == all as u64, "{facet} counts {sum} of {all}");
        }
        ensure!(facets["images"].as_array().is_some_and(|rows| rows.len() == 10), "counts by image");
        Ok(())
    });
    let reference = Reference::new("a serde_json pass over the bytes that counts by namespace", reads);
    Ok(Figure::new("counts by namespace, by health and by image", times.await?).against(&reference))
}

async fn newest(server: &Server, bytes: &Bytes) -> Result<Figure> {
    let query = "{ resources(filter: { kinds: [\"pods\"] }, orderBy: { field: CREATED_AT, direction: DESC }, first: 20) \
        { nodes { ... on Pod { id createdAt } } } }";
    let mut latest = "";
    let reads = bytes.fields(READS, |fields| {
        latest = fields.fold(latest, |latest, Created { created }| latest.max(created));
    })?;
    let latest: k8s_openapi::jiff::Timestamp = latest.parse()?;
    let times = asked(server, query, WHOLE, |data| {
        let rows = data["resources"]["nodes"].as_array().context("pods are a list")?;
        let created = rows.first().and_then(|row| row["createdAt"].as_str()).context("the newest pod")?;
        ensure!(rows.len() == 20 && created.parse::<k8s_openapi::jiff::Timestamp>()? == latest, "{created}");
        Ok(())
    });
    let reference = Reference::new("a serde_json pass over the bytes for the newest pod", reads);
    Ok(Figure::new("the 20 newest pods", times.await?).against(&reference))
}

/// Nobody else draws it: it has no reference.
async fn graph(server: &Server, one: &Listed) -> Result<Figure> {
    let query = format!(
        "{{ resourceGraph(cluster: \"c0\", namespace: {:?}, resourceType: \"deployments\", name: {:?}, depth: 3) \
         {{ nodes {{ id }} edges {{ from to type }} }} }}",
        one.namespace, one.app
    );
    let mut nodes = 0;
    let times = asked(server, &query, QUICK, |data| {
        nodes = data["resourceGraph"]["nodes"].as_array().map_or(0, Vec::len);
        ensure!(nodes > 20, "{query} shows {nodes} objects, not even the deployment's pods");
        Ok(())
    });
    let times = times.await?;
    Ok(Figure::new(format!("graph of depth 3 around a deployment, {nodes} objects"), times))
}

/// Asks a question so many times; each answer is checked.
async fn asked(
    server: &Server,
    query: &str,
    times: usize,
    mut check: impl FnMut(&Value) -> Result<()>,
) -> Result<Times> {
    let mut took = Vec::new();
    for _ in 0..times {
        let answer = server.ask(query).await?;
        check(&server::data(query, &answer.bytes())?)?;
        took.push(answer.took);
    }
    Ok(took.into())
}
