//! Where the clusters of a company stand, and what they are called.

use std::sync::Arc;

/// What is decided about one cluster before anything is in it.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub name: Arc<str>,
    pub environment: &'static str,
    pub region: &'static str,
    pub zones: [String; 3],
    /// Of the kubelets; the API server's has a `v` as well.
    pub version: &'static str,
}

const PLACES: &[(&str, &str, &str)] = &[
    ("prod", "eu-west", "eu-west-1"),
    ("prod", "us-east", "us-east-1"),
    ("staging", "eu-west", "eu-west-1"),
    ("prod", "ap-south", "ap-southeast-1"),
    ("staging", "us-east", "us-east-1"),
    ("prod", "us-west", "us-west-2"),
    ("dev", "eu-west", "eu-west-1"),
    ("prod", "eu-central", "eu-central-1"),
    ("prod", "sa-east", "sa-east-1"),
    ("dev", "us-east", "us-east-1"),
    ("prod", "eu-north", "eu-north-1"),
    ("perf", "eu-west", "eu-west-1"),
];

const VERSIONS: &[&str] = &["v1.36.3", "v1.36.1", "v1.35.6", "v1.36.3", "v1.34.9"];

/// The `index`th cluster of a fleet: `prod-eu-west`, later `prod-eu-west-7`.
pub(super) fn place(index: usize) -> Place {
    let (environment, short, region) = PLACES[index % PLACES.len()];
    let round = index / PLACES.len();
    let name = match round {
        0 => format!("{environment}-{short}"),
        _ => format!("{environment}-{short}-{}", round + 1),
    };
    Place {
        name: name.into(),
        environment,
        region,
        zones: ["a", "b", "c"].map(|zone| format!("{region}{zone}")),
        version: VERSIONS[(index + round) % VERSIONS.len()],
    }
}
