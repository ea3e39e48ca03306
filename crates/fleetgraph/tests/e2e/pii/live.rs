//! Subscriptions: what is masked stays masked in each event, changes of it are no changes, and a right that is revoked is
//! gone from an open stream.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bed::{Bed, CLUSTERS, Caller};
use crate::client::Subscription;

/// How soon a revocation has to be in force.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);
const CANARY: &str = "canary-live";

/// Writes values of the marked config map of the shop.
async fn write(bed: &Bed, data: Value) {
    let patch = json!({ "data": data }).to_string();
    bed.plane()
        .kubectl(&["patch", "configmap", "marked", "-n", "shop", "--type=merge", "-p", &patch])
        .await
        .unwrap();
}

fn arguments() -> String {
    format!("cluster: {:?}, namespace: \"shop\"", CLUSTERS[0])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn events_are_masked_as_answers_are_and_a_change_of_what_is_masked_is_none() {
    let bed = Bed::start().await;
    let of = arguments();
    let whole = "configMap { name data manifest yaml annotations maskedFields }";
    let any = "resource { id ... on ConfigMap { name data manifest yaml annotations maskedFields } }";
    let documents = [
        (
            "configMapEvents",
            "configMap",
            format!(
                "subscription {{ configMapEvents({of}, initial: true) {{ type reason message {whole} }} }}"
            ),
        ),
        (
            "resourceEvents",
            "resource",
            format!(
                "subscription {{ resourceEvents({of}, resourceType: \"configmaps\", initial: true) {{ type reason message {any} }} }}"
            ),
        ),
    ];
    for caller in Caller::ALL {
        for (root, object, document) in &documents {
            let mut stream = Subscription::start_as(bed.http(), &bed.token(caller), document).await;
            let seen = stream.until(|event| event[root][object]["name"] == "marked").await;
            let told = seen.to_string().contains("canary-");
            assert_eq!(told, !matches!(caller, Caller::Reader), "{caller:?}: {seen}");
            write(&bed, json!({ "mail": format!("{CANARY}-{caller:?}-{root}") })).await;
            let event = stream.until(|event| event[root]["type"] == "UPDATED").await;
            assert_eq!(event.to_string().contains(CANARY), told, "{caller:?}: {event}");
        }
    }

    // Updates that change nothing that is selected and shown are left out.
    let document = format!(
        "subscription {{ configMapEvents({of}, initial: true, onlyChanges: true) {{ type configMap {{ name data }} }} }}"
    );
    let mut stream = Subscription::start_as(bed.http(), &bed.token(Caller::Reader), &document).await;
    stream.until(|event| event["configMapEvents"]["configMap"]["name"] == "marked").await;
    write(&bed, json!({ "mail": format!("{CANARY}-again") })).await;
    write(&bed, json!({ "open": "changed" })).await;
    let event = stream.until(|event| event["configMapEvents"]["type"] == "UPDATED").await;
    assert_eq!(event["configMapEvents"]["configMap"]["data"], json!({ "mail": "•••", "open": "changed" }));

    // Custom resources.
    let document = format!(
        "subscription {{ customResourceEvents({of}, resource: \"customers.shop.example\", initial: true) {{
            type reason message customResource {{ name spec status conditions {{ reason message }} columns {{ value }} maskedFields }} }} }}"
    );
    for caller in Caller::ALL {
        let mut stream = Subscription::start_as(bed.http(), &bed.token(caller), &document).await;
        let event =
            stream.until(|event| event["customResourceEvents"]["customResource"]["name"] == "marked").await;
        let told = !matches!(caller, Caller::Reader);
        assert_eq!(event.to_string().contains("canary-"), told, "{caller:?}: {event}");
        assert_eq!(
            event["customResourceEvents"]["customResource"]["maskedFields"] == json!([]),
            told,
            "{event}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_open_stream_is_masked_soon_after_the_right_to_unmask_is_revoked() {
    let bed = Bed::start().await;
    let document =
        format!("subscription {{ configMapEvents({}) {{ type configMap {{ name data }} }} }}", arguments());
    let mut stream = Subscription::start_as(bed.http(), &bed.token(Caller::Keeper), &document).await;
    let mut number = 0;
    // One round: a change, and whether its event tells the value.
    let mut round = async || {
        number += 1;
        write(&bed, json!({ "mail": format!("{CANARY}-{number}"), "open": number.to_string() })).await;
        let now = json!(number.to_string());
        let event = stream.until(|event| event["configMapEvents"]["configMap"]["data"]["open"] == now).await;
        event.to_string().contains(CANARY)
    };
    assert!(round().await, "the keeper may unmask");
    for _ in 0..3 {
        bed.plane().kubectl(&["delete", "rolebinding", "-n", "shop", "unmasks"]).await.unwrap();
        let revoked = Instant::now();
        while round().await {
            assert!(revoked.elapsed() < REVOKED_WITHIN, "what may no longer be unmasked is still told");
        }
        assert!(!round().await, "and stays masked");
        let again = "create rolebinding unmasks -n shop --role=unmasks --user=keeper";
        bed.plane().kubectl(&again.split(' ').collect::<Vec<_>>()).await.unwrap();
        let granted = Instant::now();
        while !round().await {
            assert!(granted.elapsed() < REVOKED_WITHIN, "what was granted again is never told");
        }
    }
}
