//! The controllers: what is applied comes to life, what is deleted leaves nothing, what is at rest stays so. Time is
//! the clusters' own and is put forward, so nothing here waits.

use serde_json::{Value, json};
use simcluster::controllers::{ControllerOptions, Controllers, Engine};
use simcluster::world::{World, WorldOptions};
use simcluster::{Cluster, DeleteOptions, Deletion, ListOptions, Patch, Propagation, WriteOptions};

use crate::everything::{Everything, KINDS, is_ready, list, resource, text};
use crate::references;

const START: i64 = 1_763_000_000;
const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

const DEPLOYMENTS: (&str, &str, &str) = ("apps", "v1", "deployments");
const PODS: (&str, &str, &str) = ("", "v1", "pods");

fn world(clusters: usize, objects: usize) -> World {
    let world = World::new(&WorldOptions { start: START, ..WorldOptions::new(clusters, objects, 5) });
    for cluster in world.clusters() {
        cluster.clock().freeze_at_ms(START * SECOND);
    }
    world
}

fn engine(world: &World) -> Engine {
    Engine::new(world.clusters(), ControllerOptions::default())
}

fn create(cluster: &Cluster, kind: (&str, &str, &str), namespace: &str, value: Value) {
    cluster.create(&resource(cluster, kind), namespace, value, &WriteOptions::default()).unwrap();
}

fn get(cluster: &Cluster, kind: (&str, &str, &str), namespace: &str, name: &str) -> Option<Value> {
    cluster.get(&resource(cluster, kind), namespace, name).ok().map(|object| object.value())
}

fn patch(cluster: &Cluster, kind: (&str, &str, &str), namespace: &str, name: &str, patch: Value) {
    cluster
        .patch(&resource(cluster, kind), namespace, name, &Patch::Merge(patch), &WriteOptions::default())
        .unwrap();
}

fn template(app: &str, image: &str) -> Value {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "main", "image": image, "resources": {"requests": {"cpu": "50m", "memory": "32Mi"}}}]},
    })
}

fn deployment(app: &str, image: &str, replicas: i64) -> Value {
    json!({
        "metadata": {"name": app},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": app}}, "template": template(app, image)},
    })
}

fn pods(cluster: &Cluster, app: &str) -> Vec<Value> {
    let all = cluster.list(&resource(cluster, PODS), &ListOptions::default()).unwrap().items;
    all.iter().map(|pod| pod.value()).filter(|pod| pod["metadata"]["labels"]["app"] == app).collect()
}

fn condition<'a>(value: &'a Value, kind: &str) -> &'a Value {
    list(&value["status"]["conditions"]).find(|condition| condition["type"] == kind).unwrap_or(&Value::Null)
}

#[test]
fn a_deployment_that_is_applied_becomes_pods_that_are_ready_and_served() {
    let world = world(1, 1_000);
    let cluster = &world.clusters()[0];
    let mut engine = engine(&world);
    engine.advance(SECOND);
    create(cluster, DEPLOYMENTS, "default", deployment("shop", "shop:1.0.0", 3));
    create(
        cluster,
        ("", "v1", "services"),
        "default",
        json!({"metadata": {"name": "shop"}, "spec": {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]}}),
    );
    engine.advance(20 * SECOND);
    let pods = pods(cluster, "shop");
    assert_eq!(pods.len(), 3);
    assert!(pods.iter().all(is_ready), "{pods:?}");
    let value = get(cluster, DEPLOYMENTS, "default", "shop").unwrap();
    assert_eq!(value["status"]["readyReplicas"], 3);
    assert_eq!(value["status"]["observedGeneration"], value["metadata"]["generation"]);
    assert_eq!(condition(&value, "Available")["status"], "True");
    assert_eq!(condition(&value, "Progressing")["reason"], "NewReplicaSetAvailable");
    let all = Everything::of(cluster);
    let slice = all
        .all("EndpointSlice")
        .find(|(_, _, slice)| slice["metadata"]["labels"]["kubernetes.io/service-name"] == "shop")
        .unwrap()
        .2;
    assert_eq!(
        list(&slice["endpoints"]).filter(|endpoint| endpoint["conditions"]["ready"] == true).count(),
        3
    );
}

