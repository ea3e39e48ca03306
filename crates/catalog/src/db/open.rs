//! Pools: how each engine is connected to.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::Db;
use crate::{CatalogError, Location, Settings};

/// The file in a data directory.
const FILE: &str = "catalog.db";

pub(crate) async fn open(settings: &Settings) -> Result<Db, CatalogError> {
    if settings.connections == 0 {
        return Err(CatalogError::Settings("at least one connection is needed".to_owned()));
    }
    match &settings.location {
        Location::Memory => memory(settings).await,
        Location::Directory(directory) => file(directory, settings).await,
        Location::Postgres(dsn) => postgres(dsn, settings).await,
    }
}

/// The one connection holds the data, so it must never be given back to be closed.
async fn memory(settings: &Settings) -> Result<Db, CatalogError> {
    let only = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .acquire_timeout(settings.call_timeout)
        .connect_with(SqliteConnectOptions::new().filename(":memory:").in_memory(true))
        .await?;
    Ok(Db::Sqlite { read: only.clone(), write: only })
}

async fn file(directory: &Path, settings: &Settings) -> Result<Db, CatalogError> {
    // For the owner alone: it names users and clusters, even where the credentials are sealed. SQLite gives its journal
    // the rights of the file beside it.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let path = directory.join(FILE);
    fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        // What was acknowledged survives a power cut: an intent in the audit trail is written before the deed.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(settings.call_timeout);
    let pool = || SqlitePoolOptions::new().acquire_timeout(settings.call_timeout);
    let write = pool().max_connections(1).connect_with(options.clone()).await?;
    let read =
        pool().max_connections(settings.connections).connect_with(options.pragma("query_only", "on")).await?;
    Ok(Db::Sqlite { read, write })
}

async fn postgres(dsn: &SecretString, settings: &Settings) -> Result<Db, CatalogError> {
    let options = postgres_options(dsn)?.application_name("fleetgraph");
    let limit = settings.call_timeout.max(Duration::from_millis(1)).as_millis();
    // The server ends what we no longer wait for, and the transaction of a process that is stopped while it holds a
    // lock that the other replicas wait for. Set by a statement: poolers refuse it among the connection's parameters.
    let limits: Arc<str> = format!(
        "SET statement_timeout = {limit}; SET lock_timeout = {limit}; \
         SET idle_in_transaction_session_timeout = {}",
        limit * 2
    )
    .into();
    let pool = PgPoolOptions::new()
        .max_connections(settings.connections)
        .acquire_timeout(settings.call_timeout)
        .after_connect(move |connection, _| {
            let limits = AssertSqlSafe(Arc::clone(&limits));
            Box::pin(async move { sqlx::raw_sql(limits).execute(connection).await.map(drop) })
        })
        .connect_with(options)
        .await?;
    Ok(Db::Postgres(pool))
}

/// The parameters that sqlx reads. Others it would ignore with a warning that shows their value, be it a misspelled
/// `password`.
const PARAMETERS: [&str; 19] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
    "options[search_path]",
];

fn postgres_options(dsn: &SecretString) -> Result<PgConnectOptions, CatalogError> {
    let dsn = dsn.expose_secret();
    let wrong = |why: &str| CatalogError::Settings(format!("the DSN of PostgreSQL {why}"));
    if !dsn.starts_with("postgres://") && !dsn.starts_with("postgresql://") {
        return Err(wrong("doesn't begin with postgres:// or postgresql://"));
    }
    if let Some((_, query)) = dsn.split_once('?') {
        for (at, parameter) in query.split('&').enumerate() {
            let key = parameter.split_once('=').map_or(parameter, |(key, _)| key);
            if !PARAMETERS.contains(&key) {
                return Err(wrong(&format!("has an unknown parameter, number {}", at + 1)));
            }
        }
    }
    // The parser's own message may quote a value.
    PgConnectOptions::from_str(dsn)
        .map_err(|_| wrong("isn't of the form postgres://user:password@host:port/database?sslmode=…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dsn_that_cannot_work_is_refused_without_its_words() {
        for dsn in [
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h:notaport/d",
            "postgres://u@h/d?passwrod=hunter2",
            "postgres://u:p@h/d?sslmode=hunter2",
            "postgres://u@h/d?port=hunter2",
        ] {
            let error = postgres_options(&dsn.into()).unwrap_err();
            assert!(matches!(error, CatalogError::Settings(_)), "{error}");
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
        assert!(postgres_options(&"postgres://u:p@h:5433/d?sslmode=verify-full".into()).is_ok());
    }
}
