//! Authentication against real peers: an issuer that fails in every way, API servers as issuers and as reviewers, and an
//! API server that judges the same tokens.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod cluster;
mod differential;
mod hostile;
mod issuers;
mod order;
mod support;
