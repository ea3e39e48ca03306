//! The registry as a whole, on real API servers: clusters come and go, lists are bounded, a server's ways are met.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::time::{Duration, Instant};

use cluster_registry::{
    Change, ClusterChange, KindSet, Query, Registry, Settings,
    connection::{Auth, ClusterSpec},
};
use fleetgraph_core::{ClusterId, Kind, KindMeta, Scope, WatchState};
use testkit::{ControlPlane, Options};

const PATIENCE: Duration = Duration::from_secs(90);

/// Namespaces, of which the registry keeps nothing but what all objects have.
enum Namespace {}

impl Kind for Namespace {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "Namespace",
        plural: "namespaces",
        singular: "namespace",
        namespaced: false,
        rules: &[],
    };
    type Columns = ();
    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

/// A kind that no server has.
enum Absent {}

impl Kind for Absent {
    const META: KindMeta = KindMeta {
        group: "nowhere.example",
        version: "v1",
        kind: "Absent",
        plural: "absents",
        singular: "absent",
        namespaced: true,
        rules: &[],
    };
    type Columns = ();
    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

fn registry() -> Registry {
    Registry::new(KindSet::default().with::<Namespace>().with::<Absent>(), Settings::default())
}

fn spec(plane: &ControlPlane) -> ClusterSpec {
    let id = ClusterId::new(plane.name()).unwrap();
    ClusterSpec::new(id, Auth::kubeconfig(plane.kubeconfig_file(), None))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn names(registry: &Registry) -> Vec<String> {
    let scope = Scope::everything();
    let rows = registry.read::<Namespace>(&scope).select(&Query::default()).unwrap().rows;
    rows.iter().map(|row| row.id()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_come_and_go_while_the_registry_runs() {
    let plane = ControlPlane::start(Options::bare("coming")).await.unwrap();
    let (registry, scope) = (registry(), Scope::everything());
    let mut events = registry.cluster_events();
    assert!(names(&registry).is_empty());

    registry.add(spec(&plane)).await.unwrap();
    let twin = registry.add(spec(&plane)).await.err().unwrap();
    assert!(twin.message.contains("coming"), "{twin}");
    until("the namespaces are read", || names(&registry).contains(&"coming::kube-system".to_owned())).await;
    let cluster = registry.cluster(&scope, "coming").unwrap();
    until("the absent kind is known to be absent", || {
        cluster
            .freshness(&Scope::everything())
            .any(|(store, freshness)| store.kind().kind == "Absent" && freshness.state == WatchState::Absent)
    })
    .await;
    assert!(cluster.ready(), "a kind that the server doesn't have keeps no cluster unready");

    let (mut deltas, _) = registry.hub::<Namespace>().unwrap().subscribe();
    plane.kubectl(&["create", "namespace", "later"]).await.unwrap();
    let delta = tokio::time::timeout(PATIENCE, deltas.recv()).await.unwrap().unwrap();
    assert!(matches!(&delta.change, Change::Applied { old: None, new } if &*new.meta.name == "later"));

    // Removed: gone from every answer, and subscribers are told.
    assert!(registry.remove(&ClusterId::new("coming").unwrap()).await);
    assert!(names(&registry).is_empty() && registry.clusters(&scope).is_empty());
    loop {
        let delta = tokio::time::timeout(PATIENCE, deltas.recv()).await.unwrap().unwrap();
        if matches!(&delta.change, Change::Resynced { cluster, .. } if cluster.as_str() == "coming") {
            break;
        }
    }
    assert!(!registry.remove(&ClusterId::new("coming").unwrap()).await);

    registry.add(spec(&plane)).await.unwrap();
    until("it is back", || names(&registry).contains(&"coming::later".to_owned())).await;
    let mut changes = Vec::new();
    while let Ok(event) = events.try_recv() {
        changes.push(event.change);
    }
    let added = changes.iter().filter(|change| **change == ClusterChange::Added).count();
    let removed = changes.iter().filter(|change| **change == ClusterChange::Removed).count();
    assert_eq!((added, removed), (2, 1), "{changes:?}");
    registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_account_may_not_read_is_forbidden_until_it_may() {
    let plane = ControlPlane::start(Options::bare("strict").token_user("watcher", &[])).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let kubeconfig = files.path().join("kubeconfig");
    let credentials = testkit::Credentials::Bearer(plane.token("watcher").unwrap());
    std::fs::write(&kubeconfig, plane.kubeconfig(&credentials)).unwrap();
    let registry = registry();
    let mut spec = spec(&plane);
    spec.auth = Auth::kubeconfig(kubeconfig, None);
    let cluster = registry.add(spec).await.unwrap();
    let state = |kind: &str| {
        cluster.freshness(&Scope::everything()).find(|(store, _)| store.kind().kind == kind).unwrap().1.state
    };
    until("it is forbidden", || state("Namespace") == WatchState::Forbidden).await;
    let scope = Scope::everything();
    let selection = registry.read::<Namespace>(&scope).select(&Query::default()).unwrap();
    assert_eq!(selection.problems[0].code, fleetgraph_core::ErrorCode::ClusterForbidden);

    plane
        .kubectl(&["create", "clusterrole", "reads", "--verb=get,list,watch", "--resource=namespaces"])
        .await
        .unwrap();
    plane
        .kubectl(&["create", "clusterrolebinding", "reads", "--clusterrole=reads", "--user=watcher"])
        .await
        .unwrap();
    until("it is live", || state("Namespace") == WatchState::Live).await;
    registry.shut_down().await;
}
