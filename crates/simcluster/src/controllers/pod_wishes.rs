//! How a pod behaves, as far as its author says it.
//!
//! | said by | effect |
//! |---|---|
//! | image `…:broken`, or a tag that ends in `-missing` | the image can't be pulled |
//! | annotation `simcluster.dev/crash-after: 5s`, or the variable `SIMCLUSTER_CRASH_AFTER` | the container crashes that long after each start |
//! | annotation `simcluster.dev/run-for: 20s` | how long a job's pod runs (otherwise some seconds) |
//! | annotation `simcluster.dev/fail: "true"`, or the variable `SIMCLUSTER_FAIL` | a job's pod fails |
//! | `initialDelaySeconds` of the readiness probe | ready so much after the start |

use serde_json::Value;

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Wishes {
    pub crash_after_ms: Option<i64>,
    pub ready_after_ms: i64,
    /// It is a job's.
    pub ends: bool,
    pub fails: bool,
    run_for_ms: i64,
}

fn said(pod: &Value, annotation: &str, variable: &str) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let env = pod["spec"]["containers"][0]["env"].as_array().into_iter().flatten();
    text(&pod["metadata"]["annotations"][format!("simcluster.dev/{annotation}")])
        .or_else(|| env.filter(|entry| entry["name"] == variable).find_map(|entry| text(&entry["value"])))
}

/// `5s`, `500ms`, `2m`, or seconds; what can't be read is a second.
fn duration_ms(text: &str) -> i64 {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor = match unit {
        "ms" => 1,
        "m" => 60_000,
        _ => 1_000,
    };
    number.parse::<i64>().unwrap_or(1).saturating_mul(factor).clamp(1, 86_400_000)
}

impl Wishes {
    pub fn of(pod: &Value) -> Self {
        let probe = &pod["spec"]["containers"][0]["readinessProbe"];
        let ready = if probe.is_object() {
            (probe["initialDelaySeconds"].as_i64().unwrap_or(0) * 1000).clamp(500, 600_000)
        } else {
            0
        };
        let restarts = pod["spec"]["restartPolicy"].as_str().unwrap_or("Always");
        Self {
            crash_after_ms: said(pod, "crash-after", "SIMCLUSTER_CRASH_AFTER").map(|text| duration_ms(&text)),
            ready_after_ms: ready,
            ends: restarts != "Always",
            fails: said(pod, "fail", "SIMCLUSTER_FAIL").is_some_and(|text| text == "true"),
            run_for_ms: said(pod, "run-for", "SIMCLUSTER_RUN_FOR").map_or(6_000, |text| duration_ms(&text)),
        }
    }

    /// From the start of the container to what comes next.
    pub fn first_ms(&self) -> i64 {
        match self.crash_after_ms {
            _ if self.ends => self.run_for_ms,
            Some(after) => after,
            None => self.ready_after_ms.max(1_000),
        }
    }
}

pub(super) fn is_missing(image: &str) -> bool {
    let tag = image.rsplit('/').next().and_then(|name| name.split_once(':')).map_or("", |(_, tag)| tag);
    tag == "broken" || tag.ends_with("-missing")
}
