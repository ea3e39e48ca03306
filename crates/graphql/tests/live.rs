//! Subscriptions on a real API server, in this process, where a subscriber can be made to read as slowly as a test needs.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod support;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use async_graphql::Request;
use cluster_registry::{Registry, Settings};
use fleetgraph_core::{ClusterId, KindMeta, Scope, Sight, Verb, View};
use futures::StreamExt;
use graphql::{Budget, SchemaSettings, Viewer, schema};
use serde_json::Value;
use support::{PATIENCE, fleet};
use testkit::{ControlPlane, Options};

fn request(registry: &Registry, query: &str) -> Request {
    Request::new(query).data(Viewer::new(registry.clone(), Scope::everything(), Budget::new(u64::MAX)))
}

/// More changes than the broadcast holds, to a few objects: each ends with the label `round=last`.
async fn storm(plane: &ControlPlane, services: usize, changes: usize) {
    let client = plane.admin_client().await.unwrap();
    let tasks: Vec<_> = (0..services)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move {
                for round in 1..=changes {
                    let value = if round == changes { "last".to_owned() } else { round.to_string() };
                    let patch = format!(r#"{{"metadata":{{"labels":{{"round":"{value}"}}}}}}"#);
                    let request = http::Request::patch(format!("/api/v1/namespaces/default/services/s{n}"))
                        .header("content-type", "application/merge-patch+json")
                        .body(patch.into_bytes())
                        .unwrap();
                    client.request_text(request).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_holds_no_more_related_objects_than_it_may_however_they_multiply() {
    let plane = ControlPlane::start(Options::bare("multiplying")).await.unwrap();
    // With the API server's own, there are five.
    for name in ["s1", "s2", "s3", "s4"] {
        plane.kubectl(&["create", "service", "clusterip", name, "--clusterip=None"]).await.unwrap();
    }
    let registry = fleet(&plane).await;
    let schema = schema(SchemaSettings::default(), None);
    let ask = |query: &str, most: u64| {
        let viewer = Viewer::new(registry.clone(), Scope::everything(), Budget::new(most));
        schema.execute_stream(Request::new(query).data(viewer))
    };
    let code = |response: &async_graphql::Response| {
        let extensions = response.errors.first().and_then(|error| error.extensions.clone());
        extensions.and_then(|extensions| extensions.get("code").cloned()).map(|code| code.to_string())
    };
    let query = r#"{ services(namespace: "default") { namespace { services { namespace { services { name } } } } } }"#;
    let (all, refused) = (ask(query, 180).next().await.unwrap(), ask(query, 179).next().await.unwrap());
    assert_eq!(code(&all), None);
    assert_eq!(all.data.into_json().unwrap().to_string().matches("\"name\"").count(), 125);
    assert_eq!(code(&refused).as_deref(), Some("\"COMPLEXITY_LIMIT\""));
    assert_eq!(
        (refused.errors.len(), refused.data),
        (1, async_graphql::Value::Null),
        "nothing of it is told"
    );

    // Each event is an answer of its own.
    let events = r#"subscription { serviceEvents(namespace: "default", initial: true) { service { namespace { services { name } } } } }"#;
    for (most, expected) in [(6, None), (5, Some("\"COMPLEXITY_LIMIT\""))] {
        let heard: Vec<_> = ask(events, most).take(5).collect().await;
        assert!(heard.iter().all(|event| code(event).as_deref() == expected), "{heard:?}");
    }
    registry.shut_down().await;
}

/// Everything at first, and after the revocation nothing but what is called `end`.
#[derive(Debug, Default)]
struct Revocable {
    revoked: AtomicBool,
}

impl Sight for Revocable {
    fn has_cluster(&self, _: &ClusterId) -> bool {
        true
    }

    fn view(&self, _: &ClusterId, _: Verb, _: &KindMeta) -> View {
        View::all()
    }

    fn allows(&self, _: &ClusterId, _: Verb, _: &KindMeta, _: &str, name: &str) -> bool {
        name == "end" || !self.revoked.load(Ordering::SeqCst)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_ready_before_a_revocation_is_not_told_after_it() {
    let plane = ControlPlane::start(Options::bare("slow")).await.unwrap();
    for name in ["a", "b", "end"] {
        plane.kubectl(&["create", "service", "clusterip", name, "--clusterip=None"]).await.unwrap();
    }
    let registry = fleet(&plane).await;
    let schema = schema(SchemaSettings::default(), None);
    let query = r#"subscription { serviceEvents(namespace: "default", initial: true) { service { name } } }"#;
    // So many before the revocation, and one after it.
    let names = async |before: usize| {
        let sight = Arc::new(Revocable::default());
        let viewer = Viewer::new(registry.clone(), Scope::of(sight.clone()), Budget::new(u64::MAX));
        let mut events = schema.execute_stream(Request::new(query).data(viewer));
        let mut names = Vec::new();
        for told in 0..=before {
            sight.revoked.store(told == before, Ordering::SeqCst);
            let event = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
            let data = event.data.into_json().unwrap();
            names.push(data["serviceEvents"]["service"]["name"].as_str().unwrap().to_owned());
        }
        names
    };
    // The API server's own service is there as well, and none comes twice.
    let told = names(1).await;
    assert!(told[0] != "end" && told[1] == "end", "the others were ready already: {told:?}");
    registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_lags_gets_the_latest_state_of_each_object_and_each_deletion() {
    const SERVICES: usize = 8;
    let plane = ControlPlane::start(Options::bare("lagging")).await.unwrap();
    for n in 0..SERVICES {
        plane
            .kubectl(&["create", "service", "clusterip", &format!("s{n}"), "--clusterip=None"])
            .await
            .unwrap();
    }
    plane.kubectl(&["create", "service", "clusterip", "doomed", "--clusterip=None"]).await.unwrap();
    let registry = fleet(&plane).await;
    let schema = schema(SchemaSettings::default(), None);
    let query = r#"subscription { serviceEvents(namespace: "default", initial: true) { type service { name labels } } }"#;
    let mut events = schema.execute_stream(request(&registry, query));
    // It starts, and then reads nothing while more happens than anything buffers.
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut heard = 0;
    let hear = |response: async_graphql::Response, known: &mut BTreeMap<String, Value>| -> bool {
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        let event = response.data.into_json().unwrap()["serviceEvents"].take();
        assert_ne!(event["type"], "RESYNC", "everything that was missed can be made up for");
        let name = event["service"]["name"].as_str().unwrap().to_owned();
        if event["type"] == "DELETED" {
            known.remove(&name);
        } else {
            known.insert(name.clone(), event["service"]["labels"]["round"].clone());
        }
        name == "end"
    };
    for _ in 0..SERVICES + 2 {
        hear(events.next().await.unwrap(), &mut known);
    }
    assert!(known.contains_key("doomed"));
    storm(&plane, SERVICES, 600).await;
    plane.kubectl(&["delete", "service", "doomed"]).await.unwrap();
    plane.kubectl(&["create", "service", "clusterip", "end", "--clusterip=None"]).await.unwrap();
    let scope = Scope::everything();
    let deadline = Instant::now() + PATIENCE;
    while registry.read::<kinds::Service>(&scope).get("lagging", "default", "end").is_none() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    loop {
        let response = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
        heard += 1;
        if hear(response, &mut known) {
            break;
        }
    }
    assert!(heard < 4800, "it lagged: of 4802 changes it heard {heard}");
    assert!(!known.contains_key("doomed"), "the deletion among them was heard");
    for n in 0..SERVICES {
        assert_eq!(known[&format!("s{n}")], "last", "s{n}");
    }
    registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_left_a_subscribers_labels_while_it_lagged_is_gone_for_it() {
    let plane = ControlPlane::start(Options::bare("leaving")).await.unwrap();
    for name in ["s0", "s1", "leaves"] {
        plane.kubectl(&["create", "service", "clusterip", name, "--clusterip=None"]).await.unwrap();
        plane.kubectl(&["label", "service", name, "team=mine"]).await.unwrap();
    }
    let registry = fleet(&plane).await;
    let schema = schema(SchemaSettings::default(), None);
    let query = r#"subscription { serviceEvents(labelSelector: "team=mine", initial: true) { type clusterId service { name } } }"#;
    let mut events = schema.execute_stream(request(&registry, query));
    let mut next = async || {
        let response = tokio::time::timeout(PATIENCE, events.next()).await.unwrap().unwrap();
        assert!(response.errors.is_empty(), "{:?}", response.errors);
        response.data.into_json().unwrap()["serviceEvents"].take()
    };
    for _ in 0..3 {
        assert_eq!(next().await["type"], "CREATED");
    }
    plane.kubectl(&["label", "service", "leaves", "team=theirs", "--overwrite"]).await.unwrap();
    storm(&plane, 2, 2200).await;
    loop {
        let event = next().await;
        assert_eq!(event["clusterId"], "leaving");
        if event["service"]["name"] == "leaves" {
            assert_eq!(event["type"], "DELETED");
            break;
        }
    }
    registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_to_a_cluster_that_does_not_exist_is_an_error() {
    let registry = Registry::new(kinds::kind_set(), Settings::default());
    let schema = schema(SchemaSettings::default(), None);
    for field in ["podEvents", "resourceEvents", "clusterEvents"] {
        let query = format!(r#"subscription {{ {field}(cluster: "prod-uE") {{ type }} }}"#);
        let response = schema.execute_stream(request(&registry, &query)).next().await.unwrap();
        let extensions = response.errors[0].extensions.as_ref().unwrap();
        assert_eq!(
            extensions.get("code").unwrap(),
            &async_graphql::Value::from("CLUSTER_NOT_FOUND"),
            "{field}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_is_not_watched_says_so_and_is_not_empty() {
    let settings = Settings { watch_resources: vec!["pods".to_owned()], ..Settings::default() };
    let registry = Registry::new(kinds::kind_set(), settings);
    let schema = schema(SchemaSettings::default(), None);
    let response = schema.execute(request(&registry, "{ deployments { name } }")).await;
    assert!(response.errors[0].message.contains("watch_resources"), "{:?}", response.errors);
    assert!(schema.execute(request(&registry, "{ pods { name } }")).await.errors.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn subscribers_cause_no_watch() {
    let plane = ControlPlane::start(Options::bare("watched")).await.unwrap();
    let registry = fleet(&plane).await;
    let schema = schema(SchemaSettings::default(), None);
    let watches = || async {
        let text = plane.kubectl(&["get", "--raw", "/metrics"]).await.unwrap();
        text.lines()
            .filter(|line| {
                line.starts_with("apiserver_longrunning_requests{") && line.contains(r#"verb="WATCH""#)
            })
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum::<f64>()
    };
    let before = watches().await;
    assert!(before >= 9.0, "fleetgraph's own watches are counted: {before}");
    let query = "subscription { podEvents { type } }";
    let streams: Vec<_> = (0..200)
        .map(|_| {
            let mut events = schema.execute_stream(request(&registry, query));
            tokio::spawn(async move { events.next().await })
        })
        .collect();
    let hub = registry.hub::<kinds::Pod>().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while hub.subscribers() < 200 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(watches().await <= before, "200 subscribers, and no watch more");
    for stream in streams {
        stream.abort();
    }
    registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_entities_answers_each_by_itself() {
    let plane = ControlPlane::start(Options::bare("entities")).await.unwrap();
    plane.kubectl(&["create", "service", "clusterip", "here", "--clusterip=None"]).await.unwrap();
    let registry = fleet(&plane).await;
    let schema = schema(SchemaSettings::default(), None);
    let query = r#"{ _entities(representations: [
        { __typename: "Service", id: "entities:default:here" },
        { __typename: "Service", id: "entities:default:gone" },
        { __typename: "Service", id: "no id at all" },
        { __typename: "Service", id: "other:default:here" },
        { __typename: "Cluster", id: "entities" },
        { __typename: "Namespace", id: "entities::kube-system" }
    ]) { __typename ... on Service { name } ... on Cluster { id } ... on Namespace { name } } }"#;
    let response = schema.execute(request(&registry, query)).await;
    assert!(response.errors.is_empty(), "{:?}", response.errors);
    let entities = response.data.into_json().unwrap()["_entities"].take();
    assert_eq!(
        entities,
        serde_json::json!([
            { "__typename": "Service", "name": "here" }, null, null, null,
            { "__typename": "Cluster", "id": "entities" }, { "__typename": "Namespace", "name": "kube-system" },
        ])
    );
    registry.shut_down().await;
}
