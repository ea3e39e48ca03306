//! What goes wrong, chosen by a trial's random numbers.

use rand::{RngExt, rngs::StdRng};
use simcluster::{Cluster, ErrorFault, Faults, Flap, Latency, Snapshot};

/// A backup, and whether one was restored.
#[derive(Default)]
pub struct Past {
    backup: Option<Snapshot>,
    pub restored: bool,
}

/// How a trial goes on.
pub type Choice = fn(&Cluster, &mut StdRng, &mut Past);

/// Ends what went wrong, and begins something else, or nothing. Now and then the cluster forgets its history, or goes
/// back to a backup.
pub fn anything(cluster: &Cluster, random: &mut StdRng, past: &mut Past) {
    match random.random_range(0..20) {
        0 => cluster.compact(),
        1 => match past.backup.take() {
            Some(backup) => {
                cluster.restore(&backup);
                past.restored = true;
            }
            None => past.backup = Some(cluster.snapshot()),
        },
        _ => {}
    }
    let seed = random.random();
    let mut faults = Faults { seed, ..Faults::default() };
    match random.random_range(0..20) {
        0..5 => {}
        5..10 => faults.lose_events = random.random_range(0.1..1.0),
        10..12 => faults.cut_frames = random.random_range(0.1..0.5),
        12 => faults.refuse = true,
        13 => faults.stall = true,
        14 => {
            faults.flap =
                Some(Flap { up_ms: random.random_range(50..500), down_ms: random.random_range(50..500) })
        }
        15 => faults.expired_tokens = true,
        16 => {
            let code = [429, 500, 503, 504][random.random_range(0..4)];
            let retry_after_seconds = (code == 429).then_some(1);
            faults.errors = vec![ErrorFault { code, probability: 0.7, retry_after_seconds }];
        }
        17 => faults.latency = Some(Latency { min_ms: 1, max_ms: random.random_range(1..800) }),
        18 => (faults.oversized, faults.oversized_bytes) = (0.2, 2_000_000),
        _ => {
            faults.clock_skew_ms = random.random_range(-3_600_000..3_600_000);
            faults.lose_events = 0.3;
        }
    }
    cluster.set_faults(faults);
}

/// Only lost events.
pub fn losses(cluster: &Cluster, random: &mut StdRng, _: &mut Past) {
    cluster.set_faults(Faults { seed: random.random(), lose_events: 0.5, ..Faults::default() });
}

pub fn end(cluster: &Cluster) {
    cluster.set_faults(Faults::default());
}
