//! What fleetgraph takes in time and memory for a cluster of 10,000 pods, next to what the cluster's own API server
//! takes for the same, measured in the same run: lone times say more about the machine than about the program.
//!
//! ```text
//! a control plane ── nothing in it ─ fleetgraph ─ resident memory
//!       │
//!       ├ 10,000 pods ─ fleetgraph ─┬─ start · resident memory · lists · look-ups · pages · relations · events
//!       │                           └─ the same questions to the API server
//!       └ ten times ─── fleetgraph ─┬─ searches and counts over 100,000 pods
//!                                   └─ the time to go over the same bytes
//! ```
//!
//! It ends with status 1 when one of the bounds doesn't hold (`bounds.rs`, `fleet.rs`).

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
mod scan;
mod server;
mod socket;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::{
    cluster::Cluster,
    figure::Figure,
    memory::{Growth, Resident},
    server::Server,
};

/// Measures fleetgraph against the API server of a real control plane, in one run.
#[derive(Debug, Parser)]
#[command(name = "bench")]
struct Arguments {
    /// The fleetgraph program, built for release.
    #[arg(long, value_name = "PATH")]
    fleetgraph: PathBuf,
    /// Pods of the cluster. The bounds are meant for 10,000.
    #[arg(long, value_name = "COUNT", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1_000..=50_000))]
    pods: u32,
    /// Also writes all figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Starts whose time is measured. Each lists the whole cluster.
const STARTS: usize = 3;

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
    report.print()?;
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The memory of a server whose cluster is empty: at its start, and after everything was asked and changed once, while a
/// few pods were there. So it has run the same code, and the program's pages aren't taken for those of the pods.
async fn empty(program: &Path) -> Result<Vec<Resident>> {
    const FEW: usize = 20;
    report::progress("measuring the server of an empty cluster")?;
    let cluster = Cluster::start().await?;
    let server = Server::start(program, &cluster.config).await?;
    server.fresh(0, 1).await?;
    let started = memory::settled(server.pid()).await?;
    let pods = cluster.seed(FEW).await?;
    server.fresh(FEW, 1).await?;
    questions::warm_up(&server, &pods).await?;
    events::measure(&server, &cluster.client, &pods).await?;
    cluster.clear().await?;
    server.fresh(0, 1).await?;
    let asked = memory::settled(server.pid()).await?;
    server.stop().await?;
    Ok(vec![started, asked])
}

async fn measure(arguments: &Arguments) -> Result<report::Report> {
    report::progress("starting a control plane")?;
    let cluster = Cluster::start().await?;

    let empty = empty(&arguments.fleetgraph).await?;

    report::progress(&format!("writing {} pods", arguments.pods))?;
    let pods = cluster.seed(arguments.pods as usize).await?;

    report::progress("starting the server")?;
    let (mut starts, mut used) = (Vec::new(), Vec::new());
    let server = loop {
        let server = Server::start(&arguments.fleetgraph, &cluster.config).await?;
        starts.push(server.fresh(pods.len(), 1).await?);
        used.push(processor::used(server.pid())?);
        if starts.len() == STARTS {
            break server;
        }
        server.stop().await?;
    };
    let synced = memory::settled(server.pid()).await?;

    report::progress("asking the API server and fleetgraph")?;
    let lists = questions::lists(&server, &cluster.client, &pods).await?;
    let mut figures = vec![
        Figure::new("start of the process until all kinds are live", starts.into()).against(&lists.reference),
        Figure::new("processor time that this takes it", used.into()),
    ];
    let fast_enough = lists.ratio();
    figures.extend(lists.figures);
    figures.extend(questions::others(&server, &cluster.client, &pods).await?);
    let (walks, no_calls) = questions::walks(&server, &cluster.client).await?;
    figures.push(walks);
    report::progress("changing pods")?;
    figures.extend(events::measure(&server, &cluster.client, &pods).await?);

    let served = memory::settled(server.pid()).await?;
    server.stop().await?;
    let growth = Growth::new(&empty, synced, served)?;
    let fleet = fleet::measure(&arguments.fleetgraph, &cluster, &pods).await?;
    let mut bounds = vec![bounds::list(fast_enough), bounds::memory(&growth), no_calls];
    bounds.extend(fleet.bounds.iter().cloned());
    Ok(report::Report {
        machine: machine::Machine::read(&cluster).await?,
        pods: pods.len(),
        figures,
        fleet,
        growth,
        bounds,
    })
}
