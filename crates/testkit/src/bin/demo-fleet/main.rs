//! Three real clusters with work going on in them, and fleetgraph in front: what `make demo` shows.
//!
//! Everything is on loopback and in one temporary directory. It ends, with all that it started, on Ctrl-C, on SIGTERM,
//! when fleetgraph ends, and (through the kernel) when it is killed itself.

mod announce;
mod clusters;
mod server;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Parser;
use testkit::process::Process;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Starts three Kubernetes control planes with simulated nodes and seeded workloads, and fleetgraph in front of them.
#[derive(Debug, Parser)]
#[command(name = "demo-fleet")]
struct Arguments {
    /// The fleetgraph program.
    #[arg(long, value_name = "PATH")]
    fleetgraph: PathBuf,
    /// Where fleetgraph listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Changes a second in each cluster.
    #[arg(long, value_name = "RATE", default_value_t = 1.0)]
    churn: f64,
    /// Passed on to `fleetgraph serve`.
    #[arg(last = true, value_name = "ARGUMENT")]
    serve: Vec<String>,
}

#[tokio::main]
async fn main() -> Result<()> {
    // kube reports each failed request as an error, and a server that starts refuses some.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,kube_client=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let arguments = Arguments::parse();
    if !arguments.fleetgraph.is_file() {
        bail!("{} is not there; build it first (`make build`)", arguments.fleetgraph.display());
    }
    let (mut interrupted, mut terminated) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Dropping it ends it, wherever it is, and that is at the end of this function, when we have said so.
    let mut demo = pin!(demo(&arguments));
    tokio::select! {
        result = &mut demo => return result,
        _ = interrupted.recv() => announce::stopping(),
        _ = terminated.recv() => announce::stopping(),
    }
    Ok(())
}

async fn demo(arguments: &Arguments) -> Result<()> {
    announce::starting()?;
    let clusters = clusters::start(arguments.churn).await?;
    let config = clusters.fleet.write_file("fleetgraph.yaml", &clusters::config(&clusters.fleet))?;
    let server = server::start(&arguments.fleetgraph, &config, arguments.listen, &arguments.serve)?;
    let mut server = Draining(server);
    server::wait_until_ready(&mut server.0, arguments.listen).await?;
    announce::ready(&clusters.fleet, &config, arguments.listen)?;
    let status = server::ended(&mut server.0).await;
    drop(clusters);
    bail!("fleetgraph ended: {status}")
}

/// Gives fleetgraph time to drain, and only then lets the clusters go. It is declared after them, so it goes first.
struct Draining(Process);

impl Drop for Draining {
    fn drop(&mut self) {
        self.0.terminate();
        let deadline = std::time::Instant::now() + Duration::from_secs(15);
        while self.0.exited().is_none() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
