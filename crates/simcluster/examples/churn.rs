//! Keeps a fleet busy for some seconds and says what it costs:
//! `cargo run --release -p simcluster --example churn -- 100 100000 500 20` (clusters, objects, changes a second, seconds).

#![expect(clippy::print_stdout, reason = "a program that prints")]

use std::error::Error;
use std::time::{Duration, Instant};

use simcluster::controllers::{Churn, ChurnOptions};
use simcluster::world::{World, WorldOptions};

fn field(file: &str, name: &str) -> usize {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// Seconds of processor time so far, at the usual hundred ticks a second.
fn busy() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = text.rsplit(')').next().unwrap_or_default();
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|tick| tick.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [clusters, objects, rate, seconds] = given[..] else {
        return Err("four numbers: clusters, objects, changes a second, seconds".into());
    };
    let world = World::new(&WorldOptions::new(clusters, objects, 1));
    println!("{} objects, {} MiB", world.objects(), field("/proc/self/status", "VmRSS:") / 1024);
    let churn = Churn::start(&world, ChurnOptions { per_second: f64::from(u32::try_from(rate)?), seed: 1 })?;
    let mut changes = 0;
    let start = Instant::now();
    let mut processor = busy();
    for _ in 0..seconds.div_ceil(5) {
        std::thread::sleep(Duration::from_secs(5));
        let (now, used) = (churn.changes(), busy());
        println!(
            "{:3} s: {} changes a second, {:.0} % of a core, {} objects, {} MiB",
            start.elapsed().as_secs(),
            (now - changes) / 5,
            (used - processor) * 20.0,
            world.objects(),
            field("/proc/self/status", "VmRSS:") / 1024
        );
        (changes, processor) = (now, used);
    }
    Ok(())
}
