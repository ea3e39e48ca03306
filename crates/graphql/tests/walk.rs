//! A walk over many objects loads each of its levels in one batch for each kind, on any number of threads. Loaders tell
//! of their batches by trace events; this is the one test of its program, because it listens to all of them.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod support;

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
};

use async_graphql::Request;
use cluster_registry::Registry;
use fleetgraph_core::Scope;
use graphql::{Budget, SchemaSettings, Viewer, schema};
use serde_json::{Value, json};
use support::fleet;
use testkit::{ControlPlane, Options, seed};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

const PODS: usize = 1000;
/// As the seed makes them.
const DEPLOYMENTS: usize = PODS / 20;
const NODES: usize = PODS / 100;
/// Threads meet in another way each time.
const ROUNDS: usize = 30;

/// The number of keys of each batch, by kind.
type Batches = BTreeMap<String, Vec<usize>>;

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Batches>>);

impl Heard {
    fn take(&self) -> Batches {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl<S: tracing::Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "kinds::loader" {
            let mut batch = Batch::default();
            event.record(&mut batch);
            self.0.lock().unwrap().entry(batch.kind).or_default().push(batch.keys);
        }
    }
}

#[derive(Default)]
struct Batch {
    kind: String,
    keys: usize,
}

impl tracing::field::Visit for Batch {
    fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
        if field.name() == "kind" {
            self.kind = value.to_owned();
        }
    }

    fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
        if field.name() == "keys" {
            self.keys = usize::try_from(value).unwrap();
        }
    }

    fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn fmt::Debug) {}
}

/// Pods with owners, nodes and, in each namespace, a service that selects them all.
async fn seeded() -> ControlPlane {
    let plane = ControlPlane::start(Options::bare("walk")).await.unwrap();
    let client = plane.admin_client().await.unwrap();
    let made = seed::pods(&client, PODS).await.unwrap();
    for namespace in made.namespaces {
        let service = json!({
            "apiVersion": "v1", "kind": "Service", "metadata": { "name": "all" },
            "spec": { "selector": { "app.kubernetes.io/managed-by": "Helm" }, "ports": [{ "port": 80 }] },
        });
        let request = http::Request::post(format!("/api/v1/namespaces/{namespace}/services"))
            .header("content-type", "application/json")
            .body(service.to_string().into_bytes())
            .unwrap();
        client.request_text(request).await.unwrap();
    }
    plane
}

async fn ask(registry: &Registry, query: &str) -> Value {
    let request =
        Request::new(query).data(Viewer::new(registry.clone(), Scope::everything(), Budget::new(u64::MAX)));
    let schema = schema(SchemaSettings::default(), None);
    // As a server has it: a task that any thread may run.
    let response = tokio::spawn(async move { schema.execute(request).await }).await.unwrap();
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    response.data.into_json().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_walk_loads_each_level_in_one_batch_for_each_kind() {
    let heard = Heard::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(heard.clone())).unwrap();
    let plane = seeded().await;
    let registry = fleet(&plane).await;
    heard.take();

    // pod → owner → owner, pod → node, pod → services
    let walk = "{ pods { name node { name } services { name }
        ownedBy { kind ... on ReplicaSet { name ownedBy { kind name } } } } }";
    for round in 0..ROUNDS {
        let answer = ask(&registry, walk).await;
        let pods = answer["pods"].as_array().unwrap();
        assert_eq!(pods.len(), PODS);
        for pod in pods {
            assert!(pod["node"]["name"].is_string(), "{pod}");
            assert_eq!(pod["services"][0]["name"], "all", "{pod}");
            assert_eq!(pod["ownedBy"]["ownedBy"]["kind"], "Deployment", "{pod}");
        }
        let mut batches = heard.take();
        // A key for each label of a pod, as far as they differ, and one for selectors without a label.
        assert_eq!(batches.remove("Service").unwrap().len(), 1, "round {round}");
        let expected =
            [("Deployment", vec![DEPLOYMENTS]), ("Node", vec![NODES]), ("ReplicaSet", vec![DEPLOYMENTS])];
        assert_eq!(batches, expected.map(|(kind, keys)| (kind.to_owned(), keys)).into(), "round {round}");
    }

    // Lists inside of a list: the nodes of all the lists of pods are one level.
    let nested = "{ replicaSets { name pods { name node { name } } } }";
    for round in 0..ROUNDS {
        let answer = ask(&registry, nested).await;
        let sets = answer["replicaSets"].as_array().unwrap();
        let pods: usize = sets.iter().map(|set| set["pods"].as_array().unwrap().len()).sum();
        assert_eq!((sets.len(), pods), (DEPLOYMENTS, PODS));
        let expected = [("Node", vec![NODES]), ("Pod", vec![DEPLOYMENTS])];
        assert_eq!(
            heard.take(),
            expected.map(|(kind, keys)| (kind.to_owned(), keys)).into(),
            "round {round}"
        );
    }
    registry.shut_down().await;
}
