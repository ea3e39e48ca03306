//! A believable fleet: what a company of ten teams runs on many clusters, made from a seed.
//!
//! ```text
//!   World ─▶ fleet.rs       names, regions, versions of the clusters
//!            site.rs        one cluster while it is made     form.rs   one shared template for all equal objects
//!            base.rs        the system: nodes.rs, daemons.rs, classes, roles, leaders
//!            space.rs       a namespace for each team         application.rs · stateful.rs · jobs.rs · custom.rs
//!            trouble.rs     what is broken where
//! ```
//!
//! The objects of a cluster differ from those of another in a few values only, so a thousand clusters hold the text of
//! each form once, and an object is its name, its uid and those values. What a form says is what the server would have
//! made of it: it goes through the server's own decoding and defaults, and a test gives it to a real one.

mod application;
mod base;
mod catalogue;
mod custom;
mod daemons;
mod definitions;
mod events;
mod filler;
mod fleet;
mod form;
mod jobs;
mod network;
mod nodes;
mod pods;
mod site;
mod space;
mod stateful;
mod template;
mod trouble;
mod workload;

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::cluster::{Cluster, ClusterOptions};
use catalogue::{APPS, App};
use form::Forms;
pub(crate) use pods::admit;
use site::Site;
use trouble::Troubles;
use workload::Trouble;

/// How a world is made.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    pub clusters: usize,
    /// Of all clusters together. A cluster has at least its system, some 200 objects.
    pub objects: usize,
    /// The same seed, start and sizes give the same world, uids included.
    pub seed: u64,
    /// The moment at which it begins, in Unix seconds; everything was made before.
    pub start: i64,
    /// How many events each resource of a cluster remembers; `None` for what suits the number of clusters.
    pub history: Option<usize>,
}

impl WorldOptions {
    /// A world that begins now.
    pub fn new(clusters: usize, objects: usize, seed: u64) -> Self {
        Self { clusters, objects, seed, start: jiff::Timestamp::now().as_second(), history: None }
    }
}

/// A fleet of simulated clusters with what runs on them.
#[derive(Clone)]
pub struct World {
    clusters: Vec<Cluster>,
    seed: u64,
    forms: usize,
    faults: Vec<String>,
}

impl World {
    pub fn new(options: &WorldOptions) -> Self {
        let mut forms = Forms::default();
        let count = options.clusters.max(1);
        // 262,144 remembered changes of each kind, shared among the clusters.
        let history = options.history.unwrap_or_else(|| (262_144 / count).clamp(256, 4096));
        let clusters = (0..options.clusters)
            .map(|index| {
                let share = options.objects / count + usize::from(index < options.objects % count);
                cluster(&mut forms, options, index, share, history)
            })
            .collect();
        Self { clusters, seed: options.seed, forms: forms.len(), faults: forms.faults }
    }

    pub fn clusters(&self) -> &[Cluster] {
        &self.clusters
    }

    pub fn cluster(&self, name: &str) -> Option<&Cluster> {
        self.clusters.iter().find(|cluster| cluster.name() == name)
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How many objects there are now.
    pub fn objects(&self) -> usize {
        self.clusters.iter().map(Cluster::object_count).sum()
    }

    /// The environment and the region of the cluster with this index.
    pub fn place(&self, index: usize) -> (&'static str, &'static str) {
        let place = fleet::place(index);
        (place.environment, place.region)
    }

    /// How many templates the first objects share.
    pub fn forms(&self) -> usize {
        self.forms
    }

    /// Forms that the server's rules refused, which is a fault of this module; empty unless a test says otherwise.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

fn cluster(
    forms: &mut Forms,
    options: &WorldOptions,
    index: usize,
    objects: usize,
    history: usize,
) -> Cluster {
    let place = fleet::place(index);
    let mut rng =
        StdRng::seed_from_u64(options.seed ^ (index as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let born = options.start - 400 * site::DAY;
    let version = format!("v{}", place.version.trim_start_matches('v'));
    let cluster = Cluster::new(ClusterOptions {
        seed: rng.random(),
        history,
        version,
        born: Some(born),
        // The controllers do it, with an index and in their own time.
        collect: false,
        ..ClusterOptions::named(&place.name)
    });
    cluster.clock().freeze_at_ms(born * 1000);
    let troubles = Troubles::of(index, options.clusters, &mut rng);
    let mut site = Site::new(forms, cluster.clone(), place, rng.random(), options.start);
    custom::define(&mut site);
    let before = cluster.object_count();
    let machines = nodes::wanted(objects);
    nodes::add(&mut site, machines, troubles.lost_node.then_some(machines - 2));
    base::add(&mut site);
    custom::issuer(&mut site);
    teams(&mut site, &troubles, objects.saturating_sub(before));
    trouble::add(&mut site, &troubles);
    filler::fill(&mut site, objects.saturating_sub(before));
    site.finish();
    cluster.clock().thaw();
    cluster
}

/// Applications, databases and jobs of one team after the other, as long as there is room.
fn teams(site: &mut Site<'_>, troubles: &Troubles, objects: usize) {
    let mut known = BTreeSet::new();
    let room = |site: &Site<'_>, size: usize| site.count() + size + trouble::RESERVE <= objects;
    for round in 0.. {
        let before = site.count();
        for (index, app) in APPS.iter().enumerate() {
            let namespace = namespace_of(app, round);
            if !room(site, application::size(app) + 14) {
                continue;
            }
            if known.insert(namespace.clone()) {
                space::team(site, &namespace, app.team);
            }
            let trouble = if round == 0 { troubles.of_app(index) } else { Trouble::None };
            application::add(site, app, &namespace, trouble);
            extras(site, app, &namespace, (index, round), troubles, &room);
        }
        if site.count() == before {
            return;
        }
    }
}

/// Later rounds are the same applications for another market, as a company has them.
fn namespace_of(app: &App, round: usize) -> String {
    const MARKETS: &[&str] = &["emea", "apac", "latam", "b2b", "outlet", "marketplace"];
    match round {
        0 => app.team.to_owned(),
        round if round <= MARKETS.len() => format!("{}-{}", app.team, MARKETS[round - 1]),
        round => format!("{}-tenant-{round}", app.team),
    }
}

fn extras(
    site: &mut Site<'_>,
    app: &App,
    namespace: &str,
    (index, round): (usize, usize),
    troubles: &Troubles,
    room: &impl Fn(&Site<'_>, usize) -> bool,
) {
    let first = round == 0;
    if index < stateful::ENGINES.len() * 3 && index % 3 == 0 {
        let engine = &stateful::ENGINES[index / 3];
        if room(site, stateful::size(engine)) {
            stateful::add(site, namespace, engine, first && troubles.pending_claim && index == 0);
        }
    }
    if index % 3 == 1 && room(site, jobs::SIZE) {
        let schedule = jobs::SCHEDULES[index / 3 % jobs::SCHEDULES.len()];
        let name = format!("{}-{}", schedule.0, app.name);
        jobs::add(
            site,
            namespace,
            app.team,
            (&name, schedule.1, schedule.2),
            first && troubles.failed_job && index == 1,
        );
    }
}
