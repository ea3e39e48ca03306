//! The first page and the explorer in a real browser: on the demo's fleet (`web/e2e/first_page.mjs`), and before a server that
//! asks who is calling (`web/e2e/sign_in.mjs`).

use std::{path::PathBuf, process::Stdio, time::Duration};

use tokio::process::Command;

use crate::demo::Demo;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_finds_what_is_broken_sees_it_change_and_asks_the_explorer() {
    let demo = Demo::start(&["--churn=1"]);
    let mut script = script("e2e/first_page.mjs");
    script
        .env("FLEETGRAPH_URL", format!("http://{}", demo.address))
        .env("FLEETGRAPH_E2E_KUBECONFIG", &demo.kubeconfig)
        .env("KUBECTL", testkit::Tools::locate().unwrap().program("kubectl"));
    passes(script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_where_the_server_asks_who_is_calling() {
    let screens = tempfile::tempdir().unwrap();
    let mut script = script("e2e/sign_in.mjs");
    script.env("OUTPUT", screens.path());
    passes(script).await;
}

fn script(file: &str) -> Command {
    let web = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../web");
    assert!(web.join("dist/index.html").exists(), "the page is not built; run scripts/prepare");
    let mut command = Command::new("node");
    command.arg(file).current_dir(web).stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn passes(mut script: Command) {
    let run = script.output();
    let output = tokio::time::timeout(Duration::from_secs(400), run).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    // A script that ends early must not pass for one that found nothing.
    assert!(text.contains(" passed, 0 failed"), "{text}");
}
