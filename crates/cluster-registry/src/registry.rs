//! All clusters of the fleet. Clusters come and go at run time; readers take the table as it is at the moment,
//! without a lock.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError},
};

use arc_swap::ArcSwap;
use fleetgraph_core::{ClusterId, Error, Kind, KindMeta, Scope, Timestamp};
use tokio::sync::{Mutex, Semaphore, broadcast};

use crate::{
    cluster::{Cluster, ClusterChange, ClusterDelta},
    codec::Codec,
    connection::ClusterSpec,
    delta::Hub,
    kinds::{KindSet, pair},
    settings::Settings,
};

/// How many cluster events a subscriber may be behind.
const CLUSTER_EVENTS: usize = 1024;

pub(crate) type Clusters = BTreeMap<ClusterId, Arc<Cluster>>;

/// The fleet. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    kinds: KindSet,
    settings: Settings,
    clusters: ArcSwap<Clusters>,
    /// Held while the table of clusters is changed. Never on a read path.
    changing: Mutex<()>,
    list_slots: Arc<Semaphore>,
    events: broadcast::Sender<ClusterDelta>,
    /// The compressors of kinds that are known at run time only; one for all clusters, so that they share a
    /// dictionary. Never on a read path.
    codecs: std::sync::Mutex<HashMap<Cow<'static, str>, Arc<Codec>>>,
}

impl Registry {
    /// An empty fleet that watches the given kinds.
    #[must_use]
    pub fn new(kinds: KindSet, settings: Settings) -> Self {
        let kinds = kinds.only(&settings.watch_resources);
        let list_slots = Arc::new(Semaphore::new(settings.concurrent_lists.max(1)));
        let inner = Inner {
            kinds,
            settings,
            clusters: ArcSwap::default(),
            changing: Mutex::new(()),
            list_slots,
            events: broadcast::Sender::new(CLUSTER_EVENTS),
            codecs: std::sync::Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Adds a cluster, and starts to connect and to watch.
    ///
    /// # Errors
    /// When there is a cluster with this id.
    pub async fn add(&self, spec: ClusterSpec) -> Result<Arc<Cluster>, Error> {
        let _changing = self.inner.changing.lock().await;
        if self.inner.clusters.load().contains_key(&spec.id) {
            return Err(Error::bad_input(format!(
                "there is a cluster with the id {:?} already; give each cluster an id of its own",
                spec.id.as_str()
            )));
        }
        let cluster = Cluster::start(
            spec,
            &self.inner.kinds,
            &self.inner.settings,
            Arc::clone(&self.inner.list_slots),
            self.inner.events.clone(),
        );
        self.update(|clusters| {
            clusters.insert(cluster.spec().id.clone(), Arc::clone(&cluster));
        });
        self.announce(&cluster, ClusterChange::Added, "Added");
        Ok(cluster)
    }

    /// Removes a cluster: it is gone from every answer at once, then its watches end. `false` if there is none.
    pub async fn remove(&self, id: &ClusterId) -> bool {
        let _changing = self.inner.changing.lock().await;
        let mut removed = None;
        self.update(|clusters| removed = clusters.remove(id));
        let Some(cluster) = removed else { return false };
        cluster.stop().await;
        self.announce(&cluster, ClusterChange::Removed, "Removed");
        true
    }

    /// Ends all watches and empties the copies: the last thing before the process ends.
    pub async fn shut_down(&self) {
        let _changing = self.inner.changing.lock().await;
        let clusters = self.inner.clusters.load_full();
        futures::future::join_all(clusters.values().map(|cluster| cluster.stop())).await;
    }

    /// The clusters that a caller may see, by id.
    #[must_use]
    pub fn clusters(&self, scope: &Scope) -> Vec<Arc<Cluster>> {
        self.snapshot().values().filter(|c| scope.allows_cluster(&c.spec().id)).map(Arc::clone).collect()
    }

    /// A cluster, if the caller may see it.
    #[must_use]
    pub fn cluster(&self, scope: &Scope, id: &str) -> Option<Arc<Cluster>> {
        self.snapshot().get(id).filter(|c| scope.allows_cluster(&c.spec().id)).map(Arc::clone)
    }

    /// Whether each cluster was read once, or is known to be out of reach.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.snapshot().values().all(|cluster| cluster.settled())
    }

    /// Where the changes of a kind come together; `None` if the kind isn't watched.
    #[must_use]
    pub fn hub<K: Kind>(&self) -> Option<Arc<Hub<K>>> {
        self.inner.kinds.hub::<K>()
    }

    /// Starts to watch a kind that is known at run time only in one cluster, in all its namespaces or in one.
    /// `K` is the type that stands for it. `false` if the cluster has no connection yet, or `K` was not declared
    /// with [`KindSet::with_open`].
    pub fn watch<K: Kind>(
        &self,
        cluster: &Cluster,
        kind: &'static KindMeta,
        namespace: Option<String>,
    ) -> bool {
        let Some(hub) = self.hub::<K>() else { return false };
        let codec = {
            let mut codecs = self.inner.codecs.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(codecs.entry(kind.resource()).or_default())
        };
        let how = (codec, self.inner.settings.pii.of(kind));
        let (store, writer) = pair::<K>(&cluster.spec().id, kind, namespace, how, hub);
        cluster.open(store, writer)
    }

    /// Ends a watch that [`Registry::watch`] began.
    pub fn unwatch(&self, cluster: &Cluster, kind: &'static KindMeta, namespace: Option<&str>) {
        cluster.close(kind, namespace);
    }

    /// What happens to clusters as a whole, from now on.
    #[must_use]
    pub fn cluster_events(&self) -> broadcast::Receiver<ClusterDelta> {
        self.inner.events.subscribe()
    }

    /// The names of the kinds that are watched.
    #[must_use]
    pub fn kinds(&self) -> Vec<&'static KindMeta> {
        self.inner.kinds.metas()
    }

    pub(crate) fn snapshot(&self) -> Arc<Clusters> {
        self.inner.clusters.load_full()
    }

    fn update(&self, change: impl FnOnce(&mut Clusters)) {
        let mut clusters = Clusters::clone(&self.inner.clusters.load());
        change(&mut clusters);
        self.inner.clusters.store(Arc::new(clusters));
    }

    fn announce(&self, cluster: &Arc<Cluster>, change: ClusterChange, reason: &'static str) {
        // No receiver is no error: there are no subscribers.
        let _ = self.inner.events.send(ClusterDelta {
            at: Timestamp::now(),
            change,
            cluster: Arc::clone(cluster),
            reason,
            message: None,
        });
    }
}
