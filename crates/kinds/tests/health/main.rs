//! The health of objects, compared with a written table: each case is an object as the API server has it, and what
//! a GitOps user expects to read of it.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod config;
mod network;
mod workloads;

use fleetgraph_core::{HealthState, Kind};
use serde_json::Value;

/// What an object's columns say of its health.
fn health<K: Kind>(object: &Value) -> (HealthState, String) {
    let columns = K::columns(&object.to_string()).unwrap();
    let health = K::health(&columns);
    (health.state, health.reason.to_string())
}

/// Checks a table of cases and names each that differs.
fn check<K: Kind>(cases: &[(&str, Value, HealthState, &str)]) {
    let differs: Vec<String> = cases
        .iter()
        .filter_map(|(name, object, state, reason)| {
            let found = health::<K>(object);
            (found != (*state, (*reason).to_owned()))
                .then(|| format!("{} {name}: {found:?}, not {:?}", K::META.kind, (state, reason)))
        })
        .collect();
    assert!(differs.is_empty(), "{}", differs.join("\n"));
}
