//! From one simulated cluster to a thousand, and from a thousand objects to a million, at a rate of changes: memory,
//! start, queries, events. And what the others notice when some of a hundred clusters go wrong.

mod disturbed;
mod load;
mod reference;
mod simulated;
mod svg;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::bounds::Bound;
use crate::figure::{Figure, Reference, Times};
use crate::memory::{self, Resident};
use crate::processor;
use crate::report;
use crate::server::Server;
use disturbed::Disturbed;
use load::{Latencies, Load};
use simulated::{Simulated, Size};

/// Clusters, objects. Half a percent of the objects change each second, but no more than 500.
const SIZES: [(usize, usize); 9] = [
    (1, 1_000),
    (1, 10_000),
    (1, 100_000),
    (10, 10_000),
    (10, 100_000),
    (10, 1_000_000),
    (100, 100_000),
    (100, 1_000_000),
    (1_000, 1_000_000),
];
const MOST_CHANGES: usize = 500;
/// Of these the bounds are said.
const HUNDRED: (usize, usize) = (100, 100_000);
const THOUSAND: (usize, usize) = (1_000, 1_000_000);

/// How long questions and changes go on; longer where there are bounds.
const PERIOD: Duration = Duration::from_secs(20);
const BOUND_PERIOD: Duration = Duration::from_secs(60);
/// Before they begin: what starts is busy with itself.
const WARM_UP: Duration = Duration::from_secs(5);

/// What was measured of a fleet.
pub struct Point {
    size: Size,
    /// In fleetgraph's memory.
    objects: u64,
    /// Of JSON in the clusters' lists.
    bytes: usize,
    start: Figure,
    /// Processor time of the start, in milliseconds.
    used: f64,
    started: Resident,
    /// While it was asked and the clusters changed; its peak is of that time alone.
    served: Resident,
    /// What the simulated clusters took to be made, in seconds, and take themselves.
    made: Duration,
    simulator: Resident,
    /// Changes a second that really were, leases not counted.
    changes: f64,
    look_up: Figure,
    page: Figure,
    event: Figure,
    /// The same against a watch, where there was one.
    watched: Figure,
}

pub struct Scale {
    points: Vec<Point>,
    disturbed: Option<Disturbed>,
}

/// Reads `clusters x objects`.
pub fn size(text: &str) -> Result<(usize, usize)> {
    let (clusters, objects) = text.split_once('x').context("such as 100x100000")?;
    Ok((clusters.parse()?, objects.parse()?))
}

/// Of fleets of these sizes, or of all that are measured when none is named.
pub async fn measure(program: &Path, sizes: &[(usize, usize)]) -> Result<Scale> {
    let sizes = if sizes.is_empty() { &SIZES } else { sizes };
    let (mut points, mut disturbed) = (Vec::new(), None);
    for &(clusters, objects) in sizes {
        // The rate is kept over some seconds only: a little more is never less.
        let churn = (objects / 200).min(MOST_CHANGES) * 102 / 100;
        let size = Size { clusters, objects, churn };
        report::progress(&format!("{clusters} simulated clusters with {objects} objects"))?;
        let fleet = Simulated::start(program, size).await?;
        let (server, point) = point(program, &fleet).await?;
        points.push(point);
        if (clusters, objects) == HUNDRED {
            report::progress("a dead, a slow and a flapping cluster among them")?;
            disturbed = Some(disturbed::measure(&server, &fleet).await?);
        }
        let server = Arc::into_inner(server).context("somebody still asks")?;
        server.stop().await?;
    }
    Ok(Scale { points, disturbed })
}

async fn point(program: &Path, fleet: &Simulated) -> Result<(Arc<Server>, Point)> {
    let size = fleet.size;
    let server = Arc::new(Server::start(program, &fleet.config).await?);
    let took = server.live(size.clusters).await?;
    let used = processor::used(server.pid())?;
    let started = memory::settled(server.pid()).await?;

    let kinds = server.kinds().await?;
    let first = fleet.names().first().context("a fleet has clusters")?;
    let paths = reference::paths(fleet.client(first)?, &kinds).await?;
    let listed = reference::list(fleet, &paths).await?;
    let objects = server.objects().await?;
    let apart = objects.abs_diff(listed.objects as u64);
    ensure!(apart * 50 <= objects, "fleetgraph has {objects} objects, its clusters {}", listed.objects);
    let start = Figure::new("start", Times::from(vec![took]))
        .against(&Reference::new("a client lists all kinds from all clusters, as JSON", vec![listed.took]));

    let mut load = Load::new(&server, fleet, &[]).await?;
    load.run(WARM_UP).await?;
    let bound = [HUNDRED, THOUSAND].contains(&(size.clusters, size.objects));
    memory::forget_peak(server.pid())?;
    let (before, begun) = (fleet.changes().await?, std::time::Instant::now());
    let latencies = load.run(if bound { BOUND_PERIOD } else { PERIOD }).await?;
    let changes = (fleet.changes().await? - before) as f64 / begun.elapsed().as_secs_f64();
    let served = memory::read(server.pid())?;
    let simulator = memory::read(fleet.pid())?;
    drop(load);
    let Latencies { look_ups, pages, gets, lists, events, watched } = latencies;
    let (here, there): (Vec<_>, Vec<_>) = watched.into_iter().unzip();
    let point = Point {
        size,
        objects,
        bytes: listed.bytes,
        start,
        used: used.as_secs_f64() * 1e3,
        started,
        served,
        made: fleet.made,
        simulator,
        changes,
        look_up: Figure::new("a look-up", Times::of_millis(look_ups))
            .against(&Reference::new("GET of one pod from its cluster", Times::of_millis(gets))),
        page: Figure::new("a page of 100", Times::of_millis(pages))
            .against(&Reference::new("100 pods of one cluster", Times::of_millis(lists))),
        event: Figure::new("an event, from the PATCH's start", Times::of_millis(events)),
        watched: Figure::new("the same where a watch hears it too", Times::of_millis(here))
            .against(&Reference::new("a watch on the cluster", Times::of_millis(there))),
    };
    Ok((server, point))
}

