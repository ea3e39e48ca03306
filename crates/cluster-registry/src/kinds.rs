//! Which kinds the registry watches. It is told so by the composition root, and knows none of them itself.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::Arc,
};

use fleetgraph_core::{ClusterId, Kind, KindMeta};

use crate::{
    any::AnyStore,
    codec::Codec,
    delta::Hub,
    pii::Pii,
    store::{self, AnyWriter},
};

/// The kinds to watch.
#[derive(Default, Clone)]
pub struct KindSet {
    kinds: Vec<Arc<dyn WatchedKind>>,
    /// Types that stand for kinds which are only known at run time, by their hubs.
    open: Vec<Arc<dyn Any + Send + Sync>>,
}

/// In a list of kinds, those that are watched where none is listed.
pub const DEFAULT_KINDS: &str = "default";

impl KindSet {
    /// Adds a kind.
    #[must_use]
    pub fn with<K: Kind>(mut self) -> Self {
        self.kinds.push(Arc::new(Watched::<K> { hub: Arc::default(), codec: Arc::default() }));
        self
    }

    /// Adds a type that stands for kinds which clusters have besides; see [`crate::Registry::watch`].
    #[must_use]
    pub fn with_open<K: Kind>(mut self) -> Self {
        self.open.push(Arc::new(Hub::<K>::default()));
        self
    }

    /// Keeps the kinds whose plural, singular or kind name is listed; where [`DEFAULT_KINDS`] is, or nothing, those
    /// that are watched by default.
    #[must_use]
    pub fn only(mut self, names: &[String]) -> Self {
        self.kinds.retain(|kind| {
            let listed = |name: &String| {
                if name == DEFAULT_KINDS { kind.by_default() } else { kind.meta().answers_to(name) }
            };
            names.iter().any(listed) || (names.is_empty() && kind.by_default())
        });
        self
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<dyn WatchedKind>> {
        self.kinds.iter()
    }

    pub(crate) fn hub<K: Kind>(&self) -> Option<Arc<Hub<K>>> {
        let hubs = self.kinds.iter().map(|kind| kind.hub()).chain(self.open.iter().map(Arc::clone));
        hubs.into_iter().find_map(|hub| hub.downcast::<Hub<K>>().ok())
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
    fn by_default(&self) -> bool;
    fn hub(&self) -> Arc<dyn Any + Send + Sync>;
    /// Makes the store of a cluster, and what will fill it.
    fn store(&self, cluster: &ClusterId, pii: &Pii) -> (Arc<dyn AnyStore>, Box<dyn AnyWriter>);
}

struct Watched<K: Kind> {
    hub: Arc<Hub<K>>,
    codec: Arc<Codec>,
}

impl<K: Kind> WatchedKind for Watched<K> {
    fn meta(&self) -> &'static KindMeta {
        &K::META
    }

    fn by_default(&self) -> bool {
        K::BY_DEFAULT
    }

    fn hub(&self) -> Arc<dyn Any + Send + Sync> {
        Arc::<Hub<K>>::clone(&self.hub)
    }

    fn store(&self, cluster: &ClusterId, pii: &Pii) -> (Arc<dyn AnyStore>, Box<dyn AnyWriter>) {
        let how = (Arc::clone(&self.codec), pii.of(&K::META));
        pair::<K>(cluster, &K::META, None, how, Arc::clone(&self.hub))
    }
}

/// Makes the store of a kind of a cluster, and what will fill it: compressed with this codec, masked by these rules.
pub(crate) fn pair<K: Kind>(
    cluster: &ClusterId,
    kind: &'static KindMeta,
    namespace: Option<String>,
    how: (Arc<Codec>, Arc<Pii>),
    hub: Arc<Hub<K>>,
) -> (Arc<dyn AnyStore>, Box<dyn AnyWriter>) {
    let (store, writer) = store::new::<K>(cluster.clone(), kind, namespace, how, hub);
    (Arc::new(store), Box::new(writer))
}

/// The stores of a cluster, found by their type.
pub(crate) type Stores = HashMap<TypeId, Arc<dyn AnyStore>>;
