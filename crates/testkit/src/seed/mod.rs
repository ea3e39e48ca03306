//! Workloads that look like a company's: teams with namespaces, apps with deployments, pods with probes, sidecars,
//! configuration, volumes and limits. Tests and benchmarks on toy objects miss what costs time in real ones.
//!
//! - [`realistic`] writes what people write (deployments, services, quotas …) and leaves the rest to controllers;
//! - [`pods`] writes a benchmark's pods themselves, already Running, as fast as the API server takes them;
//! - [`Churn`] keeps changing things.

mod churn;
mod node;
mod pods;
mod realistic;
mod workload;
mod write;

pub use churn::{Churn, ChurnSpec};
pub(crate) use node::create_nodes;
pub use pods::{PodBench, pods, pods_in_namespaces};
pub use realistic::{SeedSpec, realistic};

/// On every object that a seed made, so that churn leaves a test's own objects alone.
pub const SEEDED_LABEL: &str = "testkit.fleetgraph.dev/seeded";

/// Pods with this label end as its value says: `image-pull` (ImagePullBackOff) or `crash-loop` (CrashLoopBackOff).
pub const FAULT_LABEL: &str = "testkit.fleetgraph.dev/fault";
