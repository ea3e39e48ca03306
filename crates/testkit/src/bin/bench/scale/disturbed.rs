//! A hundred clusters of which three go wrong: one dead, one slow, one that comes and goes. What the others notice, by
//! turns of calm and of trouble, so that whatever else the machine does falls on both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
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
    let bad: Vec<String> = fleet.names().iter().step_by(fleet.names().len() / 3).take(3).cloned().collect();
    let [dead, slow, flapping] = bad.as_slice() else { bail!("there are too few clusters") };
    let mut load = Load::new(server, fleet, &bad).await?;
    let (mut calm, mut trouble) = (Latencies::default(), Latencies::default());
    for _ in 0..ROUNDS {
        let (latencies, away) = tokio::try_join!(load.run(PERIOD), absent(server, &bad))?;
        ensure!(away == [0, 0, 0], "in calm, clusters were not live: {away:?}");
        calm.extend(latencies);

        fleet.set_faults(dead, &json!({ "refuse": true })).await?;
        // What is open is as quick as before: its connections are cut once, and made anew slowly.
        fleet.set_faults(slow, &json!({ "refuse": true })).await?;
        server.not_live(slow).await?;
        fleet.set_faults(slow, &json!({ "latency": { "minMs": 1_000, "maxMs": 5_000 } })).await?;
        fleet.set_faults(flapping, &json!({ "flap": { "upMs": 3_000, "downMs": 2_000 } })).await?;
        let (latencies, away) = tokio::try_join!(load.run(PERIOD), absent(server, &bad))?;
        ensure!(away.iter().all(|times| *times > 0), "nobody noticed the trouble: {away:?}");
        trouble.extend(latencies);
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

/// How often each of three clusters was not live, of the times that it was looked at during a period.
async fn absent(server: &Server, clusters: &[String]) -> Result<[usize; 3]> {
    let mut absent = [0; 3];
    let end = Instant::now() + PERIOD;
    while Instant::now() < end {
        for (times, cluster) in absent.iter_mut().zip(clusters) {
            *times += usize::from(!server.is_live(cluster).await?);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(absent)
}

impl Disturbed {
    fn ratios(&self) -> impl Iterator<Item = (&Figure, f64)> {
        let ratio = |figure: &Figure| figure.times.quantile(0.99) / figure.reference_quantile(0.99);
        self.figures.iter().map(move |figure| (figure, ratio(figure)))
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
