//! Which kinds the registry watches. It is told so by the composition root, and knows none of them itself.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

use fleetgraph_core::{ClusterId, Freshness, Kind, KindMeta};
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::{
    delta::Hub,
    store::{self, Store, Writer},
    watch::{ListSlots, Watch},
};

/// The kinds to watch.
#[derive(Default, Clone)]
pub struct KindSet {
    kinds: Vec<Arc<dyn WatchedKind>>,
}

impl KindSet {
    /// Adds a kind.
    #[must_use]
    pub fn with<K: Kind>(mut self) -> Self {
        self.kinds.push(Arc::new(Watched::<K> { hub: Arc::new(Hub::default()) }));
        self
    }

    /// Keeps the kinds whose plural, singular or kind name is listed; all if none is.
    #[must_use]
    pub fn only(mut self, names: &[String]) -> Self {
        if !names.is_empty() {
            self.kinds.retain(|kind| {
                let meta = kind.meta();
                names.iter().any(|name| {
                    [meta.plural, meta.singular, meta.kind]
                        .iter()
                        .any(|known| known.eq_ignore_ascii_case(name))
                })
            });
        }
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn WatchedKind>> {
        self.kinds.iter()
    }

    pub(crate) fn hub<K: Kind>(&self) -> Option<Arc<Hub<K>>> {
        self.kinds.iter().find_map(|kind| kind.hub().downcast::<Hub<K>>().ok())
    }

    /// The names of the kinds.
    #[must_use]
    pub fn metas(&self) -> Vec<&'static KindMeta> {
        self.kinds.iter().map(|kind| kind.meta()).collect()
    }
}

/// A kind, its type erased.
pub(crate) trait WatchedKind: Send + Sync {
    fn meta(&self) -> &'static KindMeta;
    fn hub(&self) -> Arc<dyn Any + Send + Sync>;
    /// Makes the store of a cluster, and what will fill it.
    fn store(&self, cluster: &ClusterId) -> (Arc<dyn AnyStore>, Box<dyn AnyWriter>);
}

/// The read handle of a kind, its type erased.
pub(crate) trait AnyStore: Send + Sync {
    fn meta(&self) -> &'static KindMeta;
    fn freshness(&self, reachable: bool) -> Freshness;
    fn settled(&self) -> bool;
    fn typed(&self) -> &(dyn Any + Send + Sync);
}

/// What a watch needs besides its kind.
pub(crate) struct WatchParts {
    pub client: kube::Client,
    pub breaker: crate::breaker::Breaker,
    pub slots: ListSlots,
    pub resync: std::time::Duration,
    pub streamed: bool,
}

/// The writer of a kind, its type erased.
pub(crate) trait AnyWriter: Send {
    /// Watches until cancelled; then drops the copy.
    fn run(self: Box<Self>, parts: WatchParts, cancel: CancellationToken) -> BoxFuture<'static, ()>;
}

struct Watched<K: Kind> {
    hub: Arc<Hub<K>>,
}

struct Pending<K: Kind> {
    cluster: ClusterId,
    store: Store<K>,
    writer: Writer<K>,
}

impl<K: Kind> WatchedKind for Watched<K> {
    fn meta(&self) -> &'static KindMeta {
        &K::META
    }

    fn hub(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::<Hub<K>>::clone(&self.hub)
    }

    fn store(&self, cluster: &ClusterId) -> (Arc<dyn AnyStore>, Box<dyn AnyWriter>) {
        let (store, writer) = store::new::<K>(cluster.clone(), Arc::clone(&self.hub));
        let pending = Pending { cluster: cluster.clone(), store: store.clone(), writer };
        (Arc::new(store), Box::new(pending))
    }
}

impl<K: Kind> AnyStore for Store<K> {
    fn meta(&self) -> &'static KindMeta {
        &K::META
    }

    fn freshness(&self, reachable: bool) -> Freshness {
        Store::freshness(self, reachable)
    }

    fn settled(&self) -> bool {
        Store::settled(self)
    }

    fn typed(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

impl<K: Kind> AnyWriter for Pending<K> {
    fn run(self: Box<Self>, parts: WatchParts, cancel: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let watch = Watch {
                cluster: self.cluster,
                client: parts.client,
                breaker: parts.breaker,
                slots: parts.slots,
                resync: parts.resync,
                streamed: parts.streamed,
                writer: self.writer,
                last_event: self.store.last_event_cell(),
            };
            watch.run(cancel).await.clear();
        })
    }
}

/// The stores of a cluster, found by their type.
pub(crate) type Stores = HashMap<TypeId, Arc<dyn AnyStore>>;
