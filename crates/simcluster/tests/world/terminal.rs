//! What somebody at a terminal does with a world, over HTTPS and in real time.

use serde_json::json;
use simcluster::Simulator;
use simcluster::controllers::{ControllerOptions, Controllers};
use simcluster::world::{World, WorldOptions};

use crate::kubectl::Kubectl;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_applies_waits_for_rollouts_and_deletes() {
    let world = World::new(&WorldOptions::new(1, 600, 5));
    let cluster = &world.clusters()[0];
    let controllers = Controllers::start(world.clusters(), ControllerOptions::default()).unwrap();
    let simulator = Simulator::start(simcluster::LOOPBACK).await.unwrap();
    simulator.add(cluster);
    let at = Kubectl::at(&simulator, cluster).await;
    let kubectl = |arguments: &[&str]| at.run(arguments);
    let container =
        json!({"name": "web", "image": "web:1", "readinessProbe": {"httpGet": {"path": "/", "port": 80}}});
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}});
    let spec = json!({"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec});
    let file = at.dir.path().join("web.json");
    std::fs::write(&file, deployment.to_string()).unwrap();
    kubectl(&["apply", "-f", file.to_str().unwrap()]);
    let told = kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    assert!(told.contains("successfully rolled out"), "{told}");
    kubectl(&["set", "image", "deployment/web", "web=web:2"]);
    let told = kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    assert!(told.contains("successfully rolled out"), "{told}");
    let told = kubectl(&["rollout", "history", "deployment/web"]);
    assert!(told.contains('2'), "{told}");
    kubectl(&["rollout", "undo", "deployment/web"]);
    kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    let images =
        kubectl(&["get", "deployment", "web", "-o", "jsonpath={.spec.template.spec.containers[0].image}"]);
    assert_eq!(images, "web:1");
    kubectl(&["delete", "deployment", "web", "--wait", "--cascade=foreground", "--timeout=60s"]);
    kubectl(&["wait", "pods", "-l", "app=web", "--for=delete", "--timeout=60s"]);
    assert!(kubectl(&["describe", "node"]).contains("Allocatable"));
    let path = "jsonpath={.items[*].status.conditions[?(@.type=='Ready')].reason}";
    let reasons = kubectl(&["get", "certificates.cert-manager.io", "-A", "-o", path]);
    assert!(reasons.contains("Expired") && reasons.contains("Ready"), "{reasons}");
    drop(controllers);
}
