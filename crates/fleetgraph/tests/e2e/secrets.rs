//! What of secrets is shown, and what never is.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    bed::Bed,
    client::{self, Subscription},
};

const VALUE: &str = "correct-horse-battery-staple";

/// A secret that kubectl applies, so that its annotation holds the value a second time.
fn secret() -> String {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "credentials", "labels": {"app": "shop"}},
        "type": "Opaque", "data": {"password": STANDARD.encode(VALUE), "empty": ""},
        "stringData": {"token": format!("{VALUE}!")},
    })
    .to_string()
}

/// Whatever could show a secret.
const EVERYTHING: &str = r#"{
    secret(cluster: "C", name: "credentials") {
        id type keys { name size } annotations labels manifest yaml health { status } managedBy { tool }
        related { type } events { message } usedBy { id } }
    secrets(cluster: "C", namespace: "default") { name manifest }
    resources(filter: {kinds: ["secrets"], namespaces: ["default"]}) { totalCount nodes { ... on Secret { yaml manifest } } }
    kubernetesResources(cluster: "C", type: "secret", namespace: "default") { id attributes metadata relationships }
    resourceGraph(cluster: "C", namespace: "default", resourceType: "secrets", name: "credentials") { mermaid dot nodes { id } } }"#;

fn assert_no_value(what: &str, text: &str) {
    for form in [VALUE.to_owned(), STANDARD.encode(VALUE), STANDARD.encode(format!("{VALUE}!"))] {
        assert!(!text.contains(&form), "{what} holds {form}: {text}");
    }
}

async fn shown(cluster: &str, config: &str) -> (Bed, serde_json::Value) {
    let bed = Bed::with(&[cluster], config).await;
    let mut events = Subscription::start(
        bed.http(),
        "subscription { secretEvents(namespace: \"default\") { type secret { name manifest yaml } message } }",
    )
    .await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), secret()).unwrap();
    bed.plane(cluster).kubectl(&["apply", "-f", &file.path().display().to_string()]).await.unwrap();
    let event = events.until(|event| event["secretEvents"]["secret"]["name"] == "credentials").await;
    assert_no_value("an event", &event.to_string());
    let query = EVERYTHING.replace("\"C\"", &format!("{cluster:?}"));
    let answer = bed.until(&query, |data| !data["secret"].is_null()).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    assert_no_value("an answer", &answer.to_string());
    assert_no_value("the log", &bed.server.log());
    // A search for the value finds nothing, or the value could be guessed letter by letter.
    for text in [VALUE.to_owned(), STANDARD.encode(VALUE)] {
        let query = format!("{{ resources(filter: {{text: {text:?}}}) {{ totalCount }} }}");
        assert_eq!(client::data(bed.http(), &query).await["resources"]["totalCount"], 0);
    }
    (bed, answer["data"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_secrets_only_metadata_is_read_unless_the_configuration_says_otherwise() {
    let (_bed, data) = shown("sealed", "").await;
    let secret = &data["secret"];
    assert_eq!((&secret["type"], &secret["keys"]), (&json!(null), &json!(null)));
    assert_eq!(secret["labels"], json!({"app": "shop"}));
    assert!(secret["manifest"].get("data").is_none(), "{secret}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_sizes_of_keys_are_shown_where_that_is_configured_and_values_never() {
    let (_bed, data) = shown("keys", "secrets: keys\n").await;
    let secret = &data["secret"];
    assert_eq!(secret["type"], "Opaque");
    assert_eq!(
        secret["keys"],
        json!([
            {"name": "empty", "size": 0},
            {"name": "password", "size": VALUE.len()},
            {"name": "token", "size": VALUE.len() + 1},
        ])
    );
    assert_eq!(secret["manifest"]["data"]["password"], VALUE.len());
}
