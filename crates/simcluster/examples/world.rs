//! Makes worlds of growing size and says what each costs: `cargo run --release -p simcluster --example world`.
//!
//! With two numbers, clusters and objects, it makes that one only, so that its memory is that of a fresh process.

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::time::Instant;

use simcluster::world::{World, WorldOptions};

/// Resident memory in MiB, where the system tells it.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<usize>().ok()).unwrap_or(0) / 1024
}

fn main() {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let sizes = match given.as_slice() {
        [clusters, objects] => vec![(*clusters, *objects)],
        _ => vec![(1, 1_000), (10, 10_000), (100, 100_000), (1_000, 1_000_000)],
    };
    for (clusters, objects) in sizes {
        let before = resident();
        let start = Instant::now();
        let world = World::new(&WorldOptions::new(clusters, objects, 1));
        let took = start.elapsed();
        println!(
            "{clusters} clusters, {} objects: {took:?}, {} MiB more, {} forms",
            world.objects(),
            resident().saturating_sub(before),
            world.forms()
        );
    }
}
