//! The clusters that are served: those of the configuration, and those that are connected at run time.
//!
//! ```text
//!   configuration, read again when it changes ──┐
//!                                               ├─► Keeper ── compares with what is there ──► Registry
//!   catalog, whose changes are followed ────────┘      ▲
//!                                                      │ "look now"
//!   connectCluster, disconnectCluster ──► catalog ─────┘
//! ```
//!
//! What is connected goes into the catalog first, and comes from there into the registry, on this replica as on the
//! others. An id of the configuration is the configuration's: what the catalog has under it is left aside.

mod keeper;
mod rights;

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use catalog::{Catalog, CatalogError, ClusterChange, ClusterRecord, NewCluster, NewTenant, Quotas};
use cluster_registry::{
    Cluster, Registry,
    connection::{
        trial::try_out,
        upload::{UploadRules, Uploaded},
    },
    unknown_cluster,
};
use fleetgraph_core::{ClusterId, Error, ErrorCode, Principal, Scope};
use futures::future::BoxFuture;
use graphql::{Connections, Given, NewConnection, catalog_error};
use tokio::sync::{Semaphore, mpsc, oneshot};

use self::keeper::Request;
pub use self::keeper::{Configured, Keeper};
use crate::config::ConnectionsConfig;

/// How long a cluster may take to show that it can be used.
const TRIAL: Duration = Duration::from_secs(10);
/// Trials at once; one more is refused.
const TRIALS: usize = 8;
/// Requests to the keeper that wait; further ones wait to be put there.
const WAITING: usize = 64;

/// The way to the clusters that come and go. Cheap to clone.
#[derive(Clone)]
pub struct Connected {
    catalog: Catalog,
    registry: Registry,
    rules: Arc<UploadRules>,
    /// The ids of the configuration.
    configured: Arc<ArcSwap<BTreeSet<ClusterId>>>,
    requests: mpsc::Sender<Request>,
    trials: Arc<Semaphore>,
    /// Ids of clusters that say who callers are, whether or not there are such clusters now.
    reserved: Arc<BTreeSet<String>>,
    /// How many clusters a tenant may have connected.
    max_per_tenant: usize,
}

impl fmt::Debug for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connected").field("rules", &self.rules).finish_non_exhaustive()
    }
}

impl Connected {
    /// The handle, and the keeper of the registry, which has to be run.
    #[must_use]
    pub fn new(
        catalog: Catalog,
        registry: Registry,
        config: &ConnectionsConfig,
        reserved: BTreeSet<String>,
    ) -> (Self, Keeper) {
        let (requests, received) = mpsc::channel(WAITING);
        let configured = Arc::new(ArcSwap::default());
        let rules = Arc::new(config.rules());
        let keeper = Keeper::new(
            catalog.clone(),
            registry.clone(),
            Arc::clone(&rules),
            Arc::clone(&configured),
            received,
        );
        let trials = Arc::new(Semaphore::new(TRIALS));
        let max_per_tenant = config.max_clusters_per_tenant;
        let reserved = Arc::new(reserved);
        (Self { catalog, registry, rules, configured, requests, trials, reserved, max_per_tenant }, keeper)
    }

    /// Puts the clusters of the configuration in the place of those that it had.
    pub async fn configure(&self, clusters: Vec<Configured>) {
        self.ask(|done| Request::Configure(clusters, done)).await;
    }

    /// Has the keeper look at the catalog, and returns when the registry is as it says.
    async fn look(&self) {
        self.ask(Request::Look).await;
    }

    async fn ask(&self, request: impl FnOnce(oneshot::Sender<()>) -> Request) {
        let (done, finished) = oneshot::channel();
        if self.requests.send(request(done)).await.is_ok() {
            // The keeper ends with the server, and then nobody needs an answer.
            let _ = finished.await;
        }
    }

