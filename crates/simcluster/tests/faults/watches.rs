//! What an open watch sees of the faults that come while it is open.

use std::time::Duration;

use serde_json::json;
use simcluster::{ClusterOptions, Faults, Flap};

use crate::bed::{MAPS, bed, bed_with, ends, frame, soon};

#[tokio::test]
async fn a_refusing_cluster_cuts_open_watches() {
    let bed = bed().await;
    let mut watch = bed.watch().await;
    bed.create("a");
    assert_eq!(frame(&mut watch).await["object"]["metadata"]["name"], "a");
    bed.cluster.set_faults(Faults { refuse: true, ..Faults::default() });
    let end = soon(&mut watch, 3000).await.expect("an end in time");
    assert!(end.is_none_or(|line| line.is_err()));
}

#[tokio::test]
async fn a_stalled_cluster_says_nothing_and_then_everything() {
    let bed = bed().await;
    let mut watch = bed.watch().await;
    bed.cluster.set_faults(Faults { stall: true, ..Faults::default() });
    bed.create("a");
    bed.create("b");
    assert!(soon(&mut watch, 500).await.is_none());
    bed.cluster.set_faults(Faults::default());
    for name in ["a", "b"] {
        assert_eq!(frame(&mut watch).await["object"]["metadata"]["name"], name);
    }
}

#[tokio::test]
async fn a_flapping_cluster_cuts_open_watches_when_it_goes_down_and_comes_back() {
    let bed = bed().await;
    let mut watch = bed.watch().await;
    bed.cluster.set_faults(Faults { flap: Some(Flap { up_ms: 400, down_ms: 400 }), ..Faults::default() });
    bed.create("a");
    assert_eq!(frame(&mut watch).await["object"]["metadata"]["name"], "a");
    assert!(ends(&mut watch).await);
    assert!(bed.get(MAPS).await.is_err(), "it is down");
    let back = async {
        while bed.get(MAPS).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), back).await.unwrap();
}

#[tokio::test]
async fn malformed_and_oversized_objects_stand_in_watches_as_in_lists() {
    let bed = bed().await;
    let faults = [
        Faults { malformed: 0.5, ..Faults::default() },
        Faults { oversized: 0.5, oversized_bytes: 100_000, ..Faults::default() },
    ];
    for (round, faults) in faults.into_iter().enumerate() {
        bed.cluster.set_faults(faults);
        let mut watch = bed.watch().await;
        let mut seen = Vec::new();
        for n in 0..20 {
            bed.create(&format!("m{round}-{n:02}"));
            seen.push(frame(&mut watch).await["object"].take());
        }
        let (_, list) = bed.get(MAPS).await.unwrap();
        let items = list["items"].as_array().unwrap();
        let mut hit = 0;
        for object in &seen {
            let item =
                items.iter().find(|item| item["metadata"]["name"] == object["metadata"]["name"]).unwrap();
            assert_eq!(item["metadata"], object["metadata"], "the same ones in lists and watches");
            let metadata = &object["metadata"];
            let size = metadata["annotations"]["simulator/padding"].as_str().map_or(0, str::len);
            let malformed = metadata["labels"].is_string() && metadata["creationTimestamp"].is_number();
            hit += usize::from(if round == 0 { malformed } else { size == 100_000 });
        }
        assert!((4..17).contains(&hit), "{hit} of 20");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_that_does_not_read_is_ended_without_a_word_and_told_410_when_it_comes_back() {
    let options = ClusterOptions { history: 8, ..ClusterOptions::named("one") };
    let bed = bed_with(options).await;
    let mut watch = bed.watch().await;
    bed.create("first");
    let first = frame(&mut watch).await["object"]["metadata"]["resourceVersion"].clone();
    // More than sockets and windows hold.
    let data = json!({"k": "x".repeat(500_000)});
    for n in 0..80 {
        bed.create_with(&format!("m{n}"), data.clone());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let mut kinds = Vec::new();
    while let Some(Some(Ok(line))) = soon(&mut watch, 10_000).await {
        kinds.push(line.chars().take(15).collect::<String>());
    }
    assert!(kinds.len() < 80, "it has missed some");
    assert!(kinds.iter().all(|kind| kind.contains("ADDED")), "{kinds:?}");
    let path = format!("{MAPS}?watch=true&resourceVersion={}", first.as_str().unwrap());
    assert_eq!(frame(&mut bed.lines(&path).await).await["object"]["code"], 410);
}
