//! What kube-rs makes of it: the client that fleetgraph itself uses.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Config};
use serde_json::json;
use simcluster::{Cluster, ClusterOptions, Simulator};

async fn client(simulator: &Simulator, cluster: &Cluster) -> Client {
    let kubeconfig = Kubeconfig::from_yaml(&simulator.kubeconfig(&[cluster])).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.proxy_url = None;
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

fn config_map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name, "labels": {"n": name}}, "data": {"k": "v"}}))
        .unwrap()
}

async fn next(
    events: &mut (impl futures::Stream<Item = watcher::Result<Event<ConfigMap>>> + Unpin),
) -> Event<ConfigMap> {
    tokio::time::timeout(Duration::from_secs(20), events.next()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn a_watcher_lists_follows_and_starts_again_after_a_compaction() {
    let simulator = Simulator::start(simcluster::LOOPBACK).await.unwrap();
    let cluster = Cluster::new(ClusterOptions::named("one"));
    simulator.add(&cluster);
    let client = client(&simulator, &cluster).await;
    assert_eq!(client.apiserver_version().await.unwrap().git_version, "v1.36.3");
    let api: Api<ConfigMap> = Api::namespaced(client, "default");
    for n in 0..5 {
        api.create(&PostParams::default(), &config_map(&format!("m{n}"))).await.unwrap();
    }
    assert_eq!(
        api.list(&ListParams::default().limit(2)).await.unwrap().metadata.remaining_item_count,
        Some(3)
    );
    for config in [watcher::Config::default().page_size(2), watcher::Config::default().streaming_lists()] {
        let mut events = Box::pin(watcher(api.clone(), config));
        let mut names = Vec::new();
        loop {
            match next(&mut events).await {
                Event::Init => {}
                Event::InitApply(map) => names.push(map.metadata.name.unwrap()),
                Event::InitDone => break,
                event => panic!("{event:?}"),
            }
        }
        assert_eq!(names, ["m0", "m1", "m2", "m3", "m4"]);
        api.create(&PostParams::default(), &config_map("x")).await.unwrap();
        let patch = Patch::Merge(json!({"data": {"k": "w"}}));
        api.patch("x", &PatchParams::default(), &patch).await.unwrap();
        api.delete("x", &DeleteParams::default()).await.unwrap();
        assert!(
            matches!(next(&mut events).await, Event::Apply(map) if map.data.as_ref().unwrap()["k"] == "v")
        );
        assert!(
            matches!(next(&mut events).await, Event::Apply(map) if map.data.as_ref().unwrap()["k"] == "w")
        );
        assert!(
            matches!(next(&mut events).await, Event::Delete(map) if map.metadata.name.as_deref() == Some("x"))
        );
    }
    cluster.compact();
    let raw = api.watch(&kube::api::WatchParams::default(), "1").await.unwrap();
    let first = Box::pin(raw).try_next().await.unwrap().unwrap();
    assert!(
        matches!(first, kube::api::WatchEvent::Error(status) if status.code == 410),
        "the history is gone"
    );
}
