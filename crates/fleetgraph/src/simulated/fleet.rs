//! What can be said of a simulated fleet on the command line.

use clap::Args;

/// The fleet that is made. The same seed makes the same fleet.
#[derive(Debug, Clone, Args)]
pub struct Fleet {
    /// How many clusters.
    #[arg(long, value_name = "COUNT", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub clusters: u32,
    /// How many objects in all of them, about; 700 for each cluster if missing. A cluster's system has some 200 by itself.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(0..=10_000_000))]
    objects: Option<u32>,
    /// Changes a second in all of them: rollouts, crashes, nodes that fail and recover. 0 for a fleet that stands still.
    #[arg(long, value_name = "RATE", default_value_t = 3.0, value_parser = rate, allow_negative_numbers = true)]
    pub churn: f64,
    /// What the fleet and its changes are made from.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
}

impl Fleet {
    #[must_use]
    pub fn objects(&self) -> u32 {
        self.objects.unwrap_or(self.clusters * 700)
    }

    /// The same on another command line.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let Self { clusters, churn, seed, .. } = self;
        let objects = self.objects();
        vec![
            format!("--clusters={clusters}"),
            format!("--objects={objects}"),
            format!("--churn={churn}"),
            format!("--seed={seed}"),
        ]
    }
}

/// The most changes a second that can be asked for.
const FASTEST: f64 = 100_000.0;

fn rate(text: &str) -> Result<f64, String> {
    let rate: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=FASTEST).contains(&rate) { Ok(rate) } else { Err(format!("must lie between 0 and {FASTEST}")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        fleet: Fleet,
    }

    #[test]
    fn a_fleet_reads_back_from_its_arguments() {
        let fleet = Fleet { clusters: 7, objects: Some(900), churn: 2.5, seed: 11 };
        let line = std::iter::once("x".to_owned()).chain(fleet.arguments());
        assert_eq!(format!("{:?}", Line::parse_from(line).fleet), format!("{fleet:?}"));
    }

    #[test]
    fn numbers_that_make_no_fleet_are_refused() {
        for wrong in ["--clusters=0", "--churn=-1", "--churn=nan", "--churn=fast", "--objects=-1"] {
            assert!(Line::try_parse_from(["x", wrong]).is_err(), "{wrong}");
        }
    }
}
