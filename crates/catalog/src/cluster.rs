//! Clusters that were connected at run time. How to reach one, with what credentials, is a document that the catalog
//! doesn't read: it is sealed before it is stored, and opened for whoever connects.

use fleetgraph_core::{ClusterId, Timestamp};
use secrecy::{ExposeSecret, SecretSlice};

use crate::catalog::{Topic, count};
use crate::db::{Row, Tx, values};
use crate::error::{on_conflict, on_missing_tenant};
use crate::seal::{Place, SealError, Sealed};
use crate::token::storable;
use crate::{Catalog, CatalogError};

const NAMED: &str = "cluster";
const TABLE: &str = "clusters";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, tenant, name, environment, region, server, sealed, disabled, revision, created_at, \
             created_by, updated_at FROM clusters ",
            $rest
        )
    };
}

/// What can be set of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterChange {
    pub tenant: String,
    pub name: String,
    pub environment: String,
    pub region: String,
    /// Where its API server is, for lists; what is connected to stands in the document.
    pub server: String,
    /// Whether it stays stored without being connected to.
    pub disabled: bool,
}

/// A cluster to be stored.
#[derive(Debug)]
pub struct NewCluster {
    /// Unique over all tenants.
    pub id: ClusterId,
    pub cluster: ClusterChange,
    /// Connection settings with credentials.
    pub document: SecretSlice<u8>,
    pub created_by: String,
}

/// A cluster as it is stored. Its document stays sealed until [`Catalog::cluster_document`] is asked for it.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterRecord {
    pub id: ClusterId,
    pub cluster: ClusterChange,
    /// Goes up with every change.
    pub revision: i64,
    pub created_at: Timestamp,
    pub created_by: String,
    pub updated_at: Timestamp,
    sealed: Vec<u8>,
}

/// What [`Catalog::rotate_keys`] did.
#[derive(Debug, Default)]
pub struct Rotation {
    /// Values that are wrapped by the first key now, and weren't before.
    pub rewrapped: u64,
    /// Values that were wrapped by the first key before.
    pub current: u64,
    /// Clusters whose document can't be opened, and why. Their old keys are still needed.
    pub failed: Vec<(ClusterId, SealError)>,
}

impl Catalog {
    /// Stores a cluster.
    ///
    /// # Errors
    /// When the id is taken, by any tenant; the tenant doesn't exist; or there is no key to seal with.
    pub async fn insert_cluster(&self, new: NewCluster) -> Result<ClusterRecord, CatalogError> {
        check(&new.cluster)?;
        storable("the name of who creates a cluster", &new.created_by)?;
        let sealed = self.seal_document(&new.id, &new.cluster.tenant, &new.document).await?;
        let now = Timestamp::now();
        let mut record = ClusterRecord {
            id: new.id,
            cluster: new.cluster,
            revision: 0,
            created_at: now,
            created_by: new.created_by,
            updated_at: now,
            sealed: sealed.bytes,
        };
        self.within(async {
            let mut tx = self.db().begin().await?;
            // An id that is taken again goes on where the one before it ended, so that no two clusters have the same revision
            // of the same id.
            record.revision = count(&mut tx, Topic::Clusters).await?;
            insert(&mut tx, &record, &sealed.key_id).await?;
            tx.commit().await?;
            Ok(record)
        })
        .await
    }

    /// Sets what may change of a cluster, if it still is as `known`. Without a new document, the old one stays; it is
    /// sealed anew where the tenant changes.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] when it was changed since `known` was read, [`CatalogError::NotFound`] when it is gone.
    pub async fn update_cluster(
        &self,
        known: &ClusterRecord,
        cluster: ClusterChange,
        document: Option<SecretSlice<u8>>,
    ) -> Result<ClusterRecord, CatalogError> {
        check(&cluster)?;
        let document = match document {
            None if cluster.tenant != known.cluster.tenant => Some(self.cluster_document(known).await?),
            document => document,
        };
        let sealed = match document {
            Some(document) => Some(self.seal_document(&known.id, &cluster.tenant, &document).await?),
            None => None,
        };
        self.within(async {
            let mut tx = self.db().begin().await?;
            count(&mut tx, Topic::Clusters).await?;
            let record = update(&mut tx, known, &cluster, sealed).await?;
            tx.commit().await?;
            Ok(record)
        })
        .await
    }

