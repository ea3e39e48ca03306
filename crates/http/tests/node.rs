//! The judges and clients from npm, run against a live server. They need node and, the first time, npm's registry.

mod support;

use std::{path::PathBuf, process::Stdio, sync::Mutex};

use support::{Server, config};
use tokio::process::Command;

/// Two tests must not install into one folder at once.
static INSTALLING: Mutex<()> = Mutex::new(());

fn project(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(name);
    let _one_at_a_time = INSTALLING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if !folder.join("node_modules").exists() {
        let status = std::process::Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .status()
            .expect("npm is needed for this test");
        assert!(status.success(), "npm ci failed in {}", folder.display());
    }
    folder
}

async fn node(project_name: &str, arguments: &[&str]) {
    let folder = tokio::task::spawn_blocking({
        let name = project_name.to_owned();
        move || project(&name)
    })
    .await
    .expect("the folder is there");
    let output = Command::new("node")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .expect("node is needed for this test");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    // A script that ends early must not pass for one that found nothing.
    assert!(text.contains(" passed, 0 failed"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_graphql_over_http_audits_pass() {
    let server = Server::start(config()).await;
    node("graphql-http", &["audits.mjs", &server.url()]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_websocket_and_sse_clients_work() {
    let server = Server::start(config()).await;
    node("graphql-ws", &["subscriptions.mjs", &server.url(), "subscription { once }"]).await;
    assert_eq!(server.stop().await.dropped, 0);
}
