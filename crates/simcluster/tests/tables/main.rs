//! The committed tables are what the pinned server says of itself: a new version of Kubernetes fails here first, and
//! `cargo run -p simcluster --example tables` writes them anew.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod generate;
mod go;

/// The lines that only one of the two texts has; the whole of both is too much to read.
fn compare(name: &str, generated: &str) -> Vec<String> {
    let committed = std::fs::read_to_string(generate::path(name)).unwrap();
    let only = |sign: &str, these: &str, those: &str| {
        let those: std::collections::HashSet<&str> = those.lines().collect();
        let lines = these.lines().filter(|line| !those.contains(line));
        lines.map(|line| format!("{name}: {sign} {:.300}", line)).collect::<Vec<_>>()
    };
    let mut found = only("-", &committed, generated);
    found.extend(only("+", generated, &committed));
    if found.is_empty() && committed != generated {
        found.push(format!("{name}: the order of the lines differs"));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_committed_tables_are_those_of_the_running_server() {
    let tables = generate::generate().await.unwrap();
    let mut found = compare("resources.json", &tables.resources);
    found.extend(compare("schemas.json", &tables.schemas));
    found.extend(compare("columns.json", &tables.columns));
    assert!(
        found.is_empty(),
        "{} lines differ; `cargo run -p simcluster --example tables` writes them anew\n{}",
        found.len(),
        found.join("\n")
    );
}
