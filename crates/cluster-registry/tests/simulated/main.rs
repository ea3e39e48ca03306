//! The registry against simulated clusters that go wrong in every way at once: each seed is a cluster with its own
//! changes and faults, all at the same time in one registry. When the faults end, each copy must be what its cluster has,
//! and what subscribers were told must add up to it.
//!
//! `FLEETGRAPH_FAULT_SEEDS=1000..3000` runs others; a failure names its seed.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]
#![expect(clippy::print_stderr, reason = "what was seen is part of a test's output")]

mod faults;
mod model;
mod trial;

use std::{ops::Range, time::Duration};

use cluster_registry::{
    Registry, Settings,
    connection::{Auth, ClusterSpec},
};
use fleetgraph_core::ClusterId;
use simcluster::Simulator;

use model::Model;
use trial::Trial;

/// How long changes and faults go on.
const STORM: Duration = Duration::from_secs(15);

fn seeds() -> Range<u64> {
    let given = std::env::var("FLEETGRAPH_FAULT_SEEDS").ok();
    let read = |text: String| {
        let (from, to) = text.split_once("..").unwrap();
        from.parse().unwrap()..to.parse().unwrap()
    };
    given.map_or(1..201, read)
}

/// A registry of simulated clusters, one for each seed.
struct Bed {
    registry: Registry,
    trials: Vec<Trial>,
    // Dropped last: they serve, and hold the credentials.
    _simulator: Simulator,
    _files: tempfile::TempDir,
}

impl Bed {
    async fn start(seeds: Range<u64>, audit_period: Duration) -> Self {
        // Nothing but the watches themselves and the audit may repair.
        let settings = Settings { resync_period: Duration::ZERO, audit_period, ..Settings::default() };
        let registry = Registry::new(kinds::kind_set().only(&["configmaps".to_owned()]), settings);
        let simulator = Simulator::start(simcluster::LOOPBACK).await.unwrap();
        let files = tempfile::tempdir().unwrap();
        let mut trials = Vec::new();
        for seed in seeds {
            let trial = Trial::new(seed);
            simulator.add(&trial.cluster);
            let kubeconfig = files.path().join(trial.cluster.name());
            simulator.write_kubeconfig(&kubeconfig, &[&trial.cluster]).unwrap();
            let id = ClusterId::new(trial.cluster.name()).unwrap();
            registry.add(ClusterSpec::new(id, Auth::kubeconfig(kubeconfig, None))).await.unwrap();
            trials.push(trial);
        }
        Self { registry, trials, _simulator: simulator, _files: files }
    }

    /// Changes and faults in all clusters at once.
    async fn storm(&mut self, faults: faults::Choice) {
        let storms: Vec<_> =
            self.trials.drain(..).map(|trial| tokio::spawn(trial.storm(STORM, faults))).collect();
        for storm in storms {
            self.trials.push(storm.await.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_goes_wrong_no_change_is_lost() {
    let mut bed = Bed::start(seeds(), Duration::from_secs(5)).await;
    let model = Model::follow(&bed.registry);
    bed.storm(faults::anything).await;
    let (mut objects, mut writes) = (0, 0);
    for trial in &bed.trials {
        objects += trial.until_equal(&bed.registry).await;
        writes += trial.writes;
    }
    model.check(&bed.registry).await;
    eprintln!("{} clusters, {writes} writes: {objects} objects equal", bed.trials.len());
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn by_default_what_a_watch_loses_is_repaired_within_a_minute() {
    let mut bed = Bed::start(1..21, Settings::default().audit_period).await;
    bed.storm(faults::losses).await;
    let repaired = async {
        for trial in &bed.trials {
            trial.until_equal(&bed.registry).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), repaired).await.unwrap();
    bed.registry.shut_down().await;
}

/// What the tests above would miss, if the faults did nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_audits_what_a_watch_loses_stays_lost() {
    let mut bed = Bed::start(1..6, Duration::ZERO).await;
    bed.storm(faults::losses).await;
    // The watches say nothing of it, so that there is nothing to wait for but what is on its way.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let differs = bed.trials.iter().filter(|trial| !trial.is_equal(&bed.registry)).count();
    assert!(differs >= 4, "{differs} of 5 clusters lost something");
    bed.registry.shut_down().await;
}