#[test]
fn a_rollout_completes_without_falling_below_what_must_be_available_and_old_pods_vanish() {
    let world = world(1, 1_000);
    let cluster = &world.clusters()[0];
    let mut engine = engine(&world);
    create(cluster, DEPLOYMENTS, "default", deployment("shop", "shop:1.0.0", 4));
    engine.advance(30 * SECOND);
    patch(
        cluster,
        DEPLOYMENTS,
        "default",
        "shop",
        json!({"spec": {"template": template("shop", "shop:2.0.0")}}),
    );
    let mut least = i64::MAX;
    for _ in 0..600 {
        engine.advance(100);
        let value = get(cluster, DEPLOYMENTS, "default", "shop").unwrap();
        least = least.min(value["status"]["availableReplicas"].as_i64().unwrap_or(0));
    }
    assert!(least >= 3, "{least}");
    let pods = pods(cluster, "shop");
    assert_eq!(pods.len(), 4);
    assert!(pods.iter().all(|pod| pod["spec"]["containers"][0]["image"] == "shop:2.0.0" && is_ready(pod)));
    let value = get(cluster, DEPLOYMENTS, "default", "shop").unwrap();
    assert_eq!(value["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "2");
    assert_eq!(value["status"]["updatedReplicas"], 4);
    assert_eq!(value["status"]["observedGeneration"], value["metadata"]["generation"]);
    // And back: the old set is used again.
    patch(
        cluster,
        DEPLOYMENTS,
        "default",
        "shop",
        json!({"spec": {"template": template("shop", "shop:1.0.0")}}),
    );
    engine.advance(MINUTE);
    let value = get(cluster, DEPLOYMENTS, "default", "shop").unwrap();
    assert_eq!(value["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    let sets = Everything::of(cluster);
    assert_eq!(sets.all("ReplicaSet").filter(|(_, name, _)| name.starts_with("shop-")).count(), 2);
}

#[test]
fn a_version_whose_image_is_missing_stops_at_its_deadline_and_the_old_pods_serve_on() {
    let world = world(1, 1_000);
    let cluster = &world.clusters()[0];
    let mut engine = engine(&world);
    let mut value = deployment("shop", "shop:1.0.0", 4);
    value["spec"]["progressDeadlineSeconds"] = json!(120);
    create(cluster, DEPLOYMENTS, "default", value);
    engine.advance(30 * SECOND);
    patch(
        cluster,
        DEPLOYMENTS,
        "default",
        "shop",
        json!({"spec": {"template": template("shop", "shop:broken")}}),
    );
    engine.advance(4 * MINUTE);
    let value = get(cluster, DEPLOYMENTS, "default", "shop").unwrap();
    assert_eq!(condition(&value, "Progressing")["reason"], "ProgressDeadlineExceeded");
    assert_eq!(condition(&value, "Available")["status"], "True");
    let waiting: Vec<Value> = pods(cluster, "shop").into_iter().filter(|pod| !is_ready(pod)).collect();
    assert!(!waiting.is_empty());
    for pod in waiting {
        let reason = text(&pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"]).to_owned();
        assert!(["ErrImagePull", "ImagePullBackOff"].contains(&reason.as_str()), "{reason}");
    }
}

#[test]
fn a_crash_loop_stands_in_the_status_as_the_kubelet_writes_it() {
    let world = world(1, 1_000);
    let cluster = &world.clusters()[0];
    let mut engine = engine(&world);
    let mut value = deployment("shaky", "shaky:1.0.0", 1);
    value["spec"]["template"]["metadata"]["annotations"] = json!({"simcluster.dev/crash-after": "3s"});
    create(cluster, DEPLOYMENTS, "default", value);
    let mut restarts = Vec::new();
    for _ in 0..20 {
        engine.advance(15 * SECOND);
        let pod = pods(cluster, "shaky").remove(0);
        let status = pod["status"]["containerStatuses"][0].clone();
        restarts.push(status["restartCount"].as_i64().unwrap());
        if status["state"].get("waiting").is_some() {
            assert_eq!(status["state"]["waiting"]["reason"], "CrashLoopBackOff");
            assert_eq!(status["lastState"]["terminated"]["exitCode"], 1);
            assert_eq!(pod["status"]["phase"], "Running");
            assert_eq!(condition(&pod, "Ready")["status"], "False");
        }
    }
    assert!(
        restarts.is_sorted() && (3..8).contains(restarts.last().unwrap()),
        "the pauses grow: {restarts:?}"
    );
    let all = Everything::of(cluster);
    let said = all
        .all("Event")
        .find(|(_, name, event)| name.starts_with("shaky-") && event["reason"] == "BackOff")
        .unwrap()
        .2;
    assert!(said["count"].as_i64().unwrap() >= 3, "{said}");
}

#[test]
fn the_deletion_of_a_deployment_leaves_nothing_behind_whatever_the_propagation() {
    let world = world(1, 1_000);
    let cluster = &world.clusters()[0];
    let mut engine = engine(&world);
    engine.advance(SECOND);
    let owned = |cluster: &Cluster| {
        let all = Everything::of(cluster);
        ["ReplicaSet", "Pod"]
            .iter()
            .map(|kind| all.all(kind).filter(|(_, name, _)| name.starts_with("shop-")).count())
            .sum::<usize>()
    };
    for propagation in [Propagation::Background, Propagation::Foreground] {
        create(cluster, DEPLOYMENTS, "default", deployment("shop", "shop:1.0.0", 3));
        engine.advance(20 * SECOND);
        assert_eq!(owned(cluster), 4);
        let options = DeleteOptions { propagation: Some(propagation), ..DeleteOptions::default() };
        cluster.delete(&resource(cluster, DEPLOYMENTS), "default", "shop", &options).unwrap();
        engine.advance(20 * SECOND);
        assert_eq!(owned(cluster), 0, "{propagation:?}");
        assert!(get(cluster, DEPLOYMENTS, "default", "shop").is_none(), "{propagation:?}");
    }
    create(cluster, DEPLOYMENTS, "default", deployment("shop", "shop:1.0.0", 3));
    engine.advance(20 * SECOND);
    let options = DeleteOptions { propagation: Some(Propagation::Orphan), ..DeleteOptions::default() };
    cluster.delete(&resource(cluster, DEPLOYMENTS), "default", "shop", &options).unwrap();
    engine.advance(20 * SECOND);
    assert!(get(cluster, DEPLOYMENTS, "default", "shop").is_none());
    assert_eq!(owned(cluster), 4, "orphans stay");
}

#[test]
fn a_namespace_that_is_deleted_takes_everything_in_it_along() {
    // The second cluster: in the first one, a lost kubelet keeps its pods, as it really does.
    let world = world(2, 2_000);
    let cluster = &world.clusters()[1];
    let mut engine = engine(&world);
    engine.advance(SECOND);
    let in_it = |cluster: &Cluster| -> Vec<String> {
        let all = Everything::of(cluster);
        let of = all.of.iter().flat_map(|(kind, objects)| {
            objects
                .keys()
                .filter(|(space, _)| space == "checkout")
                .map(move |(_, name)| format!("{kind} {name}"))
        });
        of.collect()
    };
    assert!(in_it(cluster).len() > 30);
    let gone = cluster
        .delete(&resource(cluster, ("", "v1", "namespaces")), "", "checkout", &DeleteOptions::default())
        .unwrap();
    assert!(matches!(gone, Deletion::Marked(_)));
    engine.advance(2 * MINUTE);
    assert_eq!(in_it(cluster), [""; 0]);
    assert!(get(cluster, ("", "v1", "namespaces"), "", "checkout").is_none());
    let claims: Vec<String> = Everything::of(cluster)
        .all("PersistentVolume")
        .filter(|(_, _, volume)| volume["spec"]["claimRef"]["namespace"] == "checkout")
        .map(|(_, name, _)| name.to_owned())
        .collect();
    assert_eq!(claims, [""; 0], "their volumes go too");
}

#[test]
fn stateful_sets_daemon_sets_and_jobs_come_to_life() {
    let world = world(1, 1_000);
    let cluster = &world.clusters()[0];
    let mut engine = engine(&world);
    let claim = json!({"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "storageClassName": "gp3"}});
    create(
        cluster,
        ("apps", "v1", "statefulsets"),
        "default",
        json!({"metadata": {"name": "db"}, "spec": {"replicas": 3, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": template("db", "db:1"), "volumeClaimTemplates": [claim]}}),
    );
    create(
        cluster,
        ("apps", "v1", "daemonsets"),
        "default",
        json!({"metadata": {"name": "agent"}, "spec": {"selector": {"matchLabels": {"app": "agent"}}, "template": template("agent", "agent:1")}}),
    );
    let mut job = template("work", "work:1");
    job["spec"]["restartPolicy"] = json!("Never");
    create(
        cluster,
        ("batch", "v1", "jobs"),
        "default",
        json!({"metadata": {"name": "work"}, "spec": {"completions": 2, "template": job}}),
    );
    job["metadata"]["annotations"] = json!({"simcluster.dev/fail": "true"});
    create(
        cluster,
        ("batch", "v1", "jobs"),
        "default",
        json!({"metadata": {"name": "fails"}, "spec": {"backoffLimit": 1, "template": job}}),
    );
    engine.advance(2 * MINUTE);
    let set = get(cluster, ("apps", "v1", "statefulsets"), "default", "db").unwrap();
    assert_eq!(set["status"]["readyReplicas"], 3, "{}", set["status"]);
    for index in 0..3 {
        let claim =
            get(cluster, ("", "v1", "persistentvolumeclaims"), "default", &format!("data-db-{index}"))
                .unwrap();
        assert_eq!(claim["status"]["phase"], "Bound");
    }
    let agents = get(cluster, ("apps", "v1", "daemonsets"), "default", "agent").unwrap();
    assert!(agents["status"]["desiredNumberScheduled"].as_i64().unwrap() > 3);
    assert!(
        agents["status"]["numberReady"].as_i64().unwrap()
            >= agents["status"]["desiredNumberScheduled"].as_i64().unwrap() - 1,
        "all but the lost node"
    );
    let work = get(cluster, ("batch", "v1", "jobs"), "default", "work").unwrap();
    assert_eq!(work["status"]["succeeded"], 2);
    assert_eq!(condition(&work, "Complete")["status"], "True");
    let fails = get(cluster, ("batch", "v1", "jobs"), "default", "fails").unwrap();
    assert_eq!(condition(&fails, "Failed")["reason"], "BackoffLimitExceeded");
    patch(
        cluster,
        ("apps", "v1", "statefulsets"),
        "default",
        "db",
        json!({"spec": {"template": template("db", "db:2")}}),
    );
    engine.advance(3 * MINUTE);
    assert!(
        pods(cluster, "db")
            .iter()
            .all(|pod| pod["spec"]["containers"][0]["image"] == "db:2" && is_ready(pod)),
        "the set was rolled"
    );
}

#[test]
fn a_pod_without_room_says_so_and_runs_when_there_is_some() {
    let world = world(1, 1_000);
    let cluster = &world.clusters()[0];
    let mut engine = engine(&world);
    let mut value = deployment("huge", "huge:1", 1);
    value["spec"]["template"]["spec"]["nodeSelector"] = json!({"acme.example/pool": "quantum"});
    create(cluster, DEPLOYMENTS, "default", value);
    engine.advance(10 * SECOND);
    let pod = pods(cluster, "huge").remove(0);
    assert_eq!(condition(&pod, "PodScheduled")["reason"], "Unschedulable");
    assert!(text(&condition(&pod, "PodScheduled")["message"]).contains("nodes are available"));
    create(
        cluster,
        ("", "v1", "nodes"),
        "",
        json!({"metadata": {"name": "quantum-1", "labels": {"acme.example/pool": "quantum"}}}),
    );
    engine.advance(20 * SECOND);
    let pod = pods(cluster, "huge").remove(0);
    assert_eq!(pod["spec"]["nodeName"], "quantum-1");
    assert!(is_ready(&pod));
}

#[test]
fn a_world_at_rest_stays_at_rest_but_for_its_troubles() {
    let world = world(3, 3_000);
    let before: Vec<Everything> = world.clusters().iter().map(Everything::of).collect();
    let mut engine = engine(&world);
    engine.advance(90 * SECOND);
    for (cluster, before) in world.clusters().iter().zip(&before) {
        let after = Everything::of(cluster);
        let mut changed = Vec::new();
        for (kind, objects) in &after.of {
            for (key, value) in objects {
                let old = before.get(kind, &key.0, &key.1);
                let restful = !matches!(kind.as_str(), "Lease" | "Event" | "Job" | "CronJob");
                if restful
                    && old.is_none_or(|old| {
                        old["metadata"]["resourceVersion"] != value["metadata"]["resourceVersion"]
                    })
                {
                    changed.push(format!(
                        "{kind} {}/{}\n  {}\n  {}",
                        key.0,
                        key.1,
                        old.map(|old| old["status"].to_string()).unwrap_or_default(),
                        value["status"]
                    ));
                }
            }
        }
        let pods_of_troubles = |change: &&String| {
            !change.contains("payment-api")
                && !change.contains("cart-")
                && !change.contains("nightly")
                && !change.contains("reconcile")
                && !change.contains("cleanup")
        };
        let unexpected: Vec<&String> = changed.iter().filter(pods_of_troubles).collect();
        assert!(
            unexpected.is_empty(),
            "{}: {}",
            cluster.name(),
            unexpected.iter().take(12).map(|s| s.as_str()).collect::<Vec<_>>().join("\n")
        );
    }
}

#[test]
fn every_reference_holds_after_the_controllers_have_had_an_hour() {
    let world = world(2, 2_000);
    let mut engine = engine(&world);
    engine.advance(60 * MINUTE);
    for cluster in world.clusters() {
        let faults = references::faults(&Everything::of(cluster));
        assert!(faults.is_empty(), "{}: {}", cluster.name(), faults.join("\n"));
    }
}

#[test]
fn in_real_time_a_thread_drives_them_and_a_subscription_sees_each_step() {
    let world = World::new(&WorldOptions::new(1, 600, 5));
    let cluster = &world.clusters()[0];
    let controllers = Controllers::start(world.clusters(), ControllerOptions::default()).unwrap();
    let mut subscription = cluster.subscribe(&resource(cluster, PODS), cluster.revision());
    create(cluster, DEPLOYMENTS, "default", deployment("shop", "shop:1.0.0", 1));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let phases = runtime.block_on(async {
        let mut phases = Vec::new();
        let seen = async {
            loop {
                for event in subscription.next().await.unwrap() {
                    let pod = event.object.value();
                    if pod["metadata"]["labels"]["app"] == "shop" {
                        phases.push((text(&pod["status"]["phase"]).to_owned(), is_ready(&pod)));
                        if is_ready(&pod) {
                            return;
                        }
                    }
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(30), seen).await.unwrap();
        phases
    });
    assert_eq!(phases.first(), Some(&("Pending".to_owned(), false)));
    assert_eq!(phases.last(), Some(&("Running".to_owned(), true)));
    assert!(controllers.changes() > 5);
    assert!(KINDS.contains(&PODS));
}
