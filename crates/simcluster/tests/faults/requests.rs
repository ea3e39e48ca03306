//! Single requests: latency, the clock, history, logs.

use std::time::{Duration, Instant};

use http::Request;
use jiff::Timestamp;
use serde_json::{Value, json};
use simcluster::{Faults, Latency, WriteOptions};

use crate::bed::{Bed, MAPS, bed, ends, frame, soon};

#[tokio::test]
async fn an_answer_is_as_late_as_the_latency_says() {
    let bed = bed().await;
    assert_eq!(bed.get(MAPS).await.unwrap().0, 200);
    let latency = Some(Latency { min_ms: 300, max_ms: 400 });
    bed.cluster.set_faults(Faults { latency, ..Faults::default() });
    let started = Instant::now();
    assert_eq!(bed.get(MAPS).await.unwrap().0, 200);
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_secs(5), "{took:?}");
}

/// The real server says of some of these 500, in words of its own.
#[tokio::test]
async fn what_is_applied_without_sense_is_refused() {
    let bed = bed().await;
    let map =
        |metadata: &str| format!(r#"{{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {metadata}}}"#);
    let labels = map(r#"{"labels": "x"}"#);
    for body in ["[]", "\"text\"", "7", "null", "{", &map("\"x\""), &map("[]"), &labels] {
        let request = Request::patch(format!("{MAPS}/bad?fieldManager=one"))
            .header("content-type", "application/apply-patch+yaml")
            .body(kube::client::Body::from(body.as_bytes().to_vec()))
            .unwrap();
        assert_eq!(bed.client.send(request).await.unwrap().status(), 400, "{body}");
    }
}

fn time(text: &Value) -> Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_wrong_clock_shows_in_objects_and_in_the_date_of_answers() {
    for hours in [-2, 3] {
        let bed = bed().await;
        bed.cluster.set_faults(Faults { clock_skew_ms: hours * 3_600_000, ..Faults::default() });
        bed.create("m");
        let request = Request::get(format!("{MAPS}/m")).body(kube::client::Body::empty()).unwrap();
        let answer = bed.client.send(request).await.unwrap();
        let date = answer.headers()["date"].to_str().unwrap().to_owned();
        let created = time(&bed.get(&format!("{MAPS}/m")).await.unwrap().1["metadata"]["creationTimestamp"]);
        let date = jiff::fmt::rfc2822::parse(&date).unwrap().timestamp();
        for seen in [created, date] {
            let ahead = seen.duration_since(Timestamp::now()).as_secs();
            assert!((ahead - hours * 3600).abs() < 60, "{ahead} s ahead with a skew of {hours} h");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_from_outside_forgets_history_but_ends_no_watch_that_has_seen_it() {
    let bed = bed().await;
    let from = bed.cluster.revision();
    for name in ["a", "b", "c"] {
        bed.create(name);
    }
    let mut watch = bed.watch().await;
    let token = bed.get(&format!("{MAPS}?limit=1")).await.unwrap().1["metadata"]["continue"].clone();
    let page = format!("{MAPS}?limit=1&continue={}", token.as_str().unwrap());
    assert_eq!(bed.get(&page).await.unwrap().0, 200);
    // The watch above is quiet, and has been asked for by now.
    tokio::time::sleep(Duration::from_millis(100)).await;
    bed.create("d");
    assert_eq!(frame(&mut watch).await["object"]["metadata"]["name"], "d");
    // Another resource goes on meanwhile.
    let secrets = bed.cluster.resource("", "v1", "secrets").unwrap();
    let secret = json!({"metadata": {"name": "s"}});
    bed.cluster.create(&secrets, "default", secret, &WriteOptions::default()).unwrap();
    let admin = bed.cluster.options().admin_token.clone();
    tokio::task::block_in_place(|| {
        assert!(bed.admin("POST", "compact", "wrong", "").contains("Unauthorized"));
        assert!(bed.admin("POST", "compact", &admin, "").contains("resourceVersion"));
    });
    assert_eq!(bed.get(&page).await.unwrap().1["reason"], "Expired");
    let mut old = bed.lines(&format!("{MAPS}?watch=true&resourceVersion={from}")).await;
    assert_eq!(frame(&mut old).await["object"]["code"], 410);
    assert!(ends(&mut old).await);
    bed.create("e");
    assert_eq!(frame(&mut watch).await["object"]["metadata"]["name"], "e");
}

fn pod(bed: &Bed) {
    let pods = bed.cluster.resource("", "v1", "pods").unwrap();
    let pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}});
    bed.cluster.create(&pods, "default", pod, &WriteOptions::default()).unwrap();
    bed.cluster.patch_status(&pods, "default", "p", json!({"phase": "Running"})).unwrap();
}

#[tokio::test]
async fn logs_are_followed_until_the_pod_is_gone() {
    let bed = bed().await;
    pod(&bed);
    // Two lines are old enough.
    bed.cluster.set_faults(Faults { clock_skew_ms: 7_000, ..Faults::default() });
    let path = "/api/v1/namespaces/default/pods/p/log?follow=true&tailLines=2&timestamps=true";
    let mut lines = bed.lines(path).await;
    let mut read = Vec::new();
    for _ in 0..2 {
        read.push(soon(&mut lines, 2000).await.unwrap().unwrap().unwrap());
    }
    assert!(soon(&mut lines, 1500).await.is_none(), "the next line is not due");
    bed.cluster.set_faults(Faults { clock_skew_ms: 12_000, ..Faults::default() });
    read.push(soon(&mut lines, 3000).await.unwrap().unwrap().unwrap());
    let stamps: Vec<Timestamp> =
        read.iter().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect();
    assert!(stamps.windows(2).all(|pair| pair[1].duration_since(pair[0]).as_secs() == 5), "{read:?}");
    let pods = bed.cluster.resource("", "v1", "pods").unwrap();
    bed.cluster.delete(&pods, "default", "p", &simcluster::DeleteOptions::default()).unwrap();
    assert!(ends(&mut lines).await);
}

#[tokio::test]
async fn followed_logs_are_cut_with_their_cluster() {
    let bed = bed().await;
    pod(&bed);
    let mut lines = bed.lines("/api/v1/namespaces/default/pods/p/log?follow=true").await;
    soon(&mut lines, 2000).await.unwrap();
    bed.cluster.set_faults(Faults { refuse: true, ..Faults::default() });
    let mut last = None;
    while let Some(Some(line)) = soon(&mut lines, 3000).await {
        last = Some(line);
    }
    assert!(last.is_some_and(|line| line.is_err()));
}
