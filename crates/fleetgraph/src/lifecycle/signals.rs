//! The signals that ask the server to end, and the one that asks it to read its configuration again.

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

/// SIGHUP. Once it is listened for, it no longer ends the process.
#[derive(Debug)]
pub struct Hangups(Signal);

impl Hangups {
    /// Begins to listen. Needs a Tokio runtime.
    ///
    /// # Errors
    /// When the process may not listen for signals.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Waits for one. Several that come before may be one.
    pub async fn next(&mut self) {
        // The stream of a signal has no end.
        let _ = self.0.recv().await;
    }
}
