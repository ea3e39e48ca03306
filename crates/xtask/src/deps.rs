//! The dependency rule: arrows point down only, siblings don't import each other, and each outside part of the
//! world has one crate that may know it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::bail;
use cargo_metadata::{DependencyKind, MetadataCommand};

/// What each crate may use of the workspace (dev-dependencies apart, which may use `testkit` as well).
const MAY_USE: &[(&str, &[&str])] = &[
    ("fleetgraph-core", &[]),
    ("cluster-registry", &["fleetgraph-core"]),
    ("kinds", &["fleetgraph-core", "cluster-registry"]),
    ("access", &["fleetgraph-core", "cluster-registry", "kinds"]),
    ("limits", &["fleetgraph-core"]),
    ("graphql", &["fleetgraph-core", "cluster-registry", "kinds", "limits"]),
    ("http-api", &["fleetgraph-core", "graphql"]),
    ("fleetgraph", &["fleetgraph-core", "cluster-registry", "kinds", "graphql", "http-api", "simcluster"]),
    // None of our own code: a simulator that shares the code under test agrees with itself.
    ("simcluster", &[]),
    ("testkit", &["fleetgraph-core"]),
    ("xtask", &["graphql", "kinds"]),
];

/// Crates of the outside world that only some crates may know.
const ONLY_IN: &[(&str, &[&str])] = &[
    ("axum", &["http-api", "testkit"]),
    ("kube", &["cluster-registry", "testkit"]),
    ("k8s-openapi", &["cluster-registry", "testkit"]),
    ("hyper-rustls", &["cluster-registry", "access", "testkit"]),
    ("async-graphql", &["kinds", "limits", "graphql", "http-api", "fleetgraph"]),
    ("sqlx", &["catalog"]),
    ("rdkafka", &["events"]),
];

pub fn check(root: &str) -> anyhow::Result<()> {
    let metadata = MetadataCommand::new().manifest_path(format!("{root}/Cargo.toml")).no_deps().exec()?;
    let members: BTreeSet<&str> = metadata.packages.iter().map(|package| package.name.as_str()).collect();
    let may_use: BTreeMap<&str, &[&str]> = MAY_USE.iter().copied().collect();
    let only_in: BTreeMap<&str, &[&str]> = ONLY_IN.iter().copied().collect();
    let mut faults = Vec::new();
    for package in &metadata.packages {
        let name = package.name.as_str();
        let Some(allowed) = may_use.get(name) else {
            faults.push(format!("{name} stands in no line of the rule; add it to crates/xtask/src/deps.rs"));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|d| d.kind != DependencyKind::Development) {
            let other = dependency.name.as_str();
            if members.contains(other) && !allowed.contains(&other) {
                faults.push(format!("{name} must not use {other}"));
            }
            if only_in.get(other).is_some_and(|crates| !crates.contains(&name)) {
                faults.push(format!("{name} must not use {other}: {:?} may", only_in[other]));
            }
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    bail!("the dependency rule is broken:\n  {}", faults.join("\n  "))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_workspace_keeps_the_dependency_rule() {
        super::check(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).unwrap();
    }
}
