//! Documents by their hash, and lists of trusted ones, over every transport.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod support;

use std::{fs, path::Path, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::Request;
use http_api::{Documents, HttpConfig, Shutdown, TrustMode, TrustedDocumentsConfig};
use serde_json::{Value, json};
use support::{
    Seen, Server, app, config,
    raw::{Answer, post, send},
    socket::Socket,
    within,
};

const HELLO: &str = "{ hello }";
/// `printf '{ hello }' | sha256sum`
const HASH: &str = "001c3174e099bd72b729d0c0a529ba9f5a740c446e2a6e1d71b283cb84ec3065";
const UNKNOWN: &str = "ffff3174e099bd72b729d0c0a529ba9f5a740c446e2a6e1d71b283cb84ec3065";

fn router(config: &HttpConfig) -> Router {
    app(config, &Arc::new(Seen::default()), &Shutdown::new())
}

fn trusting(mode: TrustMode, path: &Path) -> HttpConfig {
    let reload_interval = Duration::from_millis(20);
    let trusted_documents = TrustedDocumentsConfig {
        mode,
        path: path.to_owned(),
        reload_interval,
        ..TrustedDocumentsConfig::default()
    };
    HttpConfig { trusted_documents, ..config() }
}

async fn say(router: &Router, body: &Value) -> Answer {
    send(router, post().body(Body::from(body.to_string())).unwrap()).await
}

fn persisted(hash: &str) -> Value {
    json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } })
}

