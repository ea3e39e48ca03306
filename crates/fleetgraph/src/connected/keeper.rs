//! The one task that adds clusters to the registry and removes them.
//!
//! It knows what should be there (the configuration's clusters, and the catalog's) and what it put there, and compares.
//! Each has a mark that changes with it: a cluster with another mark is removed and added anew.

use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use catalog::{Catalog, CatalogError, ClusterRecord};
use cluster_registry::{
    Registry,
    connection::{
        ClusterSpec,
        upload::{UploadRules, Uploaded},
    },
};
use fleetgraph_core::ClusterId;
use tokio::{
    sync::{mpsc, oneshot},
    time::MissedTickBehavior,
};

use crate::config::ClusterConfig;

/// How often the catalog is asked whether anything changed, which is one cheap question.
const FOLLOW: Duration = Duration::from_secs(1);

/// A cluster of the configuration.
#[derive(Debug, Clone)]
pub struct Configured {
    pub spec: ClusterSpec,
    /// As the file has it; `None` for one that was found in a kubeconfig, whose own changes the connection follows.
    pub config: Option<ClusterConfig>,
}

/// What the keeper is asked to do; it answers when it is done.
#[derive(Debug)]
pub enum Request {
    /// Look at the catalog now.
    Look(oneshot::Sender<()>),
    /// These are the configuration's clusters from now on.
    Configure(Vec<Configured>, oneshot::Sender<()>),
}

/// Where a cluster comes from, and a number that is another one after each change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Configured(u64),
    Connected(i64),
}

/// Keeps the registry as configuration and catalog say.
pub struct Keeper {
    catalog: Catalog,
    registry: Registry,
    rules: Arc<UploadRules>,
    configured: BTreeMap<ClusterId, (Configured, u64)>,
    /// The ids of `configured`, for who must not take them.
    ids: Arc<ArcSwap<BTreeSet<ClusterId>>>,
    generation: u64,
    /// The catalog's clusters as they were last read, at its counter's value then.
    records: Vec<ClusterRecord>,
    counter: Option<i64>,
    present: BTreeMap<ClusterId, Mark>,
    /// Records that can't be used as they are, so that each is reported once.
    unusable: BTreeMap<ClusterId, i64>,
    /// Whether the catalog's silence was reported.
    silent: bool,
    requests: mpsc::Receiver<Request>,
}

impl Keeper {
    pub(super) fn new(
        catalog: Catalog,
        registry: Registry,
        rules: Arc<UploadRules>,
        ids: Arc<ArcSwap<BTreeSet<ClusterId>>>,
        requests: mpsc::Receiver<Request>,
    ) -> Self {
        Self {
            catalog,
            registry,
            rules,
            configured: BTreeMap::new(),
            ids,
            generation: 0,
            records: Vec::new(),
            counter: None,
            present: BTreeMap::new(),
            unusable: BTreeMap::new(),
            silent: false,
            requests,
        }
    }

    /// Fills the registry for the first time.
    ///
    /// # Errors
    /// When the catalog doesn't answer.
    pub async fn begin(&mut self, configured: Vec<Configured>) -> Result<(), CatalogError> {
        self.set(configured);
        self.read().await?;
        self.apply().await;
        Ok(())
    }

