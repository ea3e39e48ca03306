//! What goes wrong with the catalog. Texts are for operators; none holds the DSN, a token, or a sealed value.

use std::sync::Arc;
use std::time::Duration;

use crate::seal::SealError;

/// Why the catalog didn't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error("the catalog's settings are wrong: {0}")]
    Settings(String),
    #[error("the catalog's file can't be opened: {0}")]
    File(#[from] std::io::Error),
    /// Written by a later release: going on could damage what it wrote.
    #[error(
        "the catalog has version {found}, and this release knows versions up to {known}; \
         use the release that wrote it, or a later one"
    )]
    TooNew { found: i64, known: i64 },
    #[error("the catalog did not answer within {0:?}")]
    Timeout(Duration),
    #[error("the catalog can't be reached: {0}")]
    Unavailable(#[source] sqlx::Error),
    /// The database refused a statement for a reason that no caller can cause.
    #[error("the catalog's database refused a statement: {0}")]
    Database(#[source] sqlx::Error),
    /// What was read back isn't what this release writes.
    #[error("the catalog holds something unreadable: {0}")]
    Corrupt(String),
    /// An argument can't be stored as it is.
    #[error("{0}")]
    Invalid(String),
    #[error("{what} {name:?} exists already")]
    Exists { what: &'static str, name: String },
    #[error("there is no {what} {name:?}")]
    NotFound { what: &'static str, name: String },
    #[error("{what} {name:?} is still in use")]
    InUse { what: &'static str, name: String },
    /// Somebody else changed it since it was read.
    #[error("{what} {name:?} was changed meanwhile; read it again")]
    Conflict { what: &'static str, name: String },
    #[error(transparent)]
    Seal(#[from] SealError),
    /// A record is not known to be in the audit trail, so what it speaks of must not be done.
    #[error("the audit record could not be written: {0}")]
    NotRecorded(#[source] Arc<CatalogError>),
    /// The task that does the work has ended, as it does at shutdown.
    #[error("the catalog is being closed")]
    Closed,
}

impl CatalogError {
    /// Whether the same call may succeed later, without anyone changing it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Unavailable(_) => true,
            Self::Seal(error) => error.is_passing(),
            Self::NotRecorded(error) => error.is_passing(),
            _ => false,
        }
    }
}

impl From<sqlx::Error> for CatalogError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match error {
            E::Io(_) | E::Tls(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed | E::Protocol(_) => {
                Self::Unavailable(error)
            }
            E::Database(ref database) if is_passing(database.code().as_deref()) => Self::Unavailable(error),
            E::ColumnDecode { .. } | E::Decode(_) | E::RowNotFound => Self::Corrupt(error.to_string()),
            _ => Self::Database(error),
        }
    }
}

/// SQLSTATE classes of a server that is starting, stopping, full or out of time, and SQLite's busy and locked.
fn is_passing(code: Option<&str>) -> bool {
    code.is_some_and(|code| {
        matches!(code.get(..2), Some("08" | "53" | "57" | "40")) && code.len() == 5
            || matches!(code, "55P03" | "25P03")
            || code.parse::<u32>().is_ok_and(|n| code.len() < 5 && matches!(n & 0xff, 5 | 6))
    })
}

/// What a constraint says of an insert: that the thing exists, or that what it refers to doesn't.
pub(crate) fn on_conflict(error: CatalogError, what: &'static str, name: &str) -> CatalogError {
    match &error {
        CatalogError::Database(sqlx::Error::Database(database)) if database.is_unique_violation() => {
            CatalogError::Exists { what, name: name.to_owned() }
        }
        _ => error,
    }
}

/// What a constraint says of a reference to a tenant that isn't there.
pub(crate) fn on_missing_tenant(error: CatalogError, tenant: &str) -> CatalogError {
    match &error {
        CatalogError::Database(sqlx::Error::Database(database)) if database.is_foreign_key_violation() => {
            CatalogError::NotFound { what: "tenant", name: tenant.to_owned() }
        }
        _ => error,
    }
}

/// What a constraint says of a removal: that something still refers to it.
pub(crate) fn on_still_used(error: CatalogError, what: &'static str, name: &str) -> CatalogError {
    match &error {
        CatalogError::Database(sqlx::Error::Database(database)) if database.is_foreign_key_violation() => {
            CatalogError::InUse { what, name: name.to_owned() }
        }
        _ => error,
    }
}