impl Scale {
    pub fn bounds(&self) -> Vec<Bound> {
        let at = |size| self.points.iter().find(|point| (point.size.clusters, point.size.objects) == size);
        let mut bounds = at(HUNDRED).map_or_else(Vec::new, |point| {
            let of = "of 100 clusters, 100,000 objects, 500 changes a second";
            let high = |figure: &Figure| figure.times.quantile(0.99);
            vec![
                less(format!("p99 of a look-up, {of}"), high(&point.look_up), 20.0, "ms"),
                less(format!("p99 of a page of 100, {of}"), high(&point.page), 20.0, "ms"),
                less(format!("p99 from a PATCH to the subscriber, {of}"), high(&point.event), 250.0, "ms"),
                less(format!("the longest of them, {of}"), point.event.times.quantile(1.0), 2_000.0, "ms"),
                less(format!("resident memory, {of}"), point.most(), 400.0, "MB"),
                Bound {
                    what: format!("changes a second, {of}"),
                    measured: format!("{:.0}", point.changes),
                    wanted: "at least 500".to_owned(),
                    holds: point.changes >= 500.0,
                },
            ]
        });
        if let Some(point) = at(THOUSAND) {
            let of = "of 1,000 clusters, 1,000,000 objects";
            bounds.push(less(format!("resident memory, {of}"), point.most(), 6_000.0, "MB"));
            let simulator = point.simulator.peak as f64 / 1e6;
            bounds.push(less(format!("the simulator's own memory, {of}"), simulator, 3_000.0, "MB"));
            bounds.push(less(format!("the simulator's start, {of}"), point.made.as_secs_f64(), 30.0, "s"));
        }
        bounds.extend(self.disturbed.iter().flat_map(Disturbed::bounds));
        bounds
    }

    pub fn json(&self) -> Value {
        json!({
            "points": self.points.iter().map(Point::json).collect::<Vec<_>>(),
            "disturbed": self.disturbed.as_ref().map(Disturbed::json),
        })
    }

    /// Writes the curves, as files of this directory.
    pub fn draw(&self, directory: &Path) -> Result<()> {
        svg::draw(&self.points, directory)
    }

    pub fn print(&self, out: &mut impl std::io::Write) -> Result<()> {
        writeln!(
            out,
            "\n{:>8}{:>10}{:>9}{:>10}{:>10}{:>10}{:>10}{:>11}{:>16}{:>16}{:>18}{:>14}",
            "clusters",
            "objects",
            "JSON MB",
            "changes/s",
            "start s",
            "list s",
            "RSS MB",
            "at most",
            "look-up ms",
            "page ms",
            "event ms",
            "watch ms"
        )?;
        for point in &self.points {
            point.print(out)?;
        }
        self.disturbed.iter().try_for_each(|disturbed| disturbed.print(out))
    }
}

impl Point {
    /// The most megabytes that there ever were: at the start, or under load.
    fn most(&self) -> f64 {
        self.started.peak.max(self.served.peak) as f64 / 1e6
    }

    fn json(&self) -> Value {
        let figures = [&self.start, &self.look_up, &self.page, &self.event, &self.watched];
        json!({
            "clusters": self.size.clusters, "objects": self.objects, "changes_per_second": self.changes,
            "bytes_of_json": self.bytes, "processor_milliseconds_of_start": self.used,
            "memory": { "started": self.started.json(), "served": self.served.json() },
            "simulator": { "memory": self.simulator.json(), "made_seconds": self.made.as_secs_f64() },
            "figures": figures.map(Figure::json),
        })
    }

    fn print(&self, out: &mut impl std::io::Write) -> Result<()> {
        let pair = |times: &Times| format!("{:.1} / {:.1}", times.median(), times.quantile(0.99));
        let watch = self.watched.reference.as_ref().map_or_else(String::new, |of| pair(&of.times));
        Ok(writeln!(
            out,
            "{:>8}{:>10}{:>9.0}{:>10.0}{:>10.2}{:>10.2}{:>10.0}{:>11.0}{:>16}{:>16}{:>18}{watch:>14}",
            self.size.clusters,
            self.objects,
            self.bytes as f64 / 1e6,
            self.changes,
            self.start.times.median() / 1e3,
            self.start.reference_quantile(0.5) / 1e3,
            self.started.all as f64 / 1e6,
            self.most(),
            pair(&self.look_up.times),
            pair(&self.page.times),
            pair(&self.event.times),
        )?)
    }
}

/// A figure that must be smaller.
fn less(what: String, measured: f64, bound: f64, unit: &str) -> Bound {
    Bound {
        what,
        measured: format!("{measured:.1} {unit}"),
        wanted: format!("less than {bound} {unit}"),
        holds: measured < bound,
    }
}
