//! The program before the judges of the field: the GraphQL-over-HTTP audits, the reference WebSocket and SSE clients, and
//! Apollo Gateway, each from npm.

use std::{path::PathBuf, process::Stdio};

use crate::bed::Bed;

/// Runs a node script of `tests/` against the server; its output is the test's.
async fn node(project: &str, script: &str, bed: &Bed, more: &[&str]) {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests").join(project);
    assert!(
        dir.join("node_modules").exists(),
        "the packages of tests/{project} are missing; run scripts/prepare"
    );
    let run = tokio::process::Command::new("node")
        .arg(script)
        .arg(format!("http://{}/graphql", bed.http()))
        .args(more)
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(240), run).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    eprintln!("{text}");
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    // A script that ends early must not pass for one that found nothing.
    assert!(text.contains(" passed, 0 failed"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_passes_the_field_s_own_judges() {
    // The audits ask for the schema.
    let bed = Bed::with(&["judged-a", "judged-b"], "limits: { introspection: true }\n").await;
    for cluster in ["judged-a", "judged-b"] {
        let plane = bed.plane(cluster);
        plane.kubectl(&["create", "deployment", "web", "--image=nginx:1.27", "--replicas=1"]).await.unwrap();
        let query = format!(r#"{{ deployment(cluster: "{cluster}", name: "web") {{ id }} }}"#);
        bed.until(&query, |data| !data["deployment"].is_null()).await;
    }
    node("graphql-http", "audits.mjs", &bed, &[]).await;
    let subscription = "subscription { namespaceEvents(initial: true) { type namespace { id } } }";
    node("graphql-ws", "subscriptions.mjs", &bed, &[subscription]).await;
    node("federation", "federation.mjs", &bed, &[]).await;
}

/// Compares a schema with the last released one.
async fn breaking_changes(schema: &std::path::Path) -> std::process::Output {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    tokio::process::Command::new("node")
        .arg("breaking.mjs")
        .args([&root.join("schema/released.graphql"), schema, &root.join("schema/breaking-changes.txt")])
        .current_dir(root.join("tests/federation"))
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

#[tokio::test]
async fn the_schema_breaks_nothing_of_the_last_release_that_isn_t_meant() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schema/fleetgraph.graphql");
    let output = breaking_changes(&path).await;
    let text = String::from_utf8_lossy(&output.stdout);
    eprintln!("{text}");
    assert!(output.status.success() && text.contains(" passed, 0 failed"), "{text}");

    // The check can fail: where a field has another name, it does, and names it.
    let schema = std::fs::read_to_string(path).unwrap();
    let broken = tempfile::NamedTempFile::new().unwrap();
    assert!(schema.contains("\n\tnodeName: String\n"));
    std::fs::write(broken.path(), schema.replace("\n\tnodeName: String\n", "\n\tnodeNames: String\n"))
        .unwrap();
    let output = breaking_changes(broken.path()).await;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && text.contains("breaks: Pod.nodeName was removed."), "{text}");
}
