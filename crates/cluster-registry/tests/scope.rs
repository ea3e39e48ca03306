//! Reads with a narrow scope, against the slow and obvious: read everything, drop what may not be seen, and expect a mask on
//! what may not be unmasked.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cluster_registry::{
    Edge, Query, Registry, Settings, Shared,
    connection::{Auth, ClusterSpec},
    pii::{FieldPath, Pii, Rule},
};
use fleetgraph_core::{
    ClusterId, Cursor, Extent, IndexKey, Kind, KindMeta, LabelSelector, PageRequest, Scope, Sight, Verb, View,
};
use kinds::{ConfigMap, Namespace, Node, Pod};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use simcluster::Simulator;
use simcluster::world::{World, WorldOptions};

const PATIENCE: Duration = Duration::from_secs(60);

/// A caller whose rights are thrown like dice. Clusters that it knows nothing of are not there for it.
#[derive(Debug, Default)]
struct Dice {
    extents: HashMap<(ClusterId, Verb, String), Arc<Extent>>,
    clusters: BTreeSet<ClusterId>,
}

impl Sight for Dice {
    fn has_cluster(&self, cluster: &ClusterId) -> bool {
        self.clusters.contains(cluster)
    }

    fn view(&self, cluster: &ClusterId, verb: Verb, kind: &KindMeta) -> View {
        let extent = self.extents.get(&(cluster.clone(), verb, kind.resource().into_owned()));
        View::of(extent.cloned().unwrap_or_default())
    }
}

impl Dice {
    fn throw<K: Kind>(&mut self, random: &mut StdRng, all: &[Shared<K>]) {
        for cluster in self.clusters.clone() {
            for verb in [Verb::Get, Verb::List, Verb::Watch, Verb::Unmask] {
                let here: Vec<_> = all.iter().filter(|row| row.cluster == cluster).collect();
                let extent = Arc::new(extent(random, &here));
                self.extents.insert((cluster.clone(), verb, K::META.resource().into_owned()), extent);
            }
        }
    }
}

fn extent<K: Kind>(random: &mut StdRng, all: &[&Shared<K>]) -> Extent {
    let mut extent = Extent { everywhere: random.random_bool(0.15), ..Extent::default() };
    let few = random.random_range(0..4);
    for row in all.sample(random, few) {
        let name = Box::from(&*row.meta.name);
        if random.random_bool(0.2) {
            extent.names.insert(name);
            continue;
        }
        if !row.meta.namespace.is_empty() {
            let here = extent.namespaces.entry(Arc::from(&*row.meta.namespace)).or_default();
            here.whole |= random.random_bool(0.7);
            here.names.insert(name);
        }
    }
    extent.tidied()
}

struct Bed {
    registry: Registry,
    clusters: Vec<ClusterId>,
    _simulator: Simulator,
    _files: tempfile::TempDir,
}

