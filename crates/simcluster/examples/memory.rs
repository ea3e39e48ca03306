//! What a fleet costs: `cargo run --release -p simcluster --example memory -- 1000 1000` makes that many clusters with
//! that many pods each, and says how long it took and how much memory the process has.

#![expect(clippy::print_stdout, reason = "its purpose")]

use std::sync::Arc;
use std::time::Instant;

use serde_json::json;
use simcluster::{Cluster, ClusterOptions, Key, ListOptions, Resource, Seed, Slot, Template, Uid};

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
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
        let options = ClusterOptions { seed: u64::try_from(n)?, ..ClusterOptions::named(&format!("c{n}")) };
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
        resident_mib()
    );
    Ok(())
}
