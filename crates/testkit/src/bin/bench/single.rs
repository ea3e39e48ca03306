//! One cluster on a real control plane, next to its own API server; and ten times the same.

use std::io::Write;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};

use crate::bounds::{self, Bound};
use crate::cluster::Cluster;
use crate::figure::Figure;
use crate::fleet::{self, CLUSTERS, Fleet};
use crate::memory::{self, Growth, Resident};
use crate::server::Server;
use crate::{events, processor, questions, report};

/// Starts whose time is measured. Each lists the whole cluster.
const STARTS: usize = 3;

/// What was measured.
pub struct Single {
    api_server: String,
    pods: usize,
    figures: Vec<Figure>,
    fleet: Fleet,
    growth: Growth,
    pub bounds: Vec<Bound>,
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

pub async fn measure(program: &Path, count: usize) -> Result<Single> {
    report::progress("starting a control plane")?;
    let cluster = Cluster::start().await?;

    let empty = empty(program).await?;

    report::progress(&format!("writing {count} pods"))?;
    let pods = cluster.seed(count).await?;

    report::progress("starting the server")?;
    let (mut starts, mut used) = (Vec::new(), Vec::new());
    let server = loop {
        let server = Server::start(program, &cluster.config).await?;
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
    let fleet = fleet::measure(program, &cluster, &pods).await?;
    let mut bounds = vec![bounds::list(fast_enough), bounds::memory(&growth), no_calls];
    bounds.extend(fleet.bounds.iter().cloned());
    let api_server = cluster.client.apiserver_version().await?.git_version;
    Ok(Single { api_server, pods: pods.len(), figures, fleet, growth, bounds })
}

impl Single {
    pub fn json(&self) -> Value {
        json!({
            "kube_apiserver": self.api_server,
            "pods": self.pods,
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
            "fleet": self.fleet.json(),
            "memory": self.growth.json(),
        })
    }

    pub fn print(&self, out: &mut impl Write) -> Result<()> {
        writeln!(out, "\n{} pods, one cluster, kube-apiserver {}\n", self.pods, self.api_server)?;
        report::table(out, &self.figures)?;
        let Fleet { pods, bytes, resident, figures, .. } = &self.fleet;
        let (json, resident) = (*bytes as f64 / 1e6, resident.all as f64 / 1e6);
        writeln!(
            out,
            "\n{pods} pods, {CLUSTERS} clusters: {json:.0} MB of JSON, {resident:.0} MB in fleetgraph\n"
        )?;
        report::table(out, figures)?;
        writeln!(
            out,
            "\n{:<76}{:>12}{:>12}{:>13}",
            "resident memory, MB (without the program's pages)", "empty", "with pods", "beyond"
        )?;
        for (index, moment) in Growth::MOMENTS.into_iter().enumerate() {
            let beyond = self.growth.beyond()[index] as f64 / 1e6;
            let (empty, full) = (&self.growth.empty[index], &self.growth.full[index]);
            writeln!(out, "{moment:<76}{:>12}{:>12}{beyond:>10.1} MB", megabytes(empty), megabytes(full))?;
            let (empty, full) = (empty.peak as f64 / 1e6, full.peak as f64 / 1e6);
            writeln!(
                out,
                "{:<76}{empty:>12.1}{full:>12.1}{:>10.1} MB",
                "    the most until then",
                full - empty
            )?;
        }
        Ok(())
    }
}

fn megabytes(resident: &Resident) -> String {
    format!("{:.1} ({:.1})", resident.all as f64 / 1e6, resident.anonymous as f64 / 1e6)
}
