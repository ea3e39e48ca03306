//! What goes wrong on command, seen from outside.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod bed;
mod requests;
mod watches;

use std::time::Duration;

use futures::{AsyncBufReadExt, StreamExt};
use http::Request;
use serde_json::json;
use simcluster::{ErrorFault, Faults, Flap};

use bed::{MAPS, bed};

#[tokio::test]
async fn lost_events_are_the_same_in_every_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let bed = bed().await;
        let from = bed.cluster.revision();
        for n in 0..40 {
            bed.create(&format!("m{n}"));
        }
        assert_eq!(bed.watched(from).await.len(), 40);
        bed.cluster.set_faults(Faults { seed: 5, lose_events: 0.5, ..Faults::default() });
        runs.push(bed.watched(from).await);
        assert_eq!(bed.get(MAPS).await.unwrap().1["items"].as_array().unwrap().len(), 40);
    }
    assert_eq!(runs[0], runs[1]);
    assert!((10..30).contains(&runs[0].len()), "{}", runs[0].len());
}

#[tokio::test]
async fn a_half_sent_frame_ends_the_connection() {
    let bed = bed().await;
    let from = bed.cluster.revision();
    bed.create("a");
    bed.cluster.set_faults(Faults { cut_frames: 1.0, ..Faults::default() });
    let path = format!("{MAPS}?watch=true&timeoutSeconds=5&resourceVersion={from}");
    let request = Request::get(path).body(Vec::new()).unwrap();
    let mut lines = bed.client.request_stream(request).await.unwrap().lines();
    let mut cut = false;
    while let Some(line) = tokio::time::timeout(Duration::from_secs(3), lines.next()).await.unwrap() {
        cut |= line.is_err();
    }
    assert!(cut);
}

#[tokio::test]
async fn refused_failed_expired_and_late_requests() {
    let bed = bed().await;
    bed.cluster.set_faults(Faults { refuse: true, ..Faults::default() });
    assert!(bed.get(MAPS).await.is_err());
    let error = ErrorFault { code: 429, probability: 1.0, retry_after_seconds: Some(3) };
    bed.cluster.set_faults(Faults { errors: vec![error], ..Faults::default() });
    let (code, body) = bed.get(MAPS).await.unwrap();
    assert_eq!(
        (code, &body["reason"], &body["details"]["retryAfterSeconds"]),
        (429, &json!("TooManyRequests"), &json!(3))
    );
    bed.cluster.set_faults(Faults { expired_tokens: true, ..Faults::default() });
    assert_eq!(bed.get(MAPS).await.unwrap().0, 401);
    bed.cluster.set_faults(Faults { flap: Some(Flap { up_ms: 1, down_ms: 600_000 }), ..Faults::default() });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(bed.get(MAPS).await.is_err());
    bed.cluster.set_faults(Faults { stall: true, ..Faults::default() });
    assert!(tokio::time::timeout(Duration::from_millis(200), bed.get(MAPS)).await.is_err());
    bed.cluster.set_faults(Faults::default());
    assert_eq!(bed.get(MAPS).await.unwrap().0, 200);
}

#[tokio::test]
async fn malformed_and_oversized_objects_stand_in_lists() {
    let bed = bed().await;
    bed.create("a");
    bed.cluster.set_faults(Faults { malformed: 1.0, ..Faults::default() });
    let (_, list) = bed.get(MAPS).await.unwrap();
    assert!(list["items"][0]["metadata"]["labels"].is_string());
    bed.cluster.set_faults(Faults { oversized: 1.0, oversized_bytes: 100_000, ..Faults::default() });
    let (_, list) = bed.get(MAPS).await.unwrap();
    assert!(list.to_string().len() > 100_000);
}

#[tokio::test]
async fn a_restored_backup_takes_the_version_back_and_ends_watches() {
    let bed = bed().await;
    let snapshot = bed.cluster.snapshot();
    let before = bed.cluster.revision();
    bed.create("a");
    let maps = bed.cluster.resource("", "v1", "configmaps").unwrap();
    let mut subscription = bed.cluster.subscribe(&maps, bed.cluster.revision());
    bed.cluster.restore(&snapshot);
    assert!(subscription.next().await.is_err());
    assert_eq!(bed.cluster.revision(), before);
    assert_eq!(bed.get(MAPS).await.unwrap().1["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_sets_faults_with_the_administrators_token_whatever_goes_wrong() {
    let bed = bed().await;
    let token = bed.cluster.options().admin_token.clone();
    tokio::task::block_in_place(|| {
        assert!(bed.admin("GET", "faults", "wrong", "").contains("Unauthorized"));
        assert!(
            bed.admin("PUT", "faults", &token, r#"{"loseEvents": 0.25}"#).contains(r#""loseEvents":0.25"#)
        );
        let all = r#"{"refuse": true, "stall": true, "expiredTokens": true, "loseEvents": 0.25}"#;
        assert!(bed.admin("PUT", "faults", &token, all).contains(r#""stall":true"#));
        assert!(bed.admin("PUT", "faults", &token, r#"{"loseEvents": 2}"#).contains("BadRequest"));
        assert!(bed.admin("PUT", "faults", &token, "[]").contains("BadRequest"));
        assert!(bed.admin("GET", "../../../simulator/faults", &token, "").contains(r#""stall":true"#));
        assert!(bed.admin("PUT", "faults", &token, r#"{"nonsense": 1}"#).contains("BadRequest"));
        bed.create("counted");
        assert!(bed.admin("GET", "changes", &token, "").contains(r#""configmaps":1"#));
        assert!(bed.admin("POST", "nonsense", &token, "").contains("NotFound"));
        assert!(bed.admin("GET", "compact", &token, "").contains("MethodNotAllowed"));
        assert!(bed.admin("POST", "restore", &token, "").contains("BadRequest"), "there is no snapshot yet");
        assert!(bed.admin("POST", "snapshot", &token, "").contains("resourceVersion"));
        assert!(bed.admin("POST", "restore", &token, "").contains("resourceVersion"));
    });
    assert!((bed.cluster.faults().lose_events - 0.25).abs() < 1e-9);
}
