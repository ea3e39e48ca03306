//! The handle: opening, readiness, and what every call has in common.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use crate::db::{self, Db, Tx, values};
use crate::seal::Sealer;
use crate::{CatalogError, Settings, migrate};

/// How long opening may take: the migrations of a large catalog, or the wait while another process applies them.
const MIGRATE_WITHIN: Duration = Duration::from_secs(120);

/// The catalog. Cheap to clone; all clones share one set of connections.
#[derive(Debug, Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Db,
    sealer: Sealer,
    call_timeout: Duration,
}

/// How often each thing was changed, by any process. Equal counters: nothing changed between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changes {
    pub tokens: i64,
    pub clusters: i64,
    pub tenants: i64,
}

/// What has a counter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Topic {
    Tokens,
    Clusters,
    Tenants,
}

impl Catalog {
    /// Opens the catalog and brings its schema forward.
    ///
    /// # Errors
    /// When the settings can't work, the database can't be reached, or a later release wrote it
    /// ([`CatalogError::TooNew`]).
    pub async fn open(settings: &Settings, sealer: Sealer) -> Result<Self, CatalogError> {
        let call_timeout = settings.call_timeout;
        let db = within(call_timeout, db::open(settings)).await?;
        within(MIGRATE_WITHIN, migrate::migrate(&db)).await?;
        Ok(Self { inner: Arc::new(Inner { db, sealer, call_timeout }) })
    }

    /// Whether the database answers, for readiness.
    ///
    /// # Errors
    /// When it doesn't.
    pub async fn ping(&self) -> Result<(), CatalogError> {
        self.within(async { self.db().row("SELECT 1 AS one", vec![]).await.map(drop) }).await
    }

    /// What changed, over all processes: one cheap query, to be asked every second or so.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn changes(&self) -> Result<Changes, CatalogError> {
        let rows =
            self.within(async { self.db().rows("SELECT topic, counter FROM changes", vec![]).await }).await?;
        let mut changes = Changes::default();
        for row in rows {
            let counter = row.int("counter")?;
            match row.text("topic")?.as_str() {
                "tokens" => changes.tokens = counter,
                "clusters" => changes.clusters = counter,
                "tenants" => changes.tenants = counter,
                // Of a later release, which this one can work beside.
                _ => {}
            }
        }
        Ok(changes)
    }

    /// Whether there is a key to seal with.
    #[must_use]
    pub fn can_seal(&self) -> bool {
        self.sealer().has_keys()
    }

    /// Waits for calls under way and closes all connections. Later calls are refused.
    pub async fn close(&self) {
        self.inner.db.close().await;
    }

    pub(crate) fn db(&self) -> &Db {
        &self.inner.db
    }

    pub(crate) fn sealer(&self) -> &Sealer {
        &self.inner.sealer
    }

    /// Bounds a call in time. What is given up is rolled back.
    pub(crate) async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, CatalogError>>,
    ) -> Result<T, CatalogError> {
        within(self.inner.call_timeout, call).await
    }
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, CatalogError>>,
) -> Result<T, CatalogError> {
    tokio::time::timeout(limit, call).await.unwrap_or(Err(CatalogError::Timeout(limit)))
}

/// Raises a counter and returns it. The row stays locked until the transaction ends, so counters become visible in order:
/// whoever has seen 7 will never learn of a 6 afterwards. Therefore this comes first in a transaction.
pub(crate) async fn count(tx: &mut Tx, topic: Topic) -> Result<i64, CatalogError> {
    let name = match topic {
        Topic::Tokens => "tokens",
        Topic::Clusters => "clusters",
        Topic::Tenants => "tenants",
    };
    tx.row("UPDATE changes SET counter = counter + 1 WHERE topic = $1 RETURNING counter", values![name])
        .await?
        .ok_or_else(|| CatalogError::Corrupt(format!("the counter of {name} is missing")))?
        .int("counter")
}
