//! Writes the tables in `data/` anew, from the pinned server's discovery, OpenAPI and printers, and the Go sources of its
//! types: `cargo run -p simcluster --example tables`. The test `tables` compares.

#![expect(clippy::print_stdout, reason = "its purpose")]

#[path = "../tests/tables/generate.rs"]
mod generate;
#[path = "../tests/tables/go.rs"]
mod go;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let tables = generate::generate().await?;
    let files = [
        ("resources.json", &tables.resources),
        ("schemas.json", &tables.schemas),
        ("columns.json", &tables.columns),
    ];
    for (name, text) in files {
        let path = generate::path(name);
        std::fs::write(&path, text)?;
        println!("{} bytes in {}", text.len(), path.display());
    }
    Ok(())
}
