//! The configuration is read again while the program runs: clusters come and go, and nothing else changes.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

#[expect(dead_code, reason = "shared with the tests of the server's life cycle")]
mod server;

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::Value;
use server::{Server, ask, until};

const PATIENCE: Duration = Duration::from_secs(60);

/// A configuration of clusters that nobody serves, with these names for people.
fn config(clusters: &[(&str, &str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut text = String::from("clusters:\n");
    for (id, name) in clusters {
        text += &format!(
            "  - {{id: {id}, name: {name}, auth_method: token, api_server_url: 'http://{}', service_account_token: hush}}\n",
            listener.local_addr().unwrap()
        );
    }
    text
}

async fn served(server: &Server) -> Vec<String> {
    let headers = [("content-type", "application/json")];
    let (_, body) =
        ask(server.http(), "POST /graphql", &headers, r#"{"query": "{ clusters { id name } }"}"#).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    let clusters = answer["data"]["clusters"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    clusters.iter().map(|cluster| format!("{}={}", text(&cluster["id"]), text(&cluster["name"]))).collect()
}

async fn until_served(server: &Server, wanted: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let served = served(server).await;
        if served == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{served:?} instead of {wanted:?}; {}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_are_added_changed_and_removed_without_a_restart() {
    let server = Server::configured(&config(&[("a", "one")]));
    until(server.http(), "/health/ready", 200).await;
    until_served(&server, &["a=one"]).await;
    server.reconfigure(&config(&[("a", "one"), ("b", "two")]));
    until_served(&server, &["a=one", "b=two"]).await;
    server.reconfigure(&config(&[("a", "another"), ("b", "two")]));
    until_served(&server, &["a=another", "b=two"]).await;
    server.reconfigure(&config(&[("b", "two")]));
    until_served(&server, &["b=two"]).await;
    assert!(!server.log().contains("hush"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_file_is_reported_and_changes_nothing_and_other_keys_wait_for_a_restart() {
    let mut server = Server::configured(&config(&[("a", "one")]));
    until(server.http(), "/health/ready", 200).await;
    server.reconfigure("clusters: [{id: b, auth_methd: token}]\n");
    let problem =
        server.logged(|line| line["message"] == "the configuration is wrong; nothing of it is taken over");
    let text = problem["fields"]["problem"].as_str().unwrap();
    assert!(text.contains("fleet.yaml:1:") && text.contains("auth_methd"), "{text}");
    assert_eq!(served(&server).await, ["a=one"]);

    server.reconfigure(&format!("{}max_page_size: 7\n", config(&[("a", "one"), ("c", "three")])));
    until_served(&server, &["a=one", "c=three"]).await;
    server.logged(|line| line["level"] == "WARN" && line["fields"]["key"] == "max_page_size");

    server.signal(Signal::HUP);
    server.logged(|line| line["fields"]["by"] == "SIGHUP");
    until_served(&server, &["a=one", "c=three"]).await;
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0), "{}", server.log());
}