/// The data's one field, or the code of the first error.
fn outcome(answer: &Value) -> String {
    let code = &answer["errors"][0]["extensions"]["code"];
    let text = if code.is_null() { &answer["data"]["hello"] } else { code };
    text.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_document_that_was_sent_with_its_hash_is_found_by_the_hash_alone_on_every_transport() {
    let server = Server::start(config()).await;
    let mut socket = Socket::acknowledged(&server).await;
    let by_hash = json!({ "extensions": persisted(HASH) });
    let ask = async |socket: &mut Socket, payload: &Value| {
        socket.say(&json!({ "id": "1", "type": "subscribe", "payload": payload }).to_string()).await;
        let message = socket.hear().await;
        if message["type"] == "next" {
            assert_eq!(socket.hear().await["type"], "complete");
            return outcome(&message["payload"]);
        }
        outcome(&json!({ "errors": message["payload"] }))
    };
    assert_eq!(ask(&mut socket, &by_hash).await, "PERSISTED_QUERY_NOT_FOUND");
    let both = json!({ "query": HELLO, "extensions": persisted(HASH) });
    assert_eq!(ask(&mut socket, &both).await, "world");
    assert_eq!(ask(&mut socket, &by_hash).await, "world");
    assert_eq!(ask(&mut socket, &json!({ "documentId": format!("sha256:{HASH}") })).await, "world");

    let router = router(&config());
    assert_eq!(say(&router, &by_hash).await.code(), "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(say(&router, &both).await.status, 200);
    assert_eq!(outcome(&say(&router, &by_hash).await.json()), "world");
    let extensions: String = persisted(HASH).to_string().bytes().map(|byte| format!("%{byte:02x}")).collect();
    let get = Request::get(format!("/graphql?extensions={extensions}")).body(Body::empty()).unwrap();
    assert_eq!(outcome(&send(&router, get).await.json()), "world");
}

#[tokio::test]
async fn what_apollos_clients_compare_is_what_they_are_told() {
    let by_hash = json!({ "extensions": persisted(UNKNOWN) });
    let answer = say(&router(&config()), &by_hash).await;
    assert_eq!(answer.status, 200, "their links read the errors of a 200");
    assert_eq!(answer.json()["errors"][0]["message"], "PersistedQueryNotFound");
    let mut off = config();
    off.persisted_queries.max_entries = 0;
    let answer = say(&router(&off), &by_hash).await;
    assert_eq!(answer.code(), "PERSISTED_QUERY_NOT_SUPPORTED");
    assert_eq!(answer.json()["errors"][0]["message"], "PersistedQueryNotSupported");
}

#[tokio::test]
async fn nothing_is_kept_that_is_not_what_its_hash_says_or_that_was_refused() {
    let router = router(&config());
    let wrong = json!({ "query": "{ caller }", "extensions": persisted(HASH) });
    assert_eq!(say(&router, &wrong).await.code(), "PERSISTED_QUERY_MISMATCH");
    let both = json!({ "query": HELLO, "extensions": persisted(HASH) });
    let refused = post().header("x-caller", "mallory").body(Body::from(both.to_string())).unwrap();
    assert_eq!(send(&router, refused).await.code(), "FORBIDDEN");
    let by_hash = json!({ "extensions": persisted(HASH) });
    assert_eq!(say(&router, &by_hash).await.code(), "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test]
async fn only_trusted_documents_are_executed_where_only_they_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = json!({
        "format": "apollo-persisted-query-manifest", "version": 1,
        "operations": [{ "id": "hello-1", "name": "Hello", "type": "query", "body": HELLO }],
    });
    fs::write(folder.path().join("list.json"), manifest.to_string()).unwrap();
    let router = router(&trusting(TrustMode::Only, folder.path()));
    for trusted in [
        json!({ "query": HELLO }),
        json!({ "documentId": "hello-1" }),
        json!({ "documentId": format!("sha256:{HASH}") }),
        json!({ "extensions": persisted(HASH) }),
        json!({ "extensions": persisted("hello-1") }),
    ] {
        assert_eq!(outcome(&say(&router, &trusted).await.json()), "world", "{trusted}");
    }
    for untrusted in [
        json!({ "query": "{  hello }" }),
        json!({ "query": "{ __typename }" }),
        json!({ "query": format!("{HELLO} ") }),
        json!({ "documentId": "hello-2" }),
        json!({ "extensions": persisted(UNKNOWN) }),
        json!({ "query": "{ caller }", "extensions": persisted("3b5a0ad0a1b8d0f6a4fd4d2c8b8f2ab5") }),
    ] {
        let answer = say(&router, &untrusted).await;
        let code = answer.code();
        assert!(code == "DOCUMENT_NOT_TRUSTED" || code == "PERSISTED_QUERY_MISMATCH", "{untrusted}: {code}");
        assert!(answer.json().get("data").is_none());
    }
    let gateway =
        |body: Value| post().header("x-caller", "gateway").body(Body::from(body.to_string())).unwrap();
    let made = send(&router, gateway(json!({ "query": "{ hello }  " }))).await;
    assert_eq!(outcome(&made.json()), "world", "a gateway's operations are made for each request");
    let kept = "{ caller }";
    let hash = "0f0bbd4b71bbf5ef4ef2b1b9d1b0b3d3".repeat(2);
    let refused = send(&router, gateway(json!({ "query": kept, "extensions": persisted(&hash) }))).await;
    assert_eq!(refused.code(), "PERSISTED_QUERY_MISMATCH");
}

#[tokio::test]
async fn what_an_exempt_caller_had_kept_is_not_trusted_for_others() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("list.json"), "{}").unwrap();
    let router = router(&trusting(TrustMode::Only, folder.path()));
    let both = json!({ "query": HELLO, "extensions": persisted(HASH) });
    let by_hash = json!({ "extensions": persisted(HASH) });
    let as_gateway =
        |body: &Value| post().header("x-caller", "gateway").body(Body::from(body.to_string())).unwrap();
    assert_eq!(outcome(&send(&router, as_gateway(&both)).await.json()), "world");
    assert_eq!(outcome(&send(&router, as_gateway(&by_hash)).await.json()), "world");
    assert_eq!(say(&router, &by_hash).await.code(), "DOCUMENT_NOT_TRUSTED");
    assert_eq!(say(&router, &both).await.code(), "DOCUMENT_NOT_TRUSTED");
}

#[tokio::test]
async fn where_untrusted_documents_are_only_logged_all_are_executed() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.json");
    fs::write(&list, json!({ "a": "{ caller }" }).to_string()).unwrap();
    let router = router(&trusting(TrustMode::Log, &list));
    assert_eq!(outcome(&say(&router, &json!({ "query": HELLO })).await.json()), "world");
    assert_eq!(say(&router, &json!({ "documentId": "a" })).await.json()["data"]["caller"], "nobody");
    assert_eq!(say(&router, &json!({ "documentId": "b" })).await.code(), "PERSISTED_QUERY_NOT_FOUND");
}

#[tokio::test]
async fn a_list_that_changes_is_read_again_and_one_that_is_broken_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("list.json");
    fs::write(&list, "{}").unwrap();
    let server = Server::start(trusting(TrustMode::Only, folder.path())).await;
    let mut socket = Socket::acknowledged(&server).await;
    let mut serial = 0;
    let mut executed = async || {
        serial += 1;
        socket.subscribe(&serial.to_string(), HELLO).await;
        let first = socket.hear().await;
        if first["type"] == "next" {
            socket.hear().await;
        }
        first["type"] == "next"
    };
    assert!(!executed().await);
    fs::write(&list, json!({ "a": HELLO }).to_string()).unwrap();
    within("the new list", async {
        while !executed().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    fs::write(&list, "nonsense").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(executed().await, "the old list is gone");
}

#[test]
fn a_list_that_cannot_be_used_is_named_at_the_start() {
    let error = Documents::load(&trusting(TrustMode::Log, Path::new("/nowhere.json"))).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere.json can't be read"), "{error}");
    assert!(Documents::load(&trusting(TrustMode::Off, Path::new("/nowhere.json"))).is_ok());
}
