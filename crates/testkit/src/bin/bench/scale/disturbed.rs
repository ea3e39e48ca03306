//! A hundred clusters of which three go wrong: one dead, one slow, one that comes and goes. What the others notice, by
//! turns of calm and of trouble, so that whatever else the machine does falls on both.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::load::{Latencies, Load};
use super::simulated::Simulated;
use crate::bounds::Bound;
use crate::figure::{Figure, Reference, Times};
use crate::server::Server;

const ROUNDS: usize = 6;
const PERIOD: Duration = Duration::from_secs(15);
/// The p99 with trouble, of that without.
const MOST: f64 = 1.1;

pub struct Disturbed {
    /// Each against the same in calm.
    figures: [Figure; 3],
}

pub async fn measure(server: &Arc<Server>, fleet: &Simulated) -> Result<Disturbed> {
    let troubles = [
        json!({ "refuse": true }),
        json!({ "latency": { "minMs": 1_000, "maxMs": 5_000 } }),
        json!({ "flap": { "upMs": 3_000, "downMs": 2_000 } }),
    ];
    let bad: Vec<String> = fleet.names().iter().step_by(fleet.names().len() / 3).take(3).cloned().collect();
    ensure!(bad.len() == 3, "three of {} clusters", fleet.names().len());
    let mut load = Load::new(server, fleet, &bad).await?;
    let (mut calm, mut trouble) = (Latencies::default(), Latencies::default());
    for _ in 0..ROUNDS {
        calm.extend(load.run(PERIOD).await?);
        for (cluster, faults) in bad.iter().zip(&troubles) {
            fleet.set_faults(cluster, faults).await?;
        }
        trouble.extend(load.run(PERIOD).await?);
        for cluster in &bad {
            fleet.set_faults(cluster, &json!({})).await?;
        }
        server.live(fleet.size.clusters).await?;
    }
    let figure = |what: &str, of: fn(&Latencies) -> &Vec<f64>| {
        let reference = Reference::new("all well", Times::of_millis(of(&calm).clone()));
        Figure::new(what, Times::of_millis(of(&trouble).clone())).against(&reference)
    };
    Ok(Disturbed {
        figures: [
            figure("a look-up in the other 97", |all| &all.look_ups),
            figure("a page of 100 over all", |all| &all.pages),
            figure("an event in the other 97", |all| &all.events),
        ],
    })
}

impl Disturbed {
    fn ratios(&self) -> impl Iterator<Item = (&Figure, f64)> {
        self.figures.iter().map(|figure| {
            let calm = figure.reference.as_ref().map_or(f64::NAN, |reference| reference.times.quantile(0.99));
            (figure, figure.times.quantile(0.99) / calm)
        })
    }

    pub fn bounds(&self) -> Vec<Bound> {
        let bound = |(figure, ratio): (&Figure, f64)| Bound {
            what: format!("p99 of {} with three that are dead, slow and flapping", figure.what),
            measured: format!("{ratio:.2} times that without"),
            wanted: format!("at most {MOST} times"),
            holds: ratio <= MOST,
        };
        self.ratios().map(bound).collect()
    }

    pub fn json(&self) -> Value {
        self.ratios().map(|(figure, ratio)| json!({ "figure": figure.json(), "p99_ratio": ratio })).collect()
    }

    pub fn print(&self, out: &mut impl std::io::Write) -> Result<()> {
        writeln!(out, "\n{:<32}{:>8}{:>22}{:>26}", "p50 / p99 ms", "n", "all well", "dead, slow, flapping")?;
        let pair = |times: &Times| format!("{:.2} / {:.2}", times.median(), times.quantile(0.99));
        for (figure, ratio) in self.ratios() {
            let calm = figure.reference.as_ref().map_or_else(String::new, |reference| pair(&reference.times));
            let (n, now) = (figure.times.count(), pair(&figure.times));
            writeln!(out, "{:<32}{n:>8}{calm:>22}{now:>26}  p99 {ratio:.2} x", figure.what)?;
        }
        Ok(())
    }
}
