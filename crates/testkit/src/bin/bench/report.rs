//! What is printed, and written as JSON.

use std::io::{self, Write};

use anyhow::Result;
use serde_json::{Value, json};

use crate::access::Access;
use crate::bounds::Bound;
use crate::figure::{Figure, Times};
use crate::machine::Machine;
use crate::scale::Scale;
use crate::single::Single;

pub struct Report {
    pub machine: Machine,
    pub single: Option<Single>,
    pub access: Option<Access>,
    pub scale: Option<Scale>,
}

/// What goes on, on stderr, so that stdout has the figures alone.
pub fn progress(text: &str) -> Result<()> {
    Ok(writeln!(io::stderr(), "bench: {text}")?)
}

impl Report {
    fn bounds(&self) -> Vec<Bound> {
        let single = self.single.as_ref().map_or_else(Vec::new, |single| single.bounds.clone());
        let access = self.access.as_ref().map_or_else(Vec::new, |access| access.bounds.clone());
        let scale = self.scale.as_ref().map_or_else(Vec::new, Scale::bounds);
        single.into_iter().chain(access).chain(scale).collect()
    }

    pub fn holds(&self) -> bool {
        self.bounds().iter().all(|bound| bound.holds)
    }

    pub fn json(&self) -> Value {
        json!({
            "machine": self.machine.json(),
            "control_plane": self.single.as_ref().map(Single::json),
            "access": self.access.as_ref().map(Access::json),
            "fleets": self.scale.as_ref().map(Scale::json),
            "bounds": self.bounds().iter().map(Bound::json).collect::<Vec<_>>(),
        })
    }

    pub fn print(&self) -> Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "\n{}", self.machine)?;
        if let Some(single) = &self.single {
            single.print(&mut out)?;
        }
        if let Some(access) = &self.access {
            access.print(&mut out)?;
        }
        if let Some(scale) = &self.scale {
            scale.print(&mut out)?;
        }
        writeln!(out)?;
        for Bound { what, measured, wanted, holds } in self.bounds() {
            writeln!(out, "{} {what}: {measured}, {wanted}", if holds { "PASS" } else { "FAIL" })?;
        }
        Ok(out.flush()?)
    }
}

pub fn table(out: &mut impl Write, figures: &[Figure]) -> Result<()> {
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
