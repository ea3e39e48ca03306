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

use std::net::SocketAddr;

use anyhow::ensure;

pub use demo::{Demo, run as demo};
pub use fleet::Fleet;
pub use simulate::{Simulate, run as simulate};

/// Neither of the two is for others than those at this machine.
fn check_loopback(listen: SocketAddr, what: &str) -> anyhow::Result<()> {
    ensure!(
        listen.ip().to_canonical().is_loopback(),
        "--listen {listen}: {what} served on loopback addresses only"
    );
    Ok(())
}
