//! What a real cluster's controllers would do and this one does at once, and what kubectl sees of it.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod kubectl;

use std::sync::Arc;

use kubectl::Kubectl;
use serde_json::{Value, json};
use simcluster::{
    Cluster, ClusterOptions, DeleteOptions, Key, Object, Propagation, Resource, Seed, Simulator, Slot,
    Template, Uid, WriteOptions,
};

fn cluster() -> Cluster {
    Cluster::new(ClusterOptions::named("one"))
}

fn create(cluster: &Cluster, group: &str, plural: &str, value: Value) -> Arc<Object> {
    let resource = cluster.resource(group, "v1", plural).unwrap();
    let namespace = if resource.namespaced { "default" } else { "" };
    cluster.create(&resource, namespace, value, &WriteOptions::default()).unwrap()
}

fn pod_spec() -> Value {
    json!({"nodeName": "n", "containers": [{"name": "c", "image": "i:1"}]})
}

fn replica_set(cluster: &Cluster) -> Arc<Object> {
    let template =
        json!({"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}});
    let spec = json!({"selector": {"matchLabels": {"a": "b"}}, "template": template});
    create(cluster, "apps", "replicasets", json!({"metadata": {"name": "rs"}, "spec": spec}))
}

fn owned_map(owner: &Object) -> Value {
    let owner =
        json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": owner.uid.to_string()});
    json!({"metadata": {"name": "owned", "ownerReferences": [owner]}})
}

fn get(cluster: &Cluster, group: &str, plural: &str, name: &str) -> Option<Value> {
    let resource = cluster.resource(group, "v1", plural).unwrap();
    let namespace = if resource.namespaced { "default" } else { "" };
    cluster.get(&resource, namespace, name).ok().map(|object| object.value())
}

#[test]
fn what_an_object_owned_goes_with_it_unless_orphaned() {
    for (propagation, stays) in
        [(None, false), (Some(Propagation::Foreground), false), (Some(Propagation::Orphan), true)]
    {
        let cluster = cluster();
        let owner = replica_set(&cluster);
        create(&cluster, "", "configmaps", owned_map(&owner));
        let sets = cluster.resource("apps", "v1", "replicasets").unwrap();
        let options = DeleteOptions { propagation, ..DeleteOptions::default() };
        cluster.delete(&sets, "default", "rs", &options).unwrap();
        assert!(get(&cluster, "apps", "replicasets", "rs").is_none());
        assert_eq!(get(&cluster, "", "configmaps", "owned").is_some(), stays, "{propagation:?}");
    }
}

#[test]
fn seeded_pods_go_with_the_owner_that_a_slot_names() {
    let cluster = cluster();
    let owner = replica_set(&cluster);
    let reference = json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "${owner}"}]);
    let value = json!({"metadata": {"ownerReferences": reference}, "spec": pod_spec()});
    let template = Template::new(value, true, &["owner"]).unwrap();
    let pods = Resource::built_in("", "v1", "pods").unwrap();
    let key = Key::new("default", "p");
    let (slots, uid) = (Box::new([Slot::Uid(owner.uid)]), Uid::from_bits(7));
    cluster.seed(&pods, [Seed { key, template, slots, created: 0, uid }]);
    let sets = cluster.resource("apps", "v1", "replicasets").unwrap();
    cluster.delete(&sets, "default", "rs", &DeleteOptions::default()).unwrap();
    let pod = get(&cluster, "", "pods", "p").unwrap();
    assert!(pod["metadata"]["deletionTimestamp"].is_string(), "a scheduled pod has its grace");
}

#[test]
fn a_deleted_namespace_takes_everything_with_it() {
    let cluster = cluster();
    create(&cluster, "", "configmaps", json!({"metadata": {"name": "m"}}));
    create(&cluster, "", "configmaps", json!({"metadata": {"name": "held", "finalizers": ["a.b/c"]}}));
    let namespaces = cluster.resource("", "v1", "namespaces").unwrap();
    cluster.delete(&namespaces, "", "default", &DeleteOptions::default()).unwrap();
    assert!(get(&cluster, "", "configmaps", "m").is_none());
    let namespace = get(&cluster, "", "namespaces", "default").unwrap();
    assert_eq!(namespace["status"]["phase"], "Terminating");
    let maps = cluster.resource("", "v1", "configmaps").unwrap();
    let patch = simcluster::Patch::Merge(json!({"metadata": {"finalizers": null}}));
    cluster.patch(&maps, "default", "held", &patch, &WriteOptions::default()).unwrap();
    assert!(get(&cluster, "", "namespaces", "default").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn kubectl_creates_applies_scales_and_reads() {
    let simulator = Simulator::start(simcluster::LOOPBACK).await.unwrap();
    let cluster = cluster();
    simulator.add(&cluster);
    let at = Kubectl::at(&simulator, &cluster).await;
    let kubectl = |arguments: &[&str]| at.run(arguments);
    let template = json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "nginx", "image": "nginx:1"}]}});
    let spec = json!({"selector": {"matchLabels": {"app": "web"}}, "template": template});
    let web = at.dir.path().join("web.json");
    // From a file: what kubectl makes up itself it sends as protobuf, which this server doesn't read.
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec});
    std::fs::write(&web, deployment.to_string()).unwrap();
    kubectl(&["create", "-f", web.to_str().unwrap()]);
    let table = kubectl(&["get", "deployments", "-o", "wide"]);
    assert!(table.starts_with("NAME   READY   UP-TO-DATE   AVAILABLE   AGE"), "{table}");
    assert!(table.contains("web    0/1     0            0"), "{table}");
    assert!(kubectl(&["scale", "deployment/web", "--replicas=3"]).contains("scaled"));
    kubectl(&["set", "image", "deployment/web", "nginx=nginx:2"]);
    let manifest = at.dir.path().join("map.json");
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "1"}});
    std::fs::write(&manifest, map.to_string()).unwrap();
    let file = manifest.to_str().unwrap();
    assert!(kubectl(&["apply", "-f", file]).contains("created"));
    assert!(kubectl(&["apply", "-f", file]).contains("unchanged"));
    assert!(
        kubectl(&["apply", "--server-side", "--force-conflicts", "-f", file]).contains("serverside-applied")
    );
    let pod = json!({"metadata": {"name": "p"}, "spec": pod_spec()});
    create(&cluster, "", "pods", pod);
    let pods = cluster.resource("", "v1", "pods").unwrap();
    cluster.patch_status(&pods, "default", "p", json!({"phase": "Running"})).unwrap();
    assert!(kubectl(&["logs", "p"]).contains("level="));
    assert!(kubectl(&["top", "pods"]).contains('p'));
    assert!(kubectl(&["explain", "deployments.spec.replicas"]).contains("integer"));
    kubectl(&["delete", "deployment", "web"]);
    kubectl(&["delete", "pod", "p", "--grace-period=0", "--force"]);
}
