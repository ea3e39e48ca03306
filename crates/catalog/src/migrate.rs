//! The schema's versions. They only go forward: what a release has written once is never edited, a later release adds.
//!
//! The version is the number of the last migration, in the table `schema_version`. Whoever opens the catalog applies what
//! is missing, all in one transaction that only one process at a time can be in, and refuses a catalog that is newer than
//! itself.

use fleetgraph_core::Timestamp;

use crate::CatalogError;
use crate::db::{Db, Tx, values};

struct Migration {
    version: i64,
    sqlite: &'static str,
    postgres: &'static str,
}

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    sqlite: include_str!("../migrations/sqlite/0001.sql"),
    postgres: include_str!("../migrations/postgres/0001.sql"),
}];

/// Taken for the length of the transaction. Any number that nothing else in the database uses. Whoever waits for it, or
/// changes a large table, may take longer than a call.
const POSTGRES_LOCK: &str = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
     SELECT pg_advisory_xact_lock(7021893466122071)";

const CREATE_VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_version \
     (version BIGINT NOT NULL PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// Brings the schema to the newest version that this release knows.
pub(crate) async fn migrate(db: &Db) -> Result<(), CatalogError> {
    migrate_to(db, MIGRATIONS).await
}

async fn migrate_to(db: &Db, migrations: &[Migration]) -> Result<(), CatalogError> {
    let known = migrations.last().map_or(0, |migration| migration.version);
    // On SQLite this waits for the write lock, so it is exclusive already.
    let mut tx = db.begin().await?;
    if matches!(tx, Tx::Postgres(_)) {
        tx.script(POSTGRES_LOCK).await?;
    }
    tx.script(CREATE_VERSIONS).await?;
    let row = tx.row("SELECT coalesce(max(version), 0) AS version FROM schema_version", vec![]).await?;
    let found = row.map_or(Ok(0), |row| row.int("version"))?;
    if found > known {
        return Err(CatalogError::TooNew { found, known });
    }
    for migration in migrations.iter().filter(|migration| migration.version > found) {
        tx.script(match tx {
            Tx::Sqlite(_) => migration.sqlite,
            Tx::Postgres(_) => migration.postgres,
        })
        .await?;
        tx.execute(
            "INSERT INTO schema_version (version, applied_at) VALUES ($1, $2)",
            values![migration.version, Timestamp::now()],
        )
        .await?;
        tracing::info!(version = migration.version, "the catalog's schema was brought forward");
    }
    tx.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_up_from_one() {
        let versions: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=versions.len() as i64).collect::<Vec<_>>());
    }
}
