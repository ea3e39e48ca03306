//! What fleetgraph takes in time and memory, next to what others take for the same, measured in the same run: lone times
//! say more about the machine than about the program.
//!
//! ```text
//! a control plane ── nothing in it ─ fleetgraph ─ resident memory
//!       │
//!       ├ 10,000 pods ─ fleetgraph ─┬─ start · resident memory · lists · look-ups · pages · relations · events
//!       │                           └─ the same questions to the API server
//!       └ ten times ─── fleetgraph ─┬─ searches and counts over 100,000 pods
//!                                   └─ the time to go over the same bytes
//!
//! a control plane ── 10,000 pods ─ fleetgraph ─── callers with many bindings, with one, with none of late
//!
//! simulated clusters, 1 to 1,000 ─── fleetgraph ─┬─ start · memory · queries and events under changes
//!       │                                        └─ a client that lists, gets and watches
//!       └ three of 100 go wrong ──── fleetgraph ─── the same questions about the others
//! ```
//!
//! It ends with status 1 when one of the bounds doesn't hold (`bounds.rs`, `fleet.rs`, `access/mod.rs`, `scale/mod.rs`).

mod access;
mod api;
mod bounds;
mod calls;
mod cluster;
mod events;
mod figure;
mod fleet;
mod machine;
mod memory;
mod processor;
mod questions;
mod report;
mod scale;
mod scan;
mod server;
mod single;
mod socket;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::report::Report;

/// Measures fleetgraph against others, in one run.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// The fleetgraph program, built for release.
    #[arg(long, value_name = "PATH")]
    fleetgraph: PathBuf,
    /// One part of it alone.
    #[arg(long, value_name = "PART")]
    only: Option<Part>,
    /// Pods of a real cluster. The bounds are meant for 10,000.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1_000..=50_000))]
    pods: u32,
    /// Fleets of this size alone, such as 100x100000 (clusters x objects); may be given more than once.
    #[arg(long, value_name = "SIZE", value_parser = scale::size)]
    fleet: Vec<(usize, usize)>,
    /// Also draws the fleets' curves into this directory.
    #[arg(long, value_name = "DIRECTORY")]
    curves: Option<PathBuf>,
    /// Also writes all figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A real control plane with 10,000 pods, and ten times the same.
    ControlPlane,
    /// A real control plane with 10,000 pods in 200 namespaces, and callers with rights there.
    Access,
    /// Simulated fleets.
    Fleets,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    // kube reports each failed request as an error, and a server that starts refuses some.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,kube_client=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    if !arguments.fleetgraph.is_file() {
        bail!("{} is not there; build it first (`make build`)", arguments.fleetgraph.display());
    }
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // What is dropped unfinished ends its programs and removes its files.
    let report = tokio::select! {
        report = measure(&arguments) => report?,
        _ = interrupted.recv() => bail!("interrupted"),
        _ = terminated.recv() => bail!("asked to end"),
    };
    if let Some(file) = &arguments.json {
        std::fs::write(file, format!("{:#}\n", report.json()))
            .with_context(|| format!("writing {}", file.display()))?;
    }
    if let (Some(directory), Some(scale)) = (&arguments.curves, &report.scale) {
        scale.draw(directory)?;
    }
    report.print()?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(arguments: &Arguments) -> Result<Report> {
    let wanted = |part| arguments.only.is_none_or(|only| only == part);
    let (mut single, mut access, mut scale) = (None, None, None);
    if wanted(Part::ControlPlane) {
        single = Some(single::measure(&arguments.fleetgraph, arguments.pods as usize).await?);
    }
    if wanted(Part::Access) {
        access = Some(access::measure(&arguments.fleetgraph, arguments.pods as usize).await?);
    }
    if wanted(Part::Fleets) {
        scale = Some(scale::measure(&arguments.fleetgraph, &arguments.fleet).await?);
    }
    Ok(Report { machine: machine::Machine::read()?, single, access, scale })
}
