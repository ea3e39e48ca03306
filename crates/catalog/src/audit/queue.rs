//! Records of many callers in few transactions.
//!
//! A transaction on disk takes milliseconds, and only one at a time can add to the chain. So callers put their records
//! into a queue, and one task writes all that is there at once. Each caller is answered when its own record is durable.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::chain::AuditHead;
use super::record::AuditRecord;
use super::refusals::Refusals;
use crate::{Catalog, CatalogError};

/// Records that wait at most; a caller beyond that waits for a place. Nothing is dropped.
const WAITING: usize = 1024;
/// Records of one transaction at most.
const BATCH: usize = 256;

type Job = (AuditRecord, oneshot::Sender<Result<AuditHead, CatalogError>>);

/// The way into the trail. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AuditQueue {
    jobs: mpsc::Sender<Job>,
    refusals: Arc<Refusals>,
}

/// Writes what the queue holds. Whoever makes the queue runs this as a task, and ends if it ends early.
#[derive(Debug)]
pub struct AuditWriter {
    catalog: Catalog,
    jobs: mpsc::Receiver<Job>,
}

impl AuditQueue {
    /// An empty queue, and the task that writes what is put into it.
    #[must_use]
    pub fn new(catalog: Catalog) -> (Self, AuditWriter) {
        let (sender, jobs) = mpsc::channel(WAITING);
        (Self { jobs: sender, refusals: Arc::default() }, AuditWriter { catalog, jobs })
    }

    /// Adds a record, and returns when it is durable. A caller that gives up waiting may find its record written all the
    /// same.
    ///
    /// # Errors
    /// [`CatalogError::NotRecorded`] when the database didn't take it, [`CatalogError::Closed`] when the task has ended.
    pub async fn append(&self, record: AuditRecord) -> Result<AuditHead, CatalogError> {
        let (answer, written) = oneshot::channel();
        self.jobs.send((record, answer)).await.map_err(|_| CatalogError::Closed)?;
        written.await.unwrap_or(Err(CatalogError::Closed))
    }

    /// Adds a record of something that was refused to a caller, or to an address that has none. Of one that is refused too
    /// often, only some go on record; the next that does says how many did not, as `leftOut`.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn append_refusal(&self, mut record: AuditRecord) -> Result<(), CatalogError> {
        let key = if record.user.is_empty() { record.address.as_deref() } else { Some(&*record.user) };
        let Some(left_out) = self.refusals.admit(key.unwrap_or_default(), Instant::now()) else {
            return Ok(());
        };
        if left_out > 0 {
            record.details["leftOut"] = left_out.into();
        }
        self.append(record).await.map(drop)
    }
}

impl AuditWriter {
    /// Runs until every [`AuditQueue`] is gone and all that was in it is written.
    pub async fn run(mut self) {
        let mut jobs = Vec::new();
        while self.jobs.recv_many(&mut jobs, BATCH).await > 0 {
            let (records, answers): (Vec<_>, Vec<_>) = jobs.drain(..).unzip();
            match self.catalog.append_audit(&records).await {
                Ok(heads) => {
                    // Outside of the database, where who writes to it anew can't.
                    if let Some(head) = heads.last() {
                        tracing::info!(target: "audit", %head, "the head of the audit trail");
                    }
                    for (answer, head) in answers.into_iter().zip(heads) {
                        let _gave_up = answer.send(Ok(head));
                    }
                }
                Err(error) => {
                    tracing::error!(%error, records = records.len(), "audit records were not written");
                    let error = Arc::new(error);
                    for answer in answers {
                        let _gave_up = answer.send(Err(CatalogError::NotRecorded(Arc::clone(&error))));
                    }
                }
            }
        }
    }
}