    /// Follows the catalog and does as it is asked, until it is dropped.
    pub async fn run(mut self) -> Infallible {
        let mut ticks = tokio::time::interval(FOLLOW);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                _ = ticks.tick() => None,
                Some(request) = self.requests.recv() => match request {
                    Request::Look(done) => Some(done),
                    Request::Configure(clusters, done) => {
                        self.set(clusters);
                        self.apply().await;
                        Some(done)
                    }
                },
            };
            self.follow().await;
            if let Some(done) = done {
                // Whoever asked may have gone.
                let _ = done.send(());
            }
        }
    }

    async fn follow(&mut self) {
        match self.read().await {
            Ok(false) => self.silent = false,
            Ok(true) => {
                self.silent = false;
                self.apply().await;
            }
            Err(error) => {
                if !self.silent {
                    tracing::warn!(%error, "the catalog can't be followed; the clusters stay as they are");
                }
                self.silent = true;
            }
        }
    }

    /// Reads the catalog's clusters, if anything changed since. The counter is read first: what changes in between is read
    /// again.
    async fn read(&mut self) -> Result<bool, CatalogError> {
        let counter = self.catalog.changes().await?.clusters;
        if self.counter == Some(counter) {
            return Ok(false);
        }
        self.records = self.catalog.clusters(None).await?;
        self.counter = Some(counter);
        Ok(true)
    }

    fn set(&mut self, configured: Vec<Configured>) {
        self.generation += 1;
        let mut before = std::mem::take(&mut self.configured);
        for cluster in configured {
            let id = cluster.spec.id.clone();
            let same = before.remove(&id).filter(|(known, _)| known.config == cluster.config);
            self.configured.insert(id, same.unwrap_or((cluster, self.generation)));
        }
        self.ids.store(Arc::new(self.configured.keys().cloned().collect()));
    }

    async fn apply(&mut self) {
        let wanted = self.wanted();
        let gone: Vec<ClusterId> = self
            .present
            .iter()
            .filter(|(id, mark)| wanted.get(*id) != Some(*mark))
            .map(|(id, _)| id.clone())
            .collect();
        for id in gone {
            self.registry.remove(&id).await;
            self.present.remove(&id);
            tracing::info!(cluster = %id, "no longer watching");
        }
        for (id, mark) in wanted {
            if self.present.contains_key(&id) {
                continue;
            }
            let Some(spec) = self.spec(&id, mark).await else { continue };
            match self.registry.add(spec).await {
                Ok(_) => {
                    tracing::info!(cluster = %id, "watching");
                    self.present.insert(id, mark);
                }
                Err(error) => tracing::error!(cluster = %id, %error, "a cluster can't be added"),
            }
        }
    }

    fn wanted(&self) -> BTreeMap<ClusterId, Mark> {
        let mut wanted: BTreeMap<_, _> = self
            .records
            .iter()
            .filter(|record| !record.cluster.disabled)
            .map(|record| (record.id.clone(), Mark::Connected(record.revision)))
            .collect();
        for (id, (_, generation)) in &self.configured {
            if wanted.insert(id.clone(), Mark::Configured(*generation)).is_some()
                && !self.present.contains_key(id)
            {
                tracing::warn!(cluster = %id, "the catalog has a cluster with an id of the configuration's; it is left aside");
            }
        }
        wanted
    }

    async fn spec(&mut self, id: &ClusterId, mark: Mark) -> Option<ClusterSpec> {
        if let Mark::Configured(_) = mark {
            return self.configured.get(id).map(|(cluster, _)| cluster.spec.clone());
        }
        let record = self.records.iter().find(|record| record.id == *id)?;
        if self.unusable.get(id) == Some(&record.revision) {
            return None;
        }
        let failed = match self.catalog.cluster_document(record).await {
            Ok(document) => match Uploaded::from_document(&document, &self.rules) {
                Ok(uploaded) => {
                    self.unusable.remove(id);
                    return Some(described(record, uploaded.spec(id.clone(), &self.rules)));
                }
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        tracing::error!(cluster = %id, error = failed, "what is stored of a cluster can't be used");
        self.unusable.insert(id.clone(), record.revision);
        None
    }
}

fn described(record: &ClusterRecord, spec: ClusterSpec) -> ClusterSpec {
    let cluster = &record.cluster;
    ClusterSpec {
        name: cluster.name.clone(),
        environment: cluster.environment.clone(),
        region: Some(cluster.region.clone()).filter(|region| !region.is_empty()),
        tenant: cluster.tenant.as_str().into(),
        ..spec
    }
}

#[cfg(test)]
mod tests;
