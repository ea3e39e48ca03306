//! Simulated clusters: `fleetgraph simulate` serves them, `fleetgraph demo` shows what fleetgraph makes of them.
//!
//! The clusters run in a process of their own, behind HTTPS, so that they are reached as real ones are.
//!
//! ```text
//!   fleetgraph demo ──starts──▶ fleetgraph simulate      kubeconfig, configuration ─▶ a directory that goes with the demo
//!        └ serve ────HTTPS────────▶ /clusters/<name>
//! ```

mod demo;
mod fleet;
mod simulate;

pub use demo::{Demo, run as demo};
pub use fleet::Fleet;
pub use simulate::{Simulate, run as simulate};
