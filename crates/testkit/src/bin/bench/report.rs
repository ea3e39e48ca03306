//! What is printed, and written as JSON.

use std::io::{self, Write};

use anyhow::Result;
use serde_json::{Value, json};

use crate::{
    bounds::Bound,
    figure::{Figure, Times},
    fleet::{CLUSTERS, Fleet},
    machine::Machine,
    memory::{Growth, Resident},
};

pub struct Report {
    pub machine: Machine,
    pub pods: usize,
    pub figures: Vec<Figure>,
    pub fleet: Fleet,
    pub growth: Growth,
    pub bounds: Vec<Bound>,
}

/// What goes on, on stderr, so that stdout has the figures alone.
pub fn progress(text: &str) -> Result<()> {
    Ok(writeln!(io::stderr(), "bench: {text}")?)
}

impl Report {
    pub fn holds(&self) -> bool {
        self.bounds.iter().all(|bound| bound.holds)
    }

    pub fn json(&self) -> Value {
        json!({
            "machine": self.machine.json(),
            "pods": self.pods,
            "figures": self.figures.iter().map(Figure::json).collect::<Vec<_>>(),
            "fleet": self.fleet.json(),
            "memory": self.growth.json(),
            "bounds": self.bounds.iter().map(Bound::json).collect::<Vec<_>>(),
        })
    }

    pub fn print(&self) -> Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "\n{} pods, one cluster. {}\n", self.pods, self.machine)?;
        table(&mut out, &self.figures)?;
        let Fleet { pods, bytes, resident, figures, .. } = &self.fleet;
        let (json, resident) = (*bytes as f64 / 1e6, resident.all as f64 / 1e6);
        writeln!(
            out,
            "\n{pods} pods, {CLUSTERS} clusters: {json:.0} MB of JSON, {resident:.0} MB in fleetgraph\n"
        )?;
        table(&mut out, figures)?;
        writeln!(
            out,
            "\n{:<76}{:>12}{:>12}{:>13}",
            "resident memory, MB (without the program's pages)", "empty", "with pods", "beyond"
        )?;
        for (index, moment) in Growth::MOMENTS.into_iter().enumerate() {
            let beyond = self.growth.beyond()[index] as f64 / 1e6;
            let (empty, full) = (&self.growth.empty[index], &self.growth.full[index]);
            writeln!(out, "{moment:<76}{:>12}{:>12}{beyond:>10.1} MB", megabytes(empty), megabytes(full))?;
            let (empty, full) = (empty.peak as f64 / 1e6, full.peak as f64 / 1e6);
            writeln!(
                out,
                "{:<76}{empty:>12.1}{full:>12.1}{:>10.1} MB",
                "    the most until then",
                full - empty
            )?;
        }
        writeln!(out)?;
        for Bound { what, measured, wanted, holds } in &self.bounds {
            writeln!(out, "{} {what}: {measured}, {wanted}", if *holds { "PASS" } else { "FAIL" })?;
        }
        Ok(out.flush()?)
    }
}

fn table(out: &mut impl Write, figures: &[Figure]) -> Result<()> {
    writeln!(out, "{:<76}{:>6}{:>11}{:>11}{:>9}", "times", "n", "p50 ms", "p99 ms", "faster")?;
    for figure in figures {
        let ratio = figure.ratio().map_or(String::new(), |ratio| format!("{ratio:.1} x"));
        line(out, &figure.what, &figure.times, &ratio)?;
        if let Some(reference) = &figure.reference {
            line(out, &format!("    {}", reference.what), &reference.times, "")?;
        }
    }
    Ok(())
}

fn line(out: &mut impl Write, what: &str, times: &Times, ratio: &str) -> Result<()> {
    let (count, median, high) = (times.count(), times.median(), times.quantile(0.99));
    Ok(writeln!(out, "{what:<76}{count:>6}{median:>11.2}{high:>11.2}{ratio:>9}")?)
}

fn megabytes(resident: &Resident) -> String {
    format!("{:.1} ({:.1})", resident.all as f64 / 1e6, resident.anonymous as f64 / 1e6)
}
