//! Where fleetgraph keeps what it has to remember itself.

use std::path::PathBuf;

use super::{secret::Secret, settings::settings};

settings! {
    /// What fleetgraph remembers itself: API tokens, clusters that were connected at run time, and who did what.
    pub struct CatalogConfig {
        /// Directory of the embedded database (SQLite); it is made if it is missing. Empty, and without `postgres_dsn`:
        /// in memory, and gone when the server ends.
        directory: PathBuf = PathBuf::new(),
        /// PostgreSQL instead, for several replicas: `postgres://user:password@host:5432/database?sslmode=verify-full`. It is
        /// never printed.
        postgres_dsn: Secret = Secret::default(),
        /// Files with the keys that seal what is kept of credentials: each 32 bytes in base64, one on a line. The first key
        /// seals, all open. Make one with `openssl rand -base64 32`.
        key_files: Vec<PathBuf> = Vec::new(),
        /// Names of environment variables that hold such keys, in the same form; they come after those of the files.
        /// Credential plugins of the configuration's clusters are started with the same environment, and may read them.
        key_variables: Vec<String> = Vec::new(),
    }
}

impl CatalogConfig {
    /// Whether it outlives the server.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        !self.directory.as_os_str().is_empty() || !self.postgres_dsn.is_empty()
    }
}
