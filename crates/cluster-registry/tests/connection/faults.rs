//! Clusters that die, fall silent and come back.

use std::time::Duration;

use cluster_registry::{breaker::BreakerState, connection::classify, health::HealthStatus};
use fleetgraph_core::ErrorCode;
use futures::{StreamExt, TryStreamExt};
use kube::api::WatchParams;
use testkit::{Component, ControlPlane, Fault, Options};
use tokio::time::Instant;

use crate::support::{PATIENCE, admin, ask, config_maps, eventually, open, plane, proxied};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_api_server_opens_the_breaker_and_its_return_closes_it() {
    let plane = plane("killed").await;
    let connection = open(admin(&plane)).await;
    let health = connection.first_health().await;
    assert_eq!(health.status, HealthStatus::Healthy, "{:?}", health.message);
    assert_eq!(health.version.as_ref().unwrap().major, 1);

    plane.kill_apiserver();
    eventually("calls fail until the breaker opens", async || {
        assert!(ask(&connection).await.is_err());
        connection.breaker().state() == BreakerState::Open
    })
    .await;
    let start = Instant::now();
    let error = classify(&ask(&connection).await.unwrap_err());
    assert_eq!(error.code, ErrorCode::ClusterUnavailable);
    assert!(error.message.contains("connection refused"), "{}", error.message);
    assert!(start.elapsed() < Duration::from_millis(50), "an open breaker took {:?}", start.elapsed());
    eventually("health shows it", async || connection.health().unwrap().status == HealthStatus::Unhealthy)
        .await;
    let away = connection.health().unwrap();
    assert_eq!(away.version, health.version, "what was known is kept");

    plane.restart_apiserver().await.unwrap();
    tokio::time::timeout(PATIENCE, connection.breaker().closed()).await.expect("the breaker stays open");
    ask(&connection).await.unwrap();
    eventually("health recovers", async || connection.health().unwrap().status == HealthStatus::Healthy)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_cut_silently_is_noticed_within_fifteen_seconds() {
    let plane = plane("cut").await;
    let connection = open(proxied(&plane)).await;
    let api = config_maps(&connection);
    let mut watch = api.watch(&WatchParams::default(), "0").await.unwrap().boxed();

    plane.cut().await.unwrap();
    let start = Instant::now();
    let ended = async { while let Ok(Some(_)) = watch.try_next().await {} };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the watch hangs on a dead connection");
    let took = start.elapsed();
    // 10 s to the ping, 5 s for its answer, and a little for two busy cores.
    assert!(took < Duration::from_secs(17), "noticed after {took:?}");

    plane.heal().await.unwrap();
    eventually("it is used again", async || ask(&connection).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_into_a_black_hole_ends_at_its_timeout() {
    let plane = plane("hole").await;
    let mut spec = proxied(&plane);
    spec.timeout = Duration::from_secs(1);
    let connection = open(spec).await;
    ask(&connection).await.unwrap();
    plane.fault(Fault::Blackhole).await.unwrap();
    let start = Instant::now();
    let error = classify(&ask(&connection).await.unwrap_err());
    assert_eq!(error.code, ErrorCode::ClusterTimeout, "{}", error.message);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn health_names_the_parts_of_the_control_plane_and_the_one_that_fails() {
    let options = Options { kwok_nodes: 0, ..Options::named("parts") };
    let plane = ControlPlane::start(options).await.unwrap();
    let connection = open(admin(&plane)).await;
    eventually("all parts are healthy", async || {
        let health = connection.first_health().await;
        let now = connection.health().unwrap_or(health);
        ["api_server", "etcd", "controller_manager", "scheduler"]
            .iter()
            .all(|name| now.component(name).is_some_and(|part| part.status == HealthStatus::Healthy))
    })
    .await;

    plane.kill(Component::Etcd);
    eventually("etcd is named", async || {
        let health = connection.health().unwrap();
        health.component("etcd").is_some_and(|part| part.status == HealthStatus::Unhealthy)
            && health.status == HealthStatus::Degraded
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_at_a_black_hole_gives_up_together_and_opens_the_breaker() {
    let plane = plane("crowd-hole").await;
    plane.fault(Fault::Blackhole).await.unwrap();
    let mut spec = proxied(&plane);
    spec.tuning.connect_timeout = Duration::from_secs(1);
    let connection = open(spec).await;
    let start = Instant::now();
    let answers = futures::future::join_all((0..30).map(|_| ask(&connection))).await;
    assert!(answers.iter().all(Result::is_err));
    assert!(start.elapsed() < Duration::from_secs(3), "30 requests gave up after {:?}", start.elapsed());
    assert!(!connection.breaker().reachable());
}
