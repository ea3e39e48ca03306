//! Where the catalog is, and its bounds.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// Where the catalog is kept. `Debug` shows no DSN, which may hold a password.
#[derive(Debug, Clone)]
pub enum Location {
    /// Gone with the last handle: for the demo, and tests.
    Memory,
    /// `catalog.db` in this directory, which is made if it is missing.
    Directory(PathBuf),
    /// `postgres://user:password@host:port/database?sslmode=verify-full&sslrootcert=…`
    Postgres(SecretString),
}

/// The settings of [`crate::Catalog::open`].
#[derive(Debug, Clone)]
pub struct Settings {
    pub location: Location,
    /// Connections at most. Calls beyond that wait for one, within `call_timeout`. SQLite has one more, for writing.
    pub connections: u32,
    /// How long a call may take, the wait for a connection included. A walk over everything (verifying the audit
    /// trail, rotating keys) is many calls.
    pub call_timeout: Duration,
}

impl Settings {
    #[must_use]
    pub fn new(location: Location) -> Self {
        Self { location, connections: 8, call_timeout: Duration::from_secs(5) }
    }
}