    /// Forgets a cluster, with its document, if it still is as `known`.
    ///
    /// # Errors
    /// [`CatalogError::Conflict`] when it was changed since `known` was read, [`CatalogError::NotFound`] when it is gone.
    pub async fn remove_cluster(&self, known: &ClusterRecord) -> Result<(), CatalogError> {
        let id = &known.id;
        self.within(async {
            let mut tx = self.db().begin().await?;
            count(&mut tx, Topic::Clusters).await?;
            let sql = "DELETE FROM clusters WHERE id = $1 AND revision = $2";
            if tx.execute(sql, values![id.as_str(), known.revision]).await? == 0 {
                let there = tx.row(select!("WHERE id = $1"), values![id.as_str()]).await?.is_some();
                let what = CatalogError::Conflict { what: NAMED, name: id.as_str().to_owned() };
                return Err(if there { what } else { missing(id) });
            }
            tx.commit().await
        })
        .await
    }

    /// All clusters by id, those of a tenant or all. Read again when [`crate::Changes::clusters`] has changed.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn clusters(&self, tenant: Option<&str>) -> Result<Vec<ClusterRecord>, CatalogError> {
        storable("the name of a tenant", tenant.unwrap_or_default())?;
        let rows = self.within(async {
            match tenant {
                None => self.db().rows(select!("ORDER BY id"), vec![]).await,
                Some(tenant) => {
                    self.db().rows(select!("WHERE tenant = $1 ORDER BY id"), values![tenant]).await
                }
            }
        });
        rows.await?.iter().map(read).collect()
    }

    /// The cluster with this id.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn cluster(&self, id: &ClusterId) -> Result<Option<ClusterRecord>, CatalogError> {
        let row = self.within(async { self.db().row(select!("WHERE id = $1"), values![id.as_str()]).await });
        row.await?.as_ref().map(read).transpose()
    }

    /// Opens the document of a cluster.
    ///
    /// # Errors
    /// When its key isn't configured, or it isn't what was stored for this cluster and tenant.
    pub async fn cluster_document(&self, of: &ClusterRecord) -> Result<SecretSlice<u8>, CatalogError> {
        Ok(self.sealer().open(&place(&of.id, &of.cluster.tenant), &of.sealed).await?)
    }

    /// Wraps the data keys of all sealed values with the first key, so that the others can be removed. It may be broken
    /// off and begun again: values are done one by one, and those that are done aren't looked at again.
    ///
    /// # Errors
    /// When the database doesn't answer, or there is no key. Values that can't be opened are in the answer instead.
    pub async fn rotate_keys(&self) -> Result<Rotation, CatalogError> {
        let current = self.sealer().key_id().await?;
        let mut rotation = Rotation { current: self.sealed_by(&current).await?, ..Rotation::default() };
        let mut after = String::new();
        loop {
            let sql = select!("WHERE sealed_by <> $1 AND id > $2 ORDER BY id LIMIT 100");
            let rows = self
                .within(async { self.db().rows(sql, values![current.as_str(), after.as_str()]).await })
                .await?;
            let Some(last) = rows.last() else { return Ok(rotation) };
            after = last.text("id")?;
            for row in &rows {
                let record = read(row)?;
                match self.sealer().rewrap(&record.sealed).await {
                    Ok(Some(sealed)) => rotation.rewrapped += self.replace_sealed(&record, sealed).await?,
                    // Somebody else was faster.
                    Ok(None) => {}
                    Err(error) if error.is_passing() => return Err(error.into()),
                    Err(error) => rotation.failed.push((record.id, error)),
                }
            }
        }
    }

    async fn sealed_by(&self, key: &str) -> Result<u64, CatalogError> {
        let sql = "SELECT COUNT(*) AS count FROM clusters WHERE sealed_by = $1";
        let row = self.within(async { self.db().row(sql, values![key]).await }).await?;
        let count = row.map(|row| row.int("count")).transpose()?;
        Ok(count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default())
    }

    /// Only if the value is still the one that was wrapped anew: a change that came between has sealed with the first
    /// key itself. No counter: the document is the same.
    async fn replace_sealed(&self, record: &ClusterRecord, sealed: Sealed) -> Result<u64, CatalogError> {
        self.within(async {
            let mut tx = self.db().begin().await?;
            let changed = tx
                .execute(
                    "UPDATE clusters SET sealed = $1, sealed_by = $2 WHERE id = $3 AND sealed = $4",
                    values![sealed.bytes, sealed.key_id, record.id.as_str(), record.sealed.as_slice()],
                )
                .await?;
            tx.commit().await?;
            Ok(changed)
        })
        .await
    }

    async fn seal_document(
        &self,
        id: &ClusterId,
        tenant: &str,
        document: &SecretSlice<u8>,
    ) -> Result<Sealed, CatalogError> {
        Ok(self.sealer().seal(&place(id, tenant), document.expose_secret()).await?)
    }
}

