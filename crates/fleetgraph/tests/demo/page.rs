//! The first page and the explorer in a real browser, on the demo's fleet: `web/e2e/first_page.mjs` drives them.

use std::{path::PathBuf, process::Stdio, time::Duration};

use crate::demo::Demo;

#[tokio::test(flavor = "multi_thread")]
async fn a_person_finds_what_is_broken_sees_it_change_and_asks_the_explorer() {
    let web = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../web");
    assert!(web.join("dist/index.html").exists(), "the page is not built; run scripts/prepare");
    let demo = Demo::start(&["--churn=1"]);
    let run = tokio::process::Command::new("node")
        .arg("e2e/first_page.mjs")
        .env("FLEETGRAPH_URL", format!("http://{}", demo.address))
        .env("FLEETGRAPH_E2E_KUBECONFIG", &demo.kubeconfig)
        .env("KUBECTL", testkit::Tools::locate().unwrap().program("kubectl"))
        .current_dir(web)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(400), run).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    // A script that ends early must not pass for one that found nothing.
    assert!(text.contains(" passed, 0 failed"), "{text}");
}
