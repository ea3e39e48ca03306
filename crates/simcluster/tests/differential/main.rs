//! The proof of the crate: the same requests to simcluster and to a real kube-apiserver, and the answers compared field
//! by field, watch streams included.
//!
//! ```text
//!   script.rs     steps: requests, values kept for later ones        scripts/…   written by hand, one for each subject
//!   peer.rs       sends a step to one of the two                     generated   random ones, replayable by their seed
//!   normal.rs     uids, versions and times become their place of first appearance
//!   compare.rs    what differs;  allowed.rs: the differences that are allowed, each with its reason
//! ```

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod allowed;
mod compare;
mod generated;
mod normal;
mod peer;
mod script;
mod scripts;
mod tables;

use peer::Peer;
use script::Step;
use simcluster::{Cluster, ClusterOptions, Simulator};
use testkit::{ControlPlane, Options};

/// Both servers, and what keeps them alive.
struct Pair {
    real: Peer,
    simulated: Peer,
    _plane: ControlPlane,
    _simulator: Simulator,
}

impl Pair {
    async fn start() -> Self {
        // Without the admission that wants a service account's token in every pod, which a controller would make.
        let options = Options::bare("differential")
            .token_user("alice", &["devs"])
            .apiserver_arg("--disable-admission-plugins=ServiceAccount");
        let plane = ControlPlane::start(options).await.unwrap();
        let simulator = Simulator::start(simcluster::LOOPBACK).await.unwrap();
        let cluster = Cluster::new(ClusterOptions {
            // No controllers run beside the real one either.
            collect: false,
            ..ClusterOptions::named("differential")
        });
        cluster.add_token("alice-token", simcluster::User::new("alice", &["devs"]));
        simulator.add(&cluster);
        let alice = plane.token("alice").unwrap();
        Self {
            real: Peer::new(&plane.kubeconfig(&plane.admin()), &alice).await,
            simulated: Peer::new(&simulator.kubeconfig(&[&cluster]), "alice-token").await,
            _plane: plane,
            _simulator: simulator,
        }
    }

    /// What the two answered differently, as text.
    async fn differences(&self, name: &str, steps: &[Step]) -> Vec<String> {
        let (real, simulated) = if steps.iter().any(|step| step.alice) {
            let simulated = self.simulated.run(steps, &[]).await;
            (self.real.run(steps, &simulated).await, simulated)
        } else {
            tokio::join!(self.real.run(steps, &[]), self.simulated.run(steps, &[]))
        };
        let mut found = Vec::new();
        let (mut of_real, mut of_simulated) = (normal::Names::default(), normal::Names::default());
        for ((step, mut real), mut simulated) in steps.iter().zip(real).zip(simulated) {
            allowed::trim(&mut real);
            allowed::trim(&mut simulated);
            let real = of_real.normalise(real);
            let simulated = of_simulated.normalise(simulated);
            for difference in compare::compare(&real, &simulated) {
                if !allowed::is_allowed(name, step, &difference) {
                    found.push(format!("{name}: {step}\n      {difference}"));
                }
            }
        }
        found
    }
}

fn report(found: &[String]) {
    assert!(
        found.is_empty(),
        "{} differences:
{}",
        found.len(),
        found.join(
            "
"
        )
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_that_of_a_real_server() {
    let pair = Pair::start().await;
    let only = std::env::var("SIMCLUSTER_SCRIPT").unwrap_or_default();
    let mut found = Vec::new();
    for (name, steps) in scripts::all() {
        if name.contains(&only) {
            found.extend(pair.differences(name, &steps).await);
        }
    }
    if "generated".contains(&only) || only.is_empty() {
        found.extend(generated::run(&pair).await);
    }
    report(&found);
}
