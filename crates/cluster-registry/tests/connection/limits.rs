//! Limits that really hold.

use std::{sync::atomic::Ordering, time::Duration};

use cluster_registry::connection::classify;
use fleetgraph_core::ErrorCode;
use futures::future::join_all;
use kube::api::WatchParams;
use tokio::time::Instant;

use crate::support::{Peer, answer, ask, by_url, config_maps, open};

const EMPTY_LIST: &str = r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn qps_and_burst_bound_what_reaches_the_server() {
    let peer = Peer::answering(|| answer(200, "application/json", EMPTY_LIST)).await;
    let mut spec = by_url(&peer.url);
    (spec.qps, spec.burst) = (40.0, 10);
    let connection = open(spec).await;
    connection.first_health().await;
    let before = peer.requests.load(Ordering::Acquire);
    let start = Instant::now();
    join_all((0..50).map(|_| ask(&connection))).await.into_iter().for_each(Result::unwrap);
    let took = start.elapsed();
    assert!(peer.requests.load(Ordering::Acquire) >= before + 50);
    // Ten at once, forty at 40/s.
    assert!(took >= Duration::from_millis(950), "50 requests took {took:?}");
    assert!(took < Duration::from_secs(4), "50 requests took {took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_would_wait_too_long_for_its_turn_is_refused_and_says_which_setting() {
    let peer = Peer::answering(|| answer(200, "application/json", EMPTY_LIST)).await;
    let mut spec = by_url(&peer.url);
    (spec.qps, spec.burst, spec.timeout) = (0.1, 1, Duration::from_millis(200));
    let connection = open(spec).await;
    ask(&connection).await.unwrap();
    let told = classify(&ask(&connection).await.unwrap_err());
    assert_eq!(told.code, ErrorCode::ClusterRateLimited);
    assert!(told.message.contains("qps"), "{}", told.message);
    assert!(connection.breaker().reachable(), "our own limit says nothing about the cluster");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_end_is_cut_off() {
    let peer = Peer::answering(|| answer(200, "application/json", vec![b' '; 300_000])).await;
    let mut spec = by_url(&peer.url);
    (spec.tuning.max_object_bytes, spec.tuning.max_list_bytes) = (100_000, 200_000);
    let connection = open(spec).await;
    for error in [ask(&connection).await.unwrap_err(), config_maps(&connection).get("x").await.unwrap_err()] {
        let told = classify(&error);
        assert_eq!(told.code, ErrorCode::ClusterProtocol);
        assert!(told.message.contains("more than the allowed"), "{}", told.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_end_is_cut_off_and_many_short_ones_are_not() {
    use futures::TryStreamExt;
    async fn watched(body: Vec<u8>) -> Result<usize, kube::Error> {
        let peer = Peer::answering(move || answer(200, "application/json", body.clone())).await;
        let mut spec = by_url(&peer.url);
        spec.tuning.max_object_bytes = 100_000;
        let connection = open(spec).await;
        let api = config_maps(&connection);
        let events = api.watch(&WatchParams::default(), "0").await?;
        let seen = events.try_fold(0, |count, _| async move { Ok(count + 1) }).await;
        connection.close().await;
        seen
    }
    let event = r#"{"type":"ADDED","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"x"}}}"#;
    let many = format!("{event}\n").repeat(3_000);
    assert_eq!(watched(many.into_bytes()).await.unwrap(), 3_000);
    let told = classify(&watched(vec![b' '; 300_000]).await.unwrap_err());
    assert!(told.message.contains("more than the allowed"), "{}", told.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn unavailable_answers_in_a_row_open_the_breaker_and_refusals_do_not() {
    let refusing = Peer::answering(|| answer(403, "application/json", r#"{"code":403}"#)).await;
    let connection = open(by_url(&refusing.url)).await;
    connection.first_health().await;
    for _ in 0..20 {
        ask(&connection).await.unwrap_err();
    }
    assert!(connection.breaker().reachable());

    let dead = Peer::answering(|| answer(503, "text/plain", "no backend")).await;
    let connection = open(by_url(&dead.url)).await;
    for _ in 0..6 {
        ask(&connection).await.unwrap_err();
    }
    assert!(!connection.breaker().reachable());
    let told = classify(&ask(&connection).await.unwrap_err());
    assert!(told.message.contains("503"), "{}", told.message);
}
