//! What must hold, whatever the machine.

use std::time::Duration;

use serde_json::{Value, json};

use crate::calls::Calls;
use crate::figure::Figure;
use crate::memory::Growth;

/// Times that a list of all pods is faster than the API server's own.
const LIST_TIMES_FASTER: f64 = 20.0;
/// Bytes that the pods may take beyond the server of an empty cluster: 40 MB, which are 38.1 MiB.
const MEMORY: u64 = 40_000_000;

#[derive(Debug, Clone)]
pub struct Bound {
    pub what: String,
    pub measured: String,
    pub wanted: String,
    pub holds: bool,
}

impl Bound {
    pub fn json(&self) -> Value {
        json!({ "what": self.what, "measured": self.measured, "wanted": self.wanted, "holds": self.holds })
    }
}

pub fn list(times_faster: f64) -> Bound {
    at_least(
        "list of all pods against the API server's JSON list".to_owned(),
        times_faster,
        LIST_TIMES_FASTER,
    )
}

/// A figure that has to be faster than its reference, by the medians.
pub fn faster(what: String, figure: &Figure, times: f64) -> Bound {
    at_least(what, figure.ratio().unwrap_or(0.0), times)
}

fn at_least(what: String, ratio: f64, times: f64) -> Bound {
    Bound {
        what,
        measured: format!("{ratio:.1} times faster"),
        wanted: format!("at least {times} times"),
        holds: ratio >= times,
    }
}

/// A cost against that of the reference, by the medians. One that isn't a number doesn't hold.
pub fn at_most(what: String, ratio: f64, times: f64) -> Bound {
    Bound {
        what,
        measured: format!("{ratio:.2} times"),
        wanted: format!("at most {times} times"),
        holds: ratio <= times,
    }
}

/// How long something takes at its longest.
pub fn within(what: String, longest: Duration, wanted: Duration) -> Bound {
    Bound {
        what,
        measured: format!("{:.0} ms at its longest", longest.as_secs_f64() * 1e3),
        wanted: format!("at most {} s", wanted.as_secs()),
        holds: longest <= wanted,
    }
}

/// What was asked of the cluster while walks were answered.
pub fn calls(what: String, calls: &Calls, clusters: usize, within: Duration) -> Bound {
    let beside = calls.beside_probes(clusters, within);
    Bound {
        what,
        measured: format!("{beside} ({calls} in {:.1} s, with the health prober's)", within.as_secs_f64()),
        wanted: "none".to_owned(),
        holds: beside == 0,
    }
}

/// Judged by the worse of the two moments.
pub fn memory(growth: &Growth) -> Bound {
    let [started, asked] = growth.beyond();
    let worse = started.max(asked);
    Bound {
        what: "resident memory beyond the empty server".to_owned(),
        measured: format!("{:.1} MB ({:.1} MiB)", worse as f64 / 1e6, worse as f64 / 1_048_576.0),
        wanted: format!("at most {} MB ({:.1} MiB)", MEMORY / 1_000_000, MEMORY as f64 / 1_048_576.0),
        holds: worse <= MEMORY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Resident;

    #[test]
    fn the_worse_moment_decides_about_memory() {
        let at = |all| Resident { all, anonymous: all, peak: all };
        let growth =
            |started, asked| Growth::new(&[at(30_000_000), at(31_000_000)], at(started), at(asked)).unwrap();
        assert!(memory(&growth(70_000_000, 71_000_000)).holds);
        assert!(!memory(&growth(70_000_001, 71_000_000)).holds);
        assert!(!memory(&growth(70_000_000, 71_000_001)).holds);
    }

    #[test]
    fn the_list_must_be_twenty_times_faster() {
        assert!(list(20.0).holds);
        assert!(!list(19.99).holds);
        assert!(!list(f64::NAN).holds);
    }

    #[test]
    fn a_cost_may_be_as_many_times_the_references_as_the_bound_says() {
        assert!(at_most(String::new(), 1.3, 1.3).holds);
        assert!(!at_most(String::new(), 1.31, 1.3).holds);
        assert!(!at_most(String::new(), f64::NAN, 1.3).holds);
    }

    #[test]
    fn the_longest_time_decides() {
        let bound = |millis| within(String::new(), Duration::from_millis(millis), Duration::from_secs(5));
        assert!(bound(5_000).holds);
        assert!(!bound(5_001).holds);
    }

    #[test]
    fn a_figure_without_a_ratio_is_not_faster() {
        use crate::figure::{Reference, Times};
        let figure = Figure::new("search", Times::of_millis(vec![10.0]));
        assert!(!faster(String::new(), &figure, 5.0).holds);
        let against =
            |millis| figure.clone().against(&Reference::new("scan", Times::of_millis(vec![millis])));
        assert!(faster(String::new(), &against(50.0), 5.0).holds);
        assert!(!faster(String::new(), &against(49.0), 5.0).holds);
    }
}
