//! What kubectl does is seen in queries and subscriptions.

use std::time::Instant;

use serde_json::Value;

use crate::{bed::Bed, client::Subscription, compare};

const CLUSTERS: [&str; 3] = ["alpha", "beta", "gamma"];

#[tokio::test(flavor = "multi_thread")]
async fn what_kubectl_does_on_three_clusters_is_seen_in_queries_and_subscriptions() {
    let bed = Bed::start(&CLUSTERS).await;
    let mut deployments = Subscription::start(
        bed.http(),
        r#"subscription { deploymentEvents(namespace: "default") { type timestamp deployment { id name replicas cluster { id } } } }"#,
    )
    .await;
    let mut pods = Subscription::start(
        bed.http(),
        r#"subscription { podEvents(namespace: "default", labelSelector: "app=web") { type pod { id name phase cluster { id } } } }"#,
    )
    .await;
    for cluster in CLUSTERS {
        let plane = bed.plane(cluster);
        let of = |event: &Value, kind: &str, what: &str| {
            event[kind]["type"] == what
                && event[kind][kind.trim_end_matches("Events")]["cluster"]["id"] == cluster
        };

        plane.kubectl(&["create", "deployment", "web", "--image=nginx:1.27", "--replicas=2"]).await.unwrap();
        let done = Instant::now();
        deployments.until(|event| of(event, "deploymentEvents", "CREATED")).await;
        eprintln!("{cluster}: created, seen {:?} after kubectl returned", done.elapsed());
        let query = format!(
            r#"{{ deployment(cluster: "{cluster}", name: "web") {{ replicas availableReplicas }} }}"#
        );
        bed.until(&query, |data| data["deployment"]["replicas"] == 2).await;
        pods.until(|event| of(event, "podEvents", "CREATED")).await;
        pods.until(|event| {
            of(event, "podEvents", "UPDATED") && event["podEvents"]["pod"]["phase"] == "RUNNING"
        })
        .await;

        plane.kubectl(&["scale", "deployment", "web", "--replicas=3"]).await.unwrap();
        let done = Instant::now();
        deployments
            .until(|e| {
                of(e, "deploymentEvents", "UPDATED") && e["deploymentEvents"]["deployment"]["replicas"] == 3
            })
            .await;
        eprintln!("{cluster}: scaled, seen {:?} after kubectl returned", done.elapsed());
        bed.until(&query, |data| data["deployment"]["availableReplicas"] == 3).await;

        plane.kubectl(&["delete", "deployment", "web", "--wait=false"]).await.unwrap();
        let done = Instant::now();
        deployments.until(|event| of(event, "deploymentEvents", "DELETED")).await;
        eprintln!("{cluster}: deleted, seen {:?} after kubectl returned", done.elapsed());
        bed.until(&query, |data| data["deployment"].is_null()).await;
        for _ in 0..3 {
            pods.until(|event| of(event, "podEvents", "DELETED")).await;
        }
    }
    for cluster in CLUSTERS {
        let compared = compare::until_equal(&bed, bed.plane(cluster)).await;
        assert!(compared > 10, "{cluster}: only {compared} objects were compared");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn relations_lead_from_a_deployment_to_its_node_and_services_and_back() {
    let bed = Bed::start(&["delta"]).await;
    let plane = bed.plane("delta");
    plane.kubectl(&["create", "deployment", "web", "--image=nginx:1.27", "--replicas=2"]).await.unwrap();
    plane.kubectl(&["expose", "deployment", "web", "--port=80"]).await.unwrap();
    plane.kubectl(&["create", "service", "clusterip", "other", "--tcp=80:80"]).await.unwrap();
    let query = r#"{ deployment(cluster: "delta", name: "web") {
        namespace { name deployments { name } }
        replicaSets { name ownedBy { kind name } pods { name } }
        pods { name phase ownedBy { kind } node { name ready pods { name namespaceName } } services { name pods { name } }
          containers { name image state { state } } resources { requests { cpu } } }
    } service(cluster: "delta", name: "web") { type clusterIP endpoints { ready endpoints { podName } ports { port } } } }"#;
    let answer = bed
        .until(query, |data| {
            data["service"]["endpoints"]["ready"] == 2
                && data["deployment"]["pods"]
                    .as_array()
                    .is_some_and(|pods| pods.len() == 2 && pods.iter().all(|pod| pod["phase"] == "RUNNING"))
        })
        .await;
    let deployment = &answer["data"]["deployment"];
    assert_eq!(deployment["namespace"]["name"], "default");
    assert_eq!(deployment["namespace"]["deployments"][0]["name"], "web");
    assert_eq!(deployment["replicaSets"][0]["ownedBy"]["kind"], "Deployment");
    assert_eq!(deployment["replicaSets"][0]["pods"].as_array().unwrap().len(), 2);
    for pod in deployment["pods"].as_array().unwrap() {
        assert_eq!(pod["ownedBy"]["kind"], "ReplicaSet");
        let on_node = pod["node"]["pods"].as_array().unwrap();
        assert!(on_node.iter().any(|other| other["name"] == pod["name"]), "{pod}");
        let services: Vec<_> =
            pod["services"].as_array().unwrap().iter().map(|s| s["name"].clone()).collect();
        assert_eq!(services, ["web"]);
        assert_eq!(pod["services"][0]["pods"].as_array().unwrap().len(), 2);
        assert_eq!(pod["containers"][0]["image"], "nginx:1.27");
    }
    let answered = answer["data"]["service"]["clusterIP"].as_str().unwrap().to_owned();
    let service = compare::raw(plane, "/api/v1/namespaces/default/services/web").await;
    assert_eq!(service["spec"]["clusterIP"], answered.as_str());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_changes_leaves_out_what_nobody_selected() {
    let bed = Bed::start(&["epsilon"]).await;
    let plane = bed.plane("epsilon");
    plane.kubectl(&["create", "namespace", "quiet"]).await.unwrap();
    plane.kubectl(&["-n", "quiet", "create", "service", "clusterip", "s", "--tcp=80:80"]).await.unwrap();
    bed.until(r#"{ service(cluster: "epsilon", namespace: "quiet", name: "s") { id } }"#, |d| {
        !d["service"].is_null()
    })
    .await;
    let mut events = Subscription::start(
        bed.http(),
        r#"subscription { serviceEvents(namespace: "quiet", initial: true, onlyChanges: true) { type service { name labels } } }"#,
    )
    .await;
    let first = events.next().await;
    assert_eq!(first["serviceEvents"]["type"], "CREATED");
    plane.kubectl(&["-n", "quiet", "annotate", "service", "s", "nobody=asks"]).await.unwrap();
    plane.kubectl(&["-n", "quiet", "label", "service", "s", "somebody=does"]).await.unwrap();
    let second = events.next().await;
    assert_eq!(
        second["serviceEvents"]["service"]["labels"]["somebody"], "does",
        "the annotation alone was no event"
    );
    // An object that leaves the selection is gone for the subscriber.
    let mut labelled = Subscription::start(
        bed.http(),
        r#"subscription { resourceEvents(resourceType: "services", labelSelector: "somebody=does", initial: true) { type resource { kind name } } }"#,
    )
    .await;
    assert_eq!(labelled.next().await["resourceEvents"]["resource"]["kind"], "Service");
    plane.kubectl(&["-n", "quiet", "label", "service", "s", "somebody-"]).await.unwrap();
    assert_eq!(labelled.next().await["resourceEvents"]["type"], "DELETED");
}
