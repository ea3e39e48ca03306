//! One way to speak to both engines.
//!
//! The statements of this crate are written once, in the SQL that both engines share: `$1` placeholders, three types
//! (a 64-bit integer, text, bytes), `string_agg`, `RETURNING`, `ON CONFLICT`. Only the migrations have two forms. So there
//! is an enum here, and neither a trait nor `sqlx::Any`, which would go through one more layer of types.

mod open;
mod row;
mod value;

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

pub(crate) use self::open::open;
pub(crate) use self::row::Row;
use self::value::bind;
pub(crate) use self::value::{Value, values};
use crate::CatalogError;

/// Pools of connections. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// SQLite has one writer at a time. With one connection for writing, writers of this process wait in line for it,
    /// rather than in SQLite's sleeps; other processes are met by its busy time-out. A catalog in memory lives in its
    /// one connection, which is then both.
    Sqlite {
        read: SqlitePool,
        write: SqlitePool,
    },
    Postgres(PgPool),
}

/// A transaction that is rolled back unless it is committed.
#[derive(Debug)]
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Db {
    /// Begins a transaction that may write. On SQLite it takes the write lock at once: one that reads first and then
    /// writes would be refused if another had written between.
    pub(crate) async fn begin(&self) -> Result<Tx, CatalogError> {
        Ok(match self {
            Self::Sqlite { write, .. } => Tx::Sqlite(write.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    pub(crate) async fn rows(
        &self,
        sql: impl sqlx::SqlSafeStr,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, CatalogError> {
        let sql = sql.into_sql_str();
        Ok(match self {
            Self::Sqlite { read, .. } => {
                Row::sqlite(bind!(sqlx::query::<Sqlite>(sql), values).fetch_all(read).await?)
            }
            Self::Postgres(pool) => {
                Row::postgres(bind!(sqlx::query::<Postgres>(sql), values).fetch_all(pool).await?)
            }
        })
    }

    pub(crate) async fn row(
        &self,
        sql: impl sqlx::SqlSafeStr,
        values: Vec<Value>,
    ) -> Result<Option<Row>, CatalogError> {
        Ok(self.rows(sql, values).await?.pop())
    }

    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { read, write } => {
                read.close().await;
                write.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Runs a statement, and says how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: impl sqlx::SqlSafeStr,
        values: Vec<Value>,
    ) -> Result<u64, CatalogError> {
        let sql = sql.into_sql_str();
        Ok(match self {
            Self::Sqlite(tx) => {
                bind!(sqlx::query::<Sqlite>(sql), values).execute(&mut **tx).await?.rows_affected()
            }
            Self::Postgres(tx) => {
                bind!(sqlx::query::<Postgres>(sql), values).execute(&mut **tx).await?.rows_affected()
            }
        })
    }

    pub(crate) async fn rows(
        &mut self,
        sql: impl sqlx::SqlSafeStr,
        values: Vec<Value>,
    ) -> Result<Vec<Row>, CatalogError> {
        let sql = sql.into_sql_str();
        Ok(match self {
            Self::Sqlite(tx) => {
                Row::sqlite(bind!(sqlx::query::<Sqlite>(sql), values).fetch_all(&mut **tx).await?)
            }
            Self::Postgres(tx) => {
                Row::postgres(bind!(sqlx::query::<Postgres>(sql), values).fetch_all(&mut **tx).await?)
            }
        })
    }

    pub(crate) async fn row(
        &mut self,
        sql: impl sqlx::SqlSafeStr,
        values: Vec<Value>,
    ) -> Result<Option<Row>, CatalogError> {
        Ok(self.rows(sql, values).await?.pop())
    }

    /// Runs several statements without values, such as a migration.
    pub(crate) async fn script(&mut self, sql: &'static str) -> Result<(), CatalogError> {
        match self {
            Self::Sqlite(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(drop)?,
            Self::Postgres(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(drop)?,
        }
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), CatalogError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }
}