    fn read(&self, given: &Given) -> Result<Uploaded, Error> {
        let read = match given {
            Given::Kubeconfig { text, context } => {
                Uploaded::kubeconfig(text, context.as_deref(), &self.rules)
            }
            Given::Direct(direct) => Uploaded::direct(direct.clone(), &self.rules),
        };
        read.map_err(|error| match given {
            Given::Kubeconfig { .. } => {
                Error::bad_input(format!("the kubeconfig can't be accepted: {error}"))
            }
            Given::Direct(_) => Error::bad_input(error.to_string()),
        })
    }

    /// Whether there is a key to seal credentials with. They are never stored in the clear.
    fn sealed(&self) -> Result<(), Error> {
        if self.catalog.can_seal() {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::NotConfigured,
            "credentials can't be stored, for there is no key to seal them with: make one with `openssl rand -base64 32`, \
             and name its file in `catalog.key_files`, or its variable in `catalog.key_variables`",
        ))
    }

    async fn try_out(&self, id: &ClusterId, uploaded: &Uploaded) -> Result<(), Error> {
        let Ok(_place) = self.trials.try_acquire() else {
            return Err(Error::new(
                ErrorCode::RateLimited,
                "too many clusters are being tried out now; try again in some seconds",
            ));
        };
        let version = try_out(uploaded.spec(id.clone(), &self.rules), TRIAL).await.map_err(|error| {
            tracing::info!(cluster = %id, %error, "a cluster that was to be connected can't be used");
            Error::from(error)
        })?;
        tracing::info!(cluster = %id, version, "a cluster that is to be connected answers");
        Ok(())
    }

    /// A tenant that was proven by a claim, or is configured, need not be known to the catalog yet.
    async fn know_tenant(&self, tenant: &str, by: &Principal) -> Result<(), CatalogError> {
        let new = NewTenant {
            name: tenant.to_owned(),
            display_name: tenant.to_owned(),
            quotas: Quotas::default(),
            created_by: by.user.to_string(),
        };
        match self.catalog.create_tenant(new).await {
            Ok(_) | Err(CatalogError::Exists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The cluster of the catalog with this id, if the caller may administer it.
    async fn own(&self, id: &ClusterId, by: &Principal) -> Result<ClusterRecord, Error> {
        rights::unbound(by)?;
        // What the catalog has under an id of the configuration is left aside.
        let record = if self.configured.load().contains(id) {
            None
        } else {
            self.catalog.cluster(id).await.map_err(catalog_error)?
        };
        if let Some(record) = record.filter(|record| rights::is_of(by, &record.cluster.tenant, id)) {
            return Ok(record);
        }
        match self.registry.cluster(&Scope::everything(), id.as_str()) {
            Some(cluster) if rights::is_of(by, &cluster.spec().tenant, id) => Err(Error::new(
                ErrorCode::Conflict,
                format!(
                    "the cluster {:?} is in the server's configuration; it is changed and removed there",
                    id.as_str()
                ),
            )),
            _ => Err(unknown_cluster(id.as_str())),
        }
    }

    /// The cluster as it is served now.
    fn served(&self, id: &ClusterId, by: &Principal) -> Result<Arc<Cluster>, Error> {
        let served = self.registry.cluster(&Scope::everything(), id.as_str());
        // The configuration may have taken the id over meanwhile.
        served.filter(|cluster| rights::is_of(by, &cluster.spec().tenant, id)).ok_or_else(|| {
            Error::new(
                ErrorCode::ClusterConfig,
                "the cluster is stored, and is not served yet: the catalog may not answer, or what is stored can't be used; \
                 the log of the server says more",
            )
        })
    }
}

impl Connections for Connected {
    fn tenant<'a>(&'a self, id: &'a ClusterId, by: &'a Principal) -> BoxFuture<'a, Result<String, Error>> {
        Box::pin(async move { Ok(self.own(id, by).await?.cluster.tenant) })
    }

    fn list<'a>(&'a self, by: &'a Principal) -> BoxFuture<'a, Result<Vec<ClusterRecord>, Error>> {
        Box::pin(async move {
            rights::unbound(by)?;
            let mut records = self.catalog.clusters(None).await.map_err(catalog_error)?;
            records.retain(|record| rights::is_of(by, &record.cluster.tenant, &record.id));
            records.sort_by(|a, b| a.id.cmp(&b.id));
            Ok(records)
        })
    }

    fn may_connect(&self, id: &ClusterId, tenant: &str, by: &Principal) -> Result<(), Error> {
        rights::unbound(by)?;
        if !rights::is_of(by, tenant, id) {
            return Err(Error::new(
                ErrorCode::Forbidden,
                "this credential does not reach clusters with that id, or of that tenant",
            ));
        }
        if self.configured.load().contains(id) || self.reserved.contains(id.as_str()) {
            return Err(taken(id));
        }
        Ok(())
    }

    fn connect<'a>(
        &'a self,
        new: NewConnection,
        by: &'a Principal,
    ) -> BoxFuture<'a, Result<Arc<Cluster>, Error>> {
        Box::pin(async move {
            let NewConnection { id, tenant, name, environment, region, given } = new;
            self.may_connect(&id, &tenant, by)?;
            let uploaded = self.read(&given)?;
            drop(given);
            self.sealed()?;
            if self.catalog.cluster(&id).await.map_err(catalog_error)?.is_some() {
                return Err(taken(&id));
            }
            // Two that are connected at the same moment may be one too many: the bound is for what would go on growing.
            if self.catalog.clusters(Some(&tenant)).await.map_err(catalog_error)?.len() >= self.max_per_tenant
            {
                return Err(Error::new(
                    ErrorCode::Conflict,
                    format!(
                        "the tenant {tenant:?} has {} clusters connected already; disconnect one, or raise \
                         `connections.max_clusters_per_tenant`",
                        self.max_per_tenant
                    ),
                ));
            }
            self.try_out(&id, &uploaded).await?;
            self.know_tenant(&tenant, by).await.map_err(catalog_error)?;
            let server = uploaded.server().to_owned();
            let stored = NewCluster {
                id: id.clone(),
                cluster: ClusterChange { tenant, name, environment, region, server, disabled: false },
                document: uploaded.to_document(),
                created_by: by.user.to_string(),
            };
            self.catalog.insert_cluster(stored).await.map_err(|error| match error {
                CatalogError::Exists { .. } => taken(&id),
                error => catalog_error(error),
            })?;
            self.look().await;
            self.served(&id, by)
        })
    }

    fn disconnect<'a>(&'a self, id: &'a ClusterId, by: &'a Principal) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            let record = self.own(id, by).await?;
            self.catalog.remove_cluster(&record).await.map_err(catalog_error)?;
            self.look().await;
            Ok(())
        })
    }

    fn reconnect<'a>(
        &'a self,
        id: &'a ClusterId,
        given: Option<Given>,
        by: &'a Principal,
    ) -> BoxFuture<'a, Result<Arc<Cluster>, Error>> {
        Box::pin(async move {
            let record = self.own(id, by).await?;
            let mut change = record.cluster.clone();
            let document = match given {
                None => None,
                Some(given) => {
                    let uploaded = self.read(&given)?;
                    drop(given);
                    self.sealed()?;
                    self.try_out(id, &uploaded).await?;
                    uploaded.server().clone_into(&mut change.server);
                    Some(uploaded.to_document())
                }
            };
            // A new revision, which every replica opens anew.
            self.catalog.update_cluster(&record, change, document).await.map_err(catalog_error)?;
            self.look().await;
            self.served(id, by)
        })
    }
}

/// Ids are unique over all tenants, whoever's cluster it is.
fn taken(id: &ClusterId) -> Error {
    Error::new(
        ErrorCode::Conflict,
        format!("the id {:?} is taken; give the cluster an id of its own", id.as_str()),
    )
}
