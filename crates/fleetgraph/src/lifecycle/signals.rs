//! The signals that ask the server to end.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM (what a container runtime sends) and SIGINT (Ctrl-C). Once they are listened for, they no longer end the process
/// by themselves.
#[derive(Debug)]
pub struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    /// Begins to listen. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the process may not listen for signals.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, int: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them, and says which.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}
