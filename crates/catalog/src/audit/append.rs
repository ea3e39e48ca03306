//! Adding records. Each holds the hash of the one before it, so they are added one after the other over all processes:
//! the head's row is locked on PostgreSQL, and SQLite's transaction has the only write lock there is.

use std::fmt::Write as _;

use sqlx::AssertSqlSafe;

use super::chain::AuditHead;
use super::record::{AuditRecord, Columns, TEXTS};
use crate::db::{Tx, Value, values};
use crate::{Catalog, CatalogError};

impl Catalog {
    /// Adds records in one transaction. Returns the head after each of them.
    ///
    /// Servers use an [`super::AuditQueue`], which does this for many callers at once.
    ///
    /// # Errors
    /// When the database doesn't answer. After [`CatalogError::Timeout`] and [`CatalogError::Unavailable`], the records may
    /// be in the trail nevertheless.
    pub async fn append_audit(&self, records: &[AuditRecord]) -> Result<Vec<AuditHead>, CatalogError> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        self.within(async {
            let mut tx = self.db().begin().await?;
            let mut head = lock_head(&mut tx).await?;
            let (mut heads, mut rows) =
                (Vec::with_capacity(records.len()), Vec::with_capacity(records.len()));
            for columns in records.iter().map(Columns::of) {
                head = head.then(&columns);
                heads.push(head);
                rows.push((head, columns));
            }
            insert(&mut tx, rows).await?;
            tx.execute(
                "UPDATE audit_head SET seq = $1, hash = $2 WHERE id = 1",
                values![head.seq, head.hash.as_slice()],
            )
            .await?;
            tx.commit().await?;
            Ok(heads)
        })
        .await
    }

    /// The newest record's place and hash, to be kept where the database's administrator can't change it.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn audit_head(&self) -> Result<AuditHead, CatalogError> {
        let row =
            self.within(async { self.db().row("SELECT seq, hash FROM audit_head", vec![]).await }).await?;
        AuditHead::read(&row.ok_or_else(no_head)?)
    }
}

async fn lock_head(tx: &mut Tx) -> Result<AuditHead, CatalogError> {
    let sql = match tx {
        Tx::Sqlite(_) => "SELECT seq, hash FROM audit_head",
        Tx::Postgres(_) => "SELECT seq, hash FROM audit_head FOR UPDATE",
    };
    AuditHead::read(&tx.row(sql, vec![]).await?.ok_or_else(no_head)?)
}

fn no_head() -> CatalogError {
    CatalogError::Corrupt("the head of the audit trail is missing".to_owned())
}

/// Rows of one statement at most. Their number is a power of two, so there are few statements to prepare.
const ROWS: usize = 64;

async fn insert(tx: &mut Tx, rows: Vec<(AuditHead, Columns)>) -> Result<(), CatalogError> {
    let mut left = rows.len();
    let mut rows = rows.into_iter();
    while left > 0 {
        let batch = ROWS.min(1 << left.ilog2());
        left -= batch;
        let values: Vec<Value> = rows
            .by_ref()
            .take(batch)
            .flat_map(|(head, columns)| columns.values(head.seq, &head.hash))
            .collect();
        tx.execute(AssertSqlSafe(statement(batch)), values).await?;
    }
    Ok(())
}

fn statement(rows: usize) -> String {
    const COLUMNS: usize = TEXTS.len() + 3;
    let mut sql = format!("INSERT INTO audit (seq, at, {}, hash) VALUES ", TEXTS.join(", "));
    for row in 0..rows {
        let places: Vec<_> = (1..=COLUMNS).map(|at| format!("${}", row * COLUMNS + at)).collect();
        // A String takes all that is written to it.
        let _infallible = write!(sql, "{}({})", if row == 0 { "" } else { ", " }, places.join(", "));
    }
    sql
}
