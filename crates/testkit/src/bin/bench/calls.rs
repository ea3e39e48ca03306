//! Requests that fleetgraph sends to clusters, as its own metric counts them.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result};

const METRIC: &str = "fleetgraph_cluster_requests_total{";
/// What the health prober asks of a cluster in one round: its version, its readiness and two leases.
const PROBES: u64 = 4;
/// The least time between two of its rounds.
const ROUND: Duration = Duration::from_secs(9);

/// Requests by their verb.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls(BTreeMap<String, u64>);

impl Calls {
    /// Reads the text that Prometheus gets.
    pub fn parse(metrics: &str) -> Result<Self> {
        let mut calls = BTreeMap::new();
        for line in metrics.lines() {
            let Some(series) = line.strip_prefix(METRIC) else { continue };
            let (labels, value) = series.rsplit_once("} ").with_context(|| line.to_owned())?;
            let (_, verb) = labels.split_once("verb=\"").with_context(|| line.to_owned())?;
            let (verb, _) = verb.split_once('"').with_context(|| line.to_owned())?;
            *calls.entry(verb.to_owned()).or_default() +=
                value.parse::<u64>().with_context(|| line.to_owned())?;
        }
        Ok(Self(calls))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn since(&self, before: &Self) -> Self {
        let more = |(verb, count): (&String, &u64)| {
            let more = count - before.0.get(verb).copied().unwrap_or(0);
            (more > 0).then(|| (verb.clone(), more))
        };
        Self(self.0.iter().filter_map(more).collect())
    }

    /// Those that are neither the health prober's, which have no mark in the metric but come four at a time, nor a watch
    /// that begins anew.
    pub fn beside_probes(&self, clusters: usize, within: Duration) -> u64 {
        let rounds = 1 + within.as_secs() / ROUND.as_secs();
        let probes = PROBES * rounds * clusters as u64;
        let count = |verb: &str| self.0.get(verb).copied().unwrap_or(0);
        self.0.values().sum::<u64>() - count("watch") - count("get").min(probes)
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |verb: &str| self.0.get(verb).copied().unwrap_or(0);
        write!(formatter, "{} list, {} get", count("list"), count("get"))?;
        let others = self.0.iter().filter(|(verb, _)| !["list", "get"].contains(&verb.as_str()));
        others.into_iter().try_for_each(|(verb, count)| write!(formatter, ", {count} {verb}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(list: u64, get: u64) -> Calls {
        let text = format!(
            "# TYPE fleetgraph_cluster_requests_total counter\n\
             fleetgraph_cluster_requests_total{{cluster=\"a\",code=\"200\",verb=\"get\",otel_scope_name=\"f\"}} {get}\n\
             fleetgraph_cluster_requests_total{{cluster=\"b\",code=\"200\",verb=\"list\"}} {list}\n\
             fleetgraph_cluster_requests_total{{cluster=\"b\",code=\"410\",verb=\"list\"}} 1\n\
             fleetgraph_cluster_request_duration_seconds_count{{verb=\"list\"}} 99\n"
        );
        Calls::parse(&text).unwrap()
    }

    #[test]
    fn probes_are_no_calls_for_an_answer_and_everything_else_is() {
        let before = calls(10, 20);
        let beside =
            |after: &Calls, seconds| after.since(&before).beside_probes(1, Duration::from_secs(seconds));
        assert_eq!(beside(&before, 5), 0);
        assert_eq!(beside(&calls(10, 24), 5), 0, "one round of probes");
        assert_eq!(beside(&calls(10, 25), 5), 1);
        assert_eq!(beside(&calls(10, 28), 9), 0, "two rounds");
        assert_eq!(beside(&calls(11, 20), 5), 1);
        assert_eq!(calls(11, 24).since(&before).to_string(), "1 list, 4 get");
    }
}
