//! End to end: the real program against real API servers, asked over HTTP and WebSocket, compared with what the API
//! servers say themselves.
//!
//! Nothing here is timed. How fast a change arrives is printed, and measured by `make bench`.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]
#![expect(clippy::print_stderr, reason = "what was seen is part of a test's output")]

mod bad_input;
mod bed;
mod client;
mod compare;
mod connected;
mod custom;
mod every_kind;
mod faults;
mod graph;
mod kept;
mod keys;
mod live;
mod oracle;
mod pages;
mod pii;
mod quotas;
mod secrets;
mod selectors;
#[path = "../server/mod.rs"]
#[expect(dead_code, reason = "shared with the tests of the server's life cycle")]
mod server;
mod standards;
mod tenants;
mod tokens;
mod writes;
