//! Walking the chain from the first record to the head.

use sqlx::AssertSqlSafe;

use super::chain::AuditHead;
use super::record::{Columns, TEXTS};
use crate::db::{Row, values};
use crate::{Catalog, CatalogError};

/// What a walk along the trail found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verification {
    /// Every record up to this head is as it was written.
    Intact(AuditHead),
    /// What stands before `seq` is as it was written. At `seq`, and after it, nothing is sure.
    Broken { seq: i64, how: Break },
}

/// How a trail is broken at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The record, or one that stood there, was changed, or another was put into its place.
    Changed,
    /// The record was removed, and there are later ones.
    Removed,
    /// The head, or the copy of an earlier one, says that there was a record here; there is none, and none after it.
    Truncated,
    /// There is a record after the head.
    AfterHead,
    /// The records agree with one another, but not with the head.
    Head,
    /// The records agree with one another, but not with the copy of an earlier head: all were written anew.
    Rewritten,
}

impl Catalog {
    /// Walks the whole trail. With a copy of an earlier head that was kept elsewhere, it also says whether the trail
    /// still is the one that the copy was taken of.
    ///
    /// # Errors
    /// When the database doesn't answer. A broken trail isn't an error.
    pub async fn verify_audit(&self, earlier: Option<&AuditHead>) -> Result<Verification, CatalogError> {
        let sql = "SELECT seq, hash, (SELECT max(seq) FROM audit) AS newest FROM audit_head";
        let row = self.within(async { self.db().row(sql, vec![]).await }).await?;
        let (head, newest) = match &row {
            Some(row) => (AuditHead::read(row)?, row.optional_int("newest")?.unwrap_or(0)),
            None => return Ok(Verification::Broken { seq: 1, how: Break::Head }),
        };
        let mut at = AuditHead::EMPTY;
        while at.seq < head.seq {
            let rows = self.audit_after(at.seq, head.seq).await?;
            if rows.is_empty() {
                return Ok(Verification::Broken { seq: at.seq + 1, how: Break::Truncated });
            }
            for row in &rows {
                match step(&at, row) {
                    Ok(next) => at = next,
                    Err(how) => return Ok(Verification::Broken { seq: at.seq + 1, how }),
                }
                if earlier.is_some_and(|earlier| earlier.seq == at.seq && *earlier != at) {
                    return Ok(Verification::Broken { seq: at.seq, how: Break::Rewritten });
                }
            }
        }
        let broken = |seq, how| Ok(Verification::Broken { seq, how });
        if at != head {
            return broken(head.seq, Break::Head);
        }
        if newest > head.seq {
            return broken(head.seq + 1, Break::AfterHead);
        }
        if earlier.is_some_and(|earlier| earlier.seq > head.seq) {
            return broken(head.seq + 1, Break::Truncated);
        }
        Ok(Verification::Intact(head))
    }

    async fn audit_after(&self, seq: i64, up_to: i64) -> Result<Vec<Row>, CatalogError> {
        let sql = format!(
            "SELECT seq, at, {}, hash FROM audit WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT 500",
            TEXTS.join(", ")
        );
        self.within(async { self.db().rows(AssertSqlSafe(sql), values![seq, up_to]).await }).await
    }
}

fn step(at: &AuditHead, row: &Row) -> Result<AuditHead, Break> {
    let stored = AuditHead::read(row).map_err(|_| Break::Changed)?;
    if stored.seq != at.seq + 1 {
        return Err(Break::Removed);
    }
    let next = at.then(&Columns::read(row).map_err(|_| Break::Changed)?);
    if next == stored { Ok(next) } else { Err(Break::Changed) }
}