impl Bed {
    async fn start() -> Self {
        let world = World::new(&WorldOptions::new(3, 1_800, 3));
        let simulator = Simulator::start(simcluster::LOOPBACK).await.unwrap();
        let files = tempfile::tempdir().unwrap();
        let kinds = ["pods", "configmaps", "namespaces", "nodes"].map(ToOwned::to_owned);
        let registry =
            Registry::new(kinds::kind_set().only(&kinds), Settings { pii: pii(), ..Settings::default() });
        let mut clusters = Vec::new();
        for cluster in world.clusters() {
            simulator.add(cluster);
            let kubeconfig = files.path().join(cluster.name());
            simulator.write_kubeconfig(&kubeconfig, &[cluster]).unwrap();
            let id = ClusterId::new(cluster.name()).unwrap();
            clusters.push(id.clone());
            registry.add(ClusterSpec::new(id, Auth::kubeconfig(kubeconfig, None))).await.unwrap();
        }
        let deadline = Instant::now() + PATIENCE;
        while !registry.clusters(&Scope::everything()).iter().all(|cluster| cluster.ready()) {
            assert!(Instant::now() < deadline, "the clusters are not ready");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { registry, clusters, _simulator: simulator, _files: files }
    }

    fn all<K: Kind>(&self) -> Vec<Shared<K>> {
        self.registry.read::<K>(&Scope::everything()).select(&Query::default()).unwrap().rows
    }
}

/// Something of each pod, and of each config map that holds anything.
fn pii() -> Pii {
    let rule = |kind: &str, field: &str| Rule {
        kinds: vec![kind.to_owned()],
        fields: vec![FieldPath::parse(field).unwrap()],
        ..Rule::default()
    };
    Pii {
        rules: vec![rule("pods", "spec.containers.image"), rule("configmaps", "data.*")],
        labelled: Vec::new(),
    }
}

/// An object's id, and whether it is masked.
fn form(id: &str, masked: bool) -> String {
    if masked { format!("{id} masked") } else { id.to_owned() }
}

fn ids<K: Kind>(rows: &[Shared<K>]) -> Vec<String> {
    rows.iter().map(|row| form(&row.id(), !row.masked().is_empty())).collect()
}

/// The same of rows as their clusters have them, for a caller.
fn wanted_ids<K: Kind>(rows: &[Shared<K>], scope: &Scope) -> Vec<String> {
    let is_marked = |row: &Shared<K>| match K::META.plural {
        "pods" => true,
        "configmaps" => {
            let object: Value = serde_json::from_str(&row.json().unwrap()).unwrap();
            object["data"].as_object().is_some_and(|data| !data.is_empty())
        }
        _ => false,
    };
    let unmasks = |row: &Shared<K>| {
        scope.to(Verb::Unmask).allows(&row.cluster, row.kind(), &row.meta.namespace, &row.meta.name)
    };
    rows.iter().map(|row| form(&row.id(), is_marked(row) && !unmasks(row))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_read_is_what_may_be_seen_of_everything() {
    let bed = Bed::start().await;
    for seed in 0..60 {
        let random = &mut StdRng::seed_from_u64(seed);
        let clusters = bed.clusters.iter().filter(|_| random.random_bool(0.8)).cloned().collect();
        let mut dice = Dice { clusters, ..Dice::default() };
        dice.throw(random, &bed.all::<Pod>());
        dice.throw(random, &bed.all::<ConfigMap>());
        dice.throw(random, &bed.all::<Namespace>());
        dice.throw(random, &bed.all::<Node>());
        let scope = Scope::of(Arc::new(dice));
        for verb in [Verb::Get, Verb::List, Verb::Watch] {
            let scope = scope.to(verb);
            check::<Pod>(&bed, random, &scope, seed);
            check::<ConfigMap>(&bed, random, &scope, seed);
            check::<Namespace>(&bed, random, &scope, seed);
            check::<Node>(&bed, random, &scope, seed);
        }
    }
    bed.registry.shut_down().await;
}

fn check<K: Kind>(bed: &Bed, random: &mut StdRng, scope: &Scope, seed: u64) {
    let what = format!("seed {seed}, {}", K::META.plural);
    let everything = bed.all::<K>();
    let shows = |row: &Shared<K>| {
        scope.allows_cluster(&row.cluster)
            && scope.allows(&row.cluster, row.kind(), &row.meta.namespace, &row.meta.name)
    };
    let visible: Vec<Shared<K>> = everything.iter().filter(|row| shows(row)).cloned().collect();
    let reader = bed.registry.read::<K>(scope);
    assert_eq!(ids(&reader.select(&Query::default()).unwrap().rows), wanted_ids(&visible, scope), "{what}");
    assert_eq!(reader.matching(&Query::default()).unwrap(), visible.len(), "{what}");

    // Some namespaces, page by page, in both directions.
    let few = random.random_range(0..3);
    let namespaces: BTreeSet<String> = everything
        .sample(random, few)
        .map(|row| row.meta.namespace.to_string())
        .filter(|namespace| !namespace.is_empty())
        .collect();
    let wanted: Vec<_> = visible
        .iter()
        .filter(|row| namespaces.is_empty() || namespaces.contains(&*row.meta.namespace))
        .cloned()
        .collect();
    for from_end in [false, true] {
        assert_eq!(
            ids(&pages::<K>(bed, scope, &namespaces, from_end, random)),
            wanted_ids(&wanted, scope),
            "{what}"
        );
    }

    for cluster in &bed.clusters {
        let here = |row: &&Shared<K>| row.cluster == *cluster;
        assert_eq!(reader.count(cluster.as_str()), visible.iter().filter(here).count(), "{what}");
        let Some(one) = everything.iter().filter(here).collect::<Vec<_>>().choose(random).copied() else {
            continue;
        };
        let (namespace, name) = (&*one.meta.namespace, &*one.meta.name);
        let found = reader.get(cluster.as_str(), namespace, name);
        let expected: Vec<_> = shows(one).then(|| Arc::clone(one)).into_iter().collect();
        assert_eq!(ids(&found.into_iter().collect::<Vec<_>>()), wanted_ids(&expected, scope), "{what}");

        let labels = one.meta.labels.iter().next().map(|(key, value)| (key.to_string(), value.to_string()));
        let Some((key, value)) = labels else { continue };
        let carries = |row: &&Shared<K>| row.meta.labels.get(&key) == Some(value.as_str());
        let labelled: Vec<_> = visible.iter().filter(here).filter(carries).cloned().collect();
        assert_eq!(
            ids(&reader.by(cluster.as_str(), IndexKey::Label(&key, &value))),
            wanted_ids(&labelled, scope),
            "{what}"
        );
        let selector = LabelSelector::parse(&format!("{key}={value}")).unwrap();
        let near: Vec<_> = labelled.iter().filter(|row| *row.meta.namespace == *namespace).cloned().collect();
        assert_eq!(
            ids(&reader.labelled(cluster.as_str(), namespace, &selector)),
            wanted_ids(&near, scope),
            "{what}"
        );
    }
    any(bed, scope, &visible, random, &what);
}

/// Reads pages until there are no more, of lengths that change.
fn pages<K: Kind>(
    bed: &Bed,
    scope: &Scope,
    namespaces: &BTreeSet<String>,
    from_end: bool,
    random: &mut StdRng,
) -> Vec<Shared<K>> {
    let mut rows: Vec<Shared<K>> = Vec::new();
    loop {
        let edge = if from_end { rows.first() } else { rows.last() };
        let cursor = edge.map(|row| Cursor {
            cluster: row.cluster.clone(),
            namespace: row.meta.namespace.to_string(),
            name: row.meta.name.to_string(),
        });
        let (after, before) = if from_end { (None, cursor) } else { (cursor, None) };
        let page = PageRequest { after, before, limit: random.random_range(1..90), from_end };
        let query = Query { namespaces: namespaces.iter().cloned().collect(), page, ..Query::default() };
        let found = bed.registry.read::<K>(scope).select(&query).unwrap();
        assert!(!found.more || found.rows.len() == query.page.limit);
        if from_end {
            rows.splice(0..0, found.rows);
        } else {
            rows.extend(found.rows);
        }
        if !found.more {
            return rows;
        }
    }
}

/// The same by the reader of all kinds.
fn any<K: Kind>(bed: &Bed, scope: &Scope, visible: &[Shared<K>], random: &mut StdRng, what: &str) {
    let reader = bed.registry.read_any(scope);
    let clusters: Vec<&ClusterId> = bed.clusters.iter().filter(|id| scope.allows_cluster(id)).collect();
    assert_eq!(reader.clusters().collect::<BTreeSet<_>>(), clusters.into_iter().collect(), "{what}");
    let (mut found, mut between) = (Vec::new(), Vec::new());
    let (first, last) =
        (random.random_range('a'..='z').to_string(), random.random_range('a'..='z').to_string());
    let inside = |namespace: &str| *first < *namespace && *namespace <= *last;
    for cluster in &bed.clusters {
        for store in reader.stores_where(cluster.as_str(), &|kind| kind.is_resource(&K::META.resource())) {
            let take = |into: &mut Vec<String>, from, to| {
                let stopped = reader.each(&*store, None, from, to, &mut |entry, _| {
                    let meta = entry.meta();
                    let id = format!("{}:{}:{}", entry.cluster(), &*meta.namespace, &*meta.name);
                    into.push(form(&id, !entry.masked().is_empty()));
                    ControlFlow::Continue(())
                });
                assert!(stopped.is_continue());
            };
            take(&mut found, Edge::Least, Edge::Greatest);
            take(&mut between, Edge::After(&first), Edge::After(&last));
        }
    }
    let mut wanted = wanted_ids(visible, scope);
    let inner: Vec<_> = visible.iter().filter(|row| inside(&row.meta.namespace)).cloned().collect();
    let mut within = wanted_ids(&inner, scope);
    for list in [&mut wanted, &mut within, &mut found, &mut between] {
        list.sort();
    }
    assert_eq!(found, wanted, "{what}");
    assert_eq!(between, within, "{what}");
}
