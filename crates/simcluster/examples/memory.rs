//! What a fleet costs: `cargo run --release -p simcluster --example memory -- 1000 1000` makes that many clusters with
//! that many pods each, serves them over HTTPS to a client of another process (curl) that lists them all once, and says
//! how long each took and how much memory this process has.

#![expect(clippy::print_stdout, reason = "its purpose")]

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use simcluster::{Cluster, ClusterOptions, Key, ListOptions, Resource, Seed, Simulator, Slot, Template, Uid};

const TOKEN: &str = "admin";

/// `VmRSS` now, `VmHWM` at most.
fn resident_mib(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Lists the pods of all clusters, eight at a time, and returns how many bytes that were.
fn list_all(simulator: &Simulator, clusters: usize) -> Result<u64, Box<dyn std::error::Error>> {
    let url =
        format!("https://{}/clusters/c[0-{}]/api/v1/pods", simulator.address(), clusters.saturating_sub(1));
    let mut curl = std::process::Command::new("curl");
    curl.args(["-sk", "--noproxy", "*", "--fail", "--parallel", "--parallel-max", "8", "-o", "/dev/null"]);
    curl.args(["-H", &format!("Authorization: Bearer {TOKEN}"), "-w", "%{size_download}\\n", &url]);
    let output = curl.output()?;
    if !output.status.success() {
        return Err(format!("curl: {} {}", output.status, String::from_utf8_lossy(&output.stderr)).into());
    }
    let sizes = String::from_utf8(output.stdout)?;
    Ok(sizes.lines().map(|line| line.parse::<u64>().unwrap_or(0)).sum())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let clusters = arguments.next().transpose()?.unwrap_or(1000);
    let objects = arguments.next().transpose()?.unwrap_or(1000);
    let pods = Resource::built_in("", "v1", "pods").ok_or("pods")?;
    let environment: Vec<_> = (0..40)
        .map(|n| json!({"name": format!("VARIABLE_{n}"), "value": "some value of a usual length"}))
        .collect();
    let pod = json!({
        "metadata": {"labels": {"app": "shop", "pod-template-hash": "${hash}"}},
        "spec": {"nodeName": "${node}", "containers": [{"name": "main", "image": "registry.example/shop:1.2.3", "env": environment}]},
        "status": {"phase": "Running", "podIP": "${ip}", "startTime": "${start}"},
    });
    let template = Template::new(pod, true, &["hash", "node", "ip", "start"])?;
    let hash: Arc<str> = "7c9d5f6b8".into();
    let nodes: Vec<Arc<str>> = (0..20).map(|node| format!("node-{node}").into()).collect();
    let started = Instant::now();
    let mut fleet = Vec::with_capacity(clusters);
    for n in 0..clusters {
        let options = ClusterOptions {
            seed: u64::try_from(n)?,
            admin_token: TOKEN.to_owned(),
            ..ClusterOptions::named(&format!("c{n}"))
        };
        let cluster = Cluster::new(options);
        let pod = |m: usize| Seed {
            key: Key::new("default", format!("shop-7c9d5f6b8-{m:05}")),
            template: Arc::clone(&template),
            slots: Box::new([
                Slot::Text(Arc::clone(&hash)),
                Slot::Text(Arc::clone(&nodes[m % nodes.len()])),
                Slot::Text(format!("10.{}.{}.{}", n % 250, m / 250, m % 250).into()),
                Slot::Time(1_700_000_000),
            ]),
            created: 1_700_000_000,
            uid: Uid::from_bits(u128::from(u64::try_from(n * objects + m).unwrap_or(0))),
        };
        cluster.seed(&pods, (0..objects).map(pod));
        fleet.push(cluster);
    }
    let made = started.elapsed();
    let mut text = Vec::new();
    if let Some(cluster) = fleet.first() {
        for object in &cluster.list(&pods, &ListOptions::default())?.items {
            object.write(&mut text);
        }
    }
    let size = text.len() / objects.max(1);
    println!(
        "{clusters} clusters x {objects} pods of {size} bytes: {made:?}, {} MiB resident",
        resident_mib("VmRSS:")
    );
    let simulator = Simulator::start(simcluster::LOOPBACK).await?;
    fleet.iter().for_each(|cluster| simulator.add(cluster));
    let started = Instant::now();
    let bytes = tokio::task::block_in_place(|| list_all(&simulator, clusters))?;
    println!(
        "listed once over HTTPS: {} MiB in {:?}, {} MiB resident, {} MiB at most",
        bytes / 1024 / 1024,
        started.elapsed(),
        resident_mib("VmRSS:"),
        resident_mib("VmHWM:")
    );
    Ok(())
}
