//! The composition root: it reads the configuration, puts the parts together, and sees to their life and end.
//!
//! It is the only crate that knows all others, and it holds no rule of the fleet itself.

pub mod cli;
mod clusters;
mod command;
pub mod config;
mod connected;
mod gate;
pub mod lifecycle;
mod presented;
mod readiness;
mod reload;
mod remembered;
mod serve;
mod simulated;
pub mod telemetry;
mod tenants;
mod writer;
