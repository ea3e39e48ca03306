//! What somebody at a terminal does with a world, over HTTPS and in real time.

use std::process::Command;

use serde_json::json;
use simcluster::controllers::{ControllerOptions, Controllers};
use simcluster::world::{World, WorldOptions};
use simcluster::{Simulator, SimulatorOptions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_applies_waits_for_rollouts_and_deletes() {
    let world = World::new(&WorldOptions::new(1, 600, 5));
    let cluster = &world.clusters()[0];
    let controllers = Controllers::start(world.clusters(), ControllerOptions::default()).unwrap();
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    simulator.add(cluster);
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("kubeconfig");
    simulator.write_kubeconfig(&config, &[cluster]).unwrap();
    let located = tokio::task::spawn_blocking(testkit::Tools::locate).await.unwrap();
    let program = located.unwrap().program("kubectl");
    let kubectl = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.env("KUBECONFIG", &config).env("HOME", dir.path()).args(arguments);
        let output = tokio::task::block_in_place(|| command.output()).unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        text
    };
    let container =
        json!({"name": "web", "image": "web:1", "readinessProbe": {"httpGet": {"path": "/", "port": 80}}});
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}});
    let spec = json!({"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template});
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec});
    let file = dir.path().join("web.json");
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
