//! A row that was read, its columns by name. What doesn't have the expected type makes the row unreadable, and is said
//! with the column's name, never with the value.

use fleetgraph_core::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use crate::CatalogError;

#[derive(Debug)]
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! get {
    ($row:expr, $column:expr) => {
        match $row {
            Row::Sqlite(row) => row.try_get($column),
            Row::Postgres(row) => row.try_get($column),
        }
        .map_err(|_| unreadable($column))
    };
}

impl Row {
    pub(super) fn sqlite(rows: Vec<SqliteRow>) -> Vec<Self> {
        rows.into_iter().map(Self::Sqlite).collect()
    }

    pub(super) fn postgres(rows: Vec<PgRow>) -> Vec<Self> {
        rows.into_iter().map(Self::Postgres).collect()
    }

    pub(crate) fn int(&self, column: &'static str) -> Result<i64, CatalogError> {
        get!(self, column)
    }

    pub(crate) fn optional_int(&self, column: &'static str) -> Result<Option<i64>, CatalogError> {
        get!(self, column)
    }

    pub(crate) fn flag(&self, column: &'static str) -> Result<bool, CatalogError> {
        match self.int(column)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(unreadable(column)),
        }
    }

    pub(crate) fn time(&self, column: &'static str) -> Result<Timestamp, CatalogError> {
        Ok(Timestamp::from_micros(self.int(column)?))
    }

    pub(crate) fn optional_time(&self, column: &'static str) -> Result<Option<Timestamp>, CatalogError> {
        Ok(self.optional_int(column)?.map(Timestamp::from_micros))
    }

    pub(crate) fn text(&self, column: &'static str) -> Result<String, CatalogError> {
        get!(self, column)
    }

    pub(crate) fn optional_text(&self, column: &'static str) -> Result<Option<String>, CatalogError> {
        get!(self, column)
    }

    pub(crate) fn bytes(&self, column: &'static str) -> Result<Vec<u8>, CatalogError> {
        get!(self, column)
    }
}

fn unreadable(column: &str) -> CatalogError {
    CatalogError::Corrupt(format!("column {column:?} doesn't hold what this release writes"))
}
