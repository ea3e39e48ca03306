//! The `fleetgraph` program.

use clap::Parser;
use fleetgraph::cli::Cli;

/// Its settings are built in, see `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    Cli::parse().run()
}
