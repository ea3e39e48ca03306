//! Chores of the repository: what is generated from the code, and the rules that the code keeps.
//!
//! `cargo xtask sdl` writes the schema and `cargo xtask relations` the table of relations; tests compare. `cargo xtask deps` checks the dependency rule of the
//! architecture page.

mod deps;

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    match std::env::args().nth(1).as_deref() {
        Some("sdl") => write(&format!("{root}/schema/fleetgraph.graphql"), &graphql::federation_sdl()),
        Some("relations") => write(&format!("{root}/docs/relations.md"), &kinds::relations_markdown()),
        Some("deps") => deps::check(root),
        other => bail!("{other:?} is no chore; use one of sdl, relations, deps"),
    }
}

fn write(path: &str, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, text).with_context(|| format!("{path} can't be written"))
}
