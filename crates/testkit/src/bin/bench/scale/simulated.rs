//! The simulated fleet that is measured, in a process of its own, and clients of its clusters.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use kube::client::Body;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use testkit::process::{Launch, Process};

use crate::api;

const LEASES: &str = "leases.coordination.k8s.io";
const PATIENCE: Duration = Duration::from_secs(120);

/// How large a fleet is, and how lively.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub clusters: usize,
    pub objects: usize,
    /// Changes a second in all of it.
    pub churn: usize,
}

pub struct Simulated {
    pub size: Size,
    /// fleetgraph's configuration of these clusters.
    pub config: PathBuf,
    clients: HashMap<String, Client>,
    names: Vec<String>,
    /// From the start of its process until all clusters were served.
    pub made: Duration,
    process: Process,
    _dir: tempfile::TempDir,
}

impl Simulated {
    pub async fn start(program: &Path, size: Size) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let file = |name: &str| dir.path().join(name);
        let (log, kubeconfig, config) = (file("log"), file("kubeconfig"), file("fleet.yaml"));
        let Size { clusters, objects, churn } = size;
        let mut process = Process::start(&Launch {
            program: program.to_owned(),
            args: vec![
                "simulate".to_owned(),
                format!("--clusters={clusters}"),
                format!("--objects={objects}"),
                format!("--churn={churn}"),
                format!("--kubeconfig={}", kubeconfig.display()),
                format!("--config={}", config.display()),
            ],
            env: Vec::new(),
            log: Some(log.clone()),
        })?;
        let deadline = Instant::now() + PATIENCE;
        // What it says comes when everything is there.
        while !std::fs::read_to_string(&log).unwrap_or_default().contains("made in") {
            if let Some(status) = process.exited() {
                bail!("the simulated clusters ended: {status}\n{}", process.log_tail());
            }
            ensure!(Instant::now() < deadline, "the simulated clusters are not made after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let made = process.age();
        without_drain(&config)?;
        let kubeconfig = Kubeconfig::read_from(&kubeconfig)?;
        let names: Vec<String> = kubeconfig.contexts.iter().map(|context| context.name.clone()).collect();
        ensure!(names.len() == clusters, "{} clusters of {clusters}", names.len());
        let mut clients = HashMap::new();
        for name in &names {
            clients.insert(name.clone(), client(&kubeconfig, name).await?);
        }
        Ok(Self { size, config, clients, names, made, process, _dir: dir })
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    pub fn client(&self, cluster: &str) -> Result<&Client> {
        self.clients.get(cluster).with_context(|| format!("no cluster is called {cluster}"))
    }

    /// What goes wrong in a cluster from now on; `{}` for nothing.
    pub async fn set_faults(&self, cluster: &str, faults: &Value) -> Result<()> {
        let request =
            http::Request::put("/simulator/faults").body(Body::from(faults.to_string().into_bytes()))?;
        let answer = self.client(cluster)?.send(request).await?;
        ensure!(answer.status().is_success(), "faults of {cluster}: {}", answer.status());
        Ok(())
    }

    /// Changes of anything but leases since the clusters were made, as they count them.
    pub async fn changes(&self) -> Result<u64> {
        let mut sum = 0;
        for client in self.clients.values() {
            let counts: BTreeMap<String, u64> =
                serde_json::from_slice(&api::get(client, "/simulator/changes").await?.bytes())?;
            sum += counts
                .iter()
                .filter(|(resource, _)| *resource != LEASES)
                .map(|(_, count)| count)
                .sum::<u64>();
        }
        Ok(sum)
    }

    pub fn pid(&self) -> u32 {
        self.process.id()
    }
}

async fn client(kubeconfig: &Kubeconfig, context: &str) -> Result<Client> {
    let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
    let mut config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await?;
    config.proxy_url = None;
    Ok(Client::try_from(config)?)
}

/// Nobody has to take notice of the server's end.
fn without_drain(config: &Path) -> Result<()> {
    let mut text: Value = serde_json::from_slice(&std::fs::read(config)?)?;
    text["http"] = json!({ "drain_delay": "0s" });
    Ok(std::fs::write(config, text.to_string())?)
}
