//! What it costs that callers see only what each cluster's roles and bindings show them.
//!
//! ```text
//!   a control plane: 10,000 pods, 200 namespaces, 2,900 bindings
//!       ├─ fleetgraph ─┬─ may list pods everywhere ────── what the others are measured against
//!       │              ├─ 200 RoleBindings, one in each namespace
//!       │              ├─ the same, and 2,000 that overlap
//!       │              ├─ never seen before
//!       │              └─ one namespace of the 200
//!       └─ fleetgraph ─── without authentication
//! ```
//!
//! Each question is put to all of them in turn, in another order each time, so that whatever else the machine does is
//! shared by all. Whoever sees everything must get the same answer, byte by byte.

mod callers;
mod changes;
mod costs;
mod questions;
mod rights;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use testkit::Issuer;

use self::callers::{Caller, Callers};
use self::changes::Changes;
use self::costs::Costs;
use crate::bounds::{self, Bound};
use crate::cluster::Cluster;
use crate::figure::Figure;
use crate::report;
use crate::server::Server;

/// 200 namespaces of 10,000 pods.
const PODS_OF_A_NAMESPACE: usize = 50;
/// The cost of a list or a page through many bindings, against the same by one that is for everything.
const MOST: f64 = 1.3;
/// What is revoked has to be in force within this time.
const IN_FORCE: Duration = Duration::from_secs(5);

pub struct Access {
    pods: usize,
    namespaces: usize,
    bindings: usize,
    costs: Vec<Costs>,
    changes: Changes,
    pub bounds: Vec<Bound>,
}

pub async fn measure(program: &Path, count: usize) -> Result<Access> {
    report::progress("starting a control plane and an issuer of tokens")?;
    let cluster = Cluster::start().await?;
    let issuer = Issuer::start_plain().await?;
    report::progress(&format!("writing {count} pods, {PODS_OF_A_NAMESPACE} in a namespace, and bindings"))?;
    let pods = cluster.seed_namespaces(count, PODS_OF_A_NAMESPACE).await?;
    let rights = rights::write(&cluster.client, &pods).await?;

    report::progress("starting the servers")?;
    let mut callers = Callers::new(&issuer, &rights)?;
    let known = Server::start(program, &cluster.authenticated(&issuer)?).await?;
    let known = known.by(callers.token(Caller::Everywhere)?);
    let anybody = Server::start(program, &cluster.config).await?;
    known.fresh(pods.len(), 1).await?;
    anybody.fresh(pods.len(), 1).await?;

    report::progress("asking as callers with different rights")?;
    let mut costs = Vec::new();
    for question in questions::all(&known, &pods, &rights).await? {
        costs.push(costs::measure(&question, &mut callers, &known, &anybody).await?);
    }
    report::progress("changing bindings")?;
    let changes = changes::measure(&known, &cluster.client, &issuer, &rights).await?;
    known.stop().await?;
    anybody.stop().await?;

    let mut bounds: Vec<_> = costs.iter().filter(|costs| costs.bound).flat_map(bounds_of).collect();
    bounds.push(bounds::within(
        "from the answer to a RoleBinding's deletion until it is in force".to_owned(),
        changes.longest,
        IN_FORCE,
    ));
    let namespaces = rights.namespaces.len();
    Ok(Access { pods: pods.len(), namespaces, bindings: rights.bindings, costs, changes, bounds })
}

fn bounds_of(costs: &Costs) -> impl Iterator<Item = Bound> {
    [Caller::Bound, Caller::Overlapping].into_iter().map(|caller| {
        let what = format!("{}: {} against one for everything", costs.what, caller.what());
        bounds::at_most(what, costs.ratio(caller), MOST)
    })
}

impl Access {
    pub fn json(&self) -> Value {
        json!({
            "pods": self.pods,
            "namespaces": self.namespaces,
            "bindings": self.bindings,
            "costs": self.costs.iter().map(Costs::json).collect::<Vec<_>>(),
            "changes": self.changes.figures.iter().map(Figure::json).collect::<Vec<_>>(),
        })
    }

    pub fn print(&self, out: &mut impl Write) -> Result<()> {
        let Self { pods, namespaces, bindings, .. } = self;
        writeln!(out, "\n{pods} pods, {namespaces} namespaces, {bindings} bindings, one cluster\n")?;
        costs::table(out, &self.costs)?;
        writeln!(out)?;
        report::table(out, &self.changes.figures)
    }
}
