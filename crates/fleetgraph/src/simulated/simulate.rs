//! `fleetgraph simulate`: a fleet of simulated clusters behind one HTTPS listener.

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;
use simcluster::{
    Cluster, Simulator,
    controllers::{Churn, ChurnOptions, ControllerOptions, Controllers},
    world::{World, WorldOptions},
};

use super::{Fleet, check_loopback};
use crate::lifecycle::Signals;

/// What to simulate, and where.
#[derive(Debug, Args)]
pub struct Simulate {
    #[command(flatten)]
    fleet: Fleet,
    /// Where the API servers listen; a loopback address. Port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to write the kubeconfig, with a context for each cluster.
    #[arg(long, value_name = "FILE", default_value = "simulated.kubeconfig")]
    kubeconfig: PathBuf,
    /// Where to write a configuration for `fleetgraph serve`; none is written without it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// End when standard input does, and not on SIGINT: whoever started this has the terminal.
    #[arg(long, hide = true)]
    with_parent: bool,
}

/// In a fleet of more clusters, each is still until something in it changes, so that a large one costs little.
const AWAKE: usize = 256;

/// Serves until a signal.
///
/// # Errors
/// When the address is taken, or a file can't be written.
pub fn run(arguments: &Simulate) -> anyhow::Result<()> {
    check_loopback(arguments.listen, "simulated clusters are")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("simulate").build()?;
    let outcome = runtime.block_on(simulate(arguments));
    runtime.shutdown_background();
    outcome
}

async fn simulate(arguments: &Simulate) -> anyhow::Result<()> {
    let mut signals = Signals::listen().context("can't listen for signals")?;
    if arguments.with_parent {
        // Ctrl-C reaches everybody at the terminal; the parent ends first, and its pipe with it.
        std::thread::Builder::new().name("parent".to_owned()).spawn(|| {
            let _ended = io::copy(&mut io::stdin().lock(), &mut io::sink());
            std::process::exit(0);
        })?;
    }
    let begun = Instant::now();
    let Fleet { clusters, churn, seed, .. } = arguments.fleet;
    let objects = arguments.fleet.objects();
    let world = World::new(&WorldOptions::new(clusters as usize, objects as usize, seed));
    let simulator = Simulator::start(arguments.listen)
        .await
        .with_context(|| format!("can't listen on {}", arguments.listen))?;
    let all: Vec<&Cluster> = world.clusters().iter().collect();
    all.iter().for_each(|cluster| simulator.add(cluster));
    simulator
        .write_kubeconfig(&arguments.kubeconfig, &all)
        .with_context(|| format!("can't write {}", arguments.kubeconfig.display()))?;
    if let Some(file) = &arguments.config {
        let text = configuration(&world, &arguments.kubeconfig)?;
        fs::write(file, text).with_context(|| format!("can't write {}", file.display()))?;
    }
    let controllers = ControllerOptions { seed, awake: AWAKE, ..ControllerOptions::default() };
    // They live for as long as they are held.
    let mut controllers = if churn > 0.0 {
        Churn::start_with(&world, ChurnOptions { per_second: churn, seed }, controllers)?.into()
    } else {
        Controllers::start(world.clusters(), controllers)?
    };
    let said = format!(
        "{clusters} simulated clusters with {} objects, made in {:.1} s, at https://{}/clusters/…; kubeconfig: {}\n",
        world.objects(),
        begun.elapsed().as_secs_f64(),
        simulator.address(),
        arguments.kubeconfig.display(),
    );
    // One line: whoever started this may wait for it. Nobody has to read it.
    let _nobody_reads = io::stdout().lock().write_all(said.as_bytes());
    tokio::select! {
        () = controllers.ended() => bail!("the clusters' controllers ended by themselves; what they said is above"),
        _ = signals.next(), if !arguments.with_parent => Ok(()),
    }
}

/// A configuration in which the clusters are described as a company would.
fn configuration(world: &World, kubeconfig: &Path) -> anyhow::Result<String> {
    let kubeconfig = std::path::absolute(kubeconfig)?;
    let clusters: Vec<_> = world
        .clusters()
        .iter()
        .enumerate()
        .map(|(index, cluster)| {
            let (environment, region) = world.place(index);
            json!({
                "id": cluster.name(),
                "environment": environment,
                "region": region,
                "auth_method": "kubeconfig",
                "kubeconfig_path": kubeconfig,
                "kubeconfig_context": cluster.name(),
            })
        })
        .collect();
    // JSON is YAML.
    Ok(serde_json::to_string_pretty(&json!({ "clusters": clusters, "enable_custom_resources": true }))?)
}