impl std::fmt::Debug for ClusterRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClusterRecord")
            .field("id", &self.id)
            .field("cluster", &self.cluster)
            .field("revision", &self.revision)
            .finish_non_exhaustive()
    }
}

fn place<'a>(id: &'a ClusterId, tenant: &'a str) -> Place<'a> {
    Place { table: TABLE, row: id.as_str(), tenant }
}

fn missing(id: &ClusterId) -> CatalogError {
    CatalogError::NotFound { what: NAMED, name: id.as_str().to_owned() }
}

async fn insert(tx: &mut Tx, record: &ClusterRecord, sealed_by: &str) -> Result<(), CatalogError> {
    let cluster = &record.cluster;
    let inserted = tx
        .execute(
            "INSERT INTO clusters (id, tenant, name, environment, region, server, sealed, sealed_by, disabled, \
             revision, created_at, created_by, updated_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            values![
                record.id.as_str(),
                cluster.tenant.as_str(),
                cluster.name.as_str(),
                cluster.environment.as_str(),
                cluster.region.as_str(),
                cluster.server.as_str(),
                record.sealed.as_slice(),
                sealed_by,
                cluster.disabled,
                record.revision,
                record.created_at,
                record.created_by.as_str(),
                record.updated_at,
            ],
        )
        .await;
    inserted
        .map(drop)
        .map_err(|error| on_conflict(on_missing_tenant(error, &cluster.tenant), NAMED, record.id.as_str()))
}

async fn update(
    tx: &mut Tx,
    known: &ClusterRecord,
    cluster: &ClusterChange,
    sealed: Option<Sealed>,
) -> Result<ClusterRecord, CatalogError> {
    let id = known.id.as_str();
    let changed = tx
        .execute(
            "UPDATE clusters SET tenant = $3, name = $4, environment = $5, region = $6, server = $7, \
             disabled = $8, updated_at = $9, revision = revision + 1 WHERE id = $1 AND revision = $2",
            values![
                id,
                known.revision,
                cluster.tenant.as_str(),
                cluster.name.as_str(),
                cluster.environment.as_str(),
                cluster.region.as_str(),
                cluster.server.as_str(),
                cluster.disabled,
                Timestamp::now(),
            ],
        )
        .await
        .map_err(|error| on_missing_tenant(error, &cluster.tenant))?;
    if let Some(sealed) = sealed.filter(|_| changed > 0) {
        tx.execute(
            "UPDATE clusters SET sealed = $2, sealed_by = $3 WHERE id = $1",
            values![id, sealed.bytes, sealed.key_id],
        )
        .await?;
    }
    let row = tx.row(select!("WHERE id = $1"), values![id]).await?.ok_or_else(|| missing(&known.id))?;
    if changed == 0 {
        return Err(CatalogError::Conflict { what: NAMED, name: id.to_owned() });
    }
    read(&row)
}

fn read(row: &Row) -> Result<ClusterRecord, CatalogError> {
    let id = ClusterId::new(&row.text("id")?);
    Ok(ClusterRecord {
        id: id.map_err(|_| CatalogError::Corrupt("the id of a stored cluster isn't one".to_owned()))?,
        cluster: ClusterChange {
            tenant: row.text("tenant")?,
            name: row.text("name")?,
            environment: row.text("environment")?,
            region: row.text("region")?,
            server: row.text("server")?,
            disabled: row.flag("disabled")?,
        },
        revision: row.int("revision")?,
        created_at: row.time("created_at")?,
        created_by: row.text("created_by")?,
        updated_at: row.time("updated_at")?,
        sealed: row.bytes("sealed")?,
    })
}

fn check(cluster: &ClusterChange) -> Result<(), CatalogError> {
    let ClusterChange { tenant, name, environment, region, server, disabled: _ } = cluster;
    for text in [tenant, name, environment, region, server] {
        storable("a cluster's description", text)?;
    }
    Ok(())
}
