//! How many connections a cluster costs.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, future::join_all};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{PostParams, WatchEvent, WatchParams};

use testkit::{ControlPlane, Options};

use crate::support::{ask, config_maps, eventually, open, plane, proxied};

#[tokio::test(flavor = "multi_thread")]
async fn forty_watches_share_one_connection_and_more_than_the_servers_limit_open_another() {
    let plane = plane("sharing").await;
    let mut spec = proxied(&plane);
    spec.burst = 500;
    let connection = open(spec).await;
    let api = config_maps(&connection);
    let begin = || async { api.watch(&WatchParams::default(), "0").await.unwrap().boxed() };

    let mut watches = join_all((0..40).map(|_| begin())).await;
    assert_eq!(plane.proxy().open_connections(), 1);

    // API servers admit 100 streams on a connection and let the 101st wait; none may wait here.
    watches.extend(join_all((0..120).map(|_| begin())).await);
    ask(&connection).await.unwrap();
    let open_now = plane.proxy().open_connections();
    assert!((2..=3).contains(&open_now), "{open_now} connections for 160 watches");

    let mut object = ConfigMap::default();
    object.metadata.name = Some("for-all".into());
    api.create(&PostParams::default(), &object).await.unwrap();
    join_all(watches.iter_mut().map(|watch| async move {
        let seen = async {
            while let Some(event) = watch.try_next().await.unwrap() {
                if matches!(&event, WatchEvent::Added(o) if o.metadata.name.as_deref() == Some("for-all")) {
                    return true;
                }
            }
            false
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), seen).await.expect("a watch is stalled"));
    }))
    .await;

    drop(watches);
    eventually("the second connection goes with its watches", async || {
        ask(&connection).await.unwrap();
        plane.proxy().open_connections() == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_nobody_reads_does_not_stall_the_others() {
    let plane = plane("stall").await;
    let connection = open(proxied(&plane)).await;
    let api = config_maps(&connection);
    let _unread = api.watch(&WatchParams::default(), "0").await.unwrap();
    let data = Some([("x".to_owned(), "y".repeat(500_000))].into());
    let mut object = ConfigMap { data, ..ConfigMap::default() };
    // More than the stream's window of 2 MiB, less than the connection's of 16.
    for number in 0..12 {
        object.metadata.name = Some(format!("large-{number}"));
        api.create(&PostParams::default(), &object).await.unwrap();
    }
    let list = tokio::time::timeout(Duration::from_secs(10), api.list(&Default::default())).await;
    assert!(list.expect("the list is stalled").unwrap().items.len() >= 12);
    assert_eq!(plane.proxy().open_connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_watches_that_starts_at_once_makes_one_connection() {
    let plane = plane("crowd").await;
    let mut spec = proxied(&plane);
    spec.burst = 500;
    let connection = open(spec).await;
    let api = config_maps(&connection);
    let params = WatchParams::default();
    let watches = join_all((0..60).map(|_| api.watch(&params, "0"))).await;
    assert!(watches.iter().all(Result::is_ok));
    assert_eq!(plane.proxy().accepted_connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_http2_is_asked_by_http1() {
    // What its admission of HTTP/2 hangs on.
    let options = Options::bare("http1").apiserver_arg("--disable-http2-serving");
    let plane = ControlPlane::start(options).await.unwrap();
    let connection = open(proxied(&plane)).await;
    let api = config_maps(&connection);
    let params = WatchParams::default();
    let watches = join_all((0..10).map(|_| api.watch(&params, "0"))).await;
    assert!(watches.iter().all(Result::is_ok));
    assert!(plane.proxy().open_connections() >= 10);
    ask(&connection).await.unwrap();
}

/// API servers behind a load balancer are told to send clients elsewhere now and then; a request that crosses the
/// farewell on the wire was not taken up, and must not fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_bids_farewell_to_its_connections_loses_no_request() {
    // As often as it can be told to.
    let options = Options::bare("goaway").apiserver_arg("--goaway-chance=0.02");
    let plane = ControlPlane::start(options).await.unwrap();
    let mut spec = proxied(&plane);
    (spec.qps, spec.burst) = (100_000.0, 100_000);
    let connection = open(spec).await;
    for _ in 0..40 {
        for answer in join_all((0..50).map(|_| ask(&connection))).await {
            answer.unwrap();
        }
    }
    assert!(plane.proxy().accepted_connections() > 5, "the server bade no farewell");
}
