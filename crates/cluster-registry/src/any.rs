//! Objects and stores whose kind is not known at compile time: graphs, searches and counts go over all kinds.
//!
//! An entry becomes an `Arc<dyn AnyEntry>` without a copy, and goes back to its type by a downcast.

use std::{any::Any, collections::BTreeSet, ops::ControlFlow, sync::Arc};

use fleetgraph_core::{
    ClusterId, Error, FieldSelector, Freshness, Health, IndexKey, Kind, KindMeta, LabelSelector, Meta,
    Relation, Scope, Text,
};

use crate::{
    codec::DecodeError,
    entry::Entry,
    pii::{Shown, shown},
    read::{chosen, narrowest, problem, spans},
    registry::{Clusters, Registry},
    store::{Edge, Store},
};

/// An object of any kind.
pub trait AnyEntry: Send + Sync {
    fn cluster(&self) -> &ClusterId;
    fn kind(&self) -> &'static KindMeta;
    fn meta(&self) -> &Meta;
    /// How the object is doing; one that is being deleted is `Progressing`.
    fn health(&self) -> Health;
    /// Emits images and addresses.
    fn texts(&self, emit: &mut dyn FnMut(Text<'_>));
    /// The relations whose references the object may hold.
    fn relations(&self) -> Vec<&'static Relation>;
    fn references(&self, emit: &mut dyn FnMut(IndexKey<'_>));
    /// Whether the object matches a selector that its store has checked.
    fn matches_fields(&self, fields: &FieldSelector) -> bool;
    /// What pods of its namespace the object selects.
    fn selector(&self) -> Option<(&'static Relation, LabelSelector)>;
    /// The whole object as JSON text, without `managedFields`.
    ///
    /// # Errors
    /// When the stored bytes are damaged.
    fn json(&self) -> Result<String, DecodeError>;
    /// What was masked of the object; see [`Entry::masked`].
    fn masked(&self) -> &[Arc<str>];
    /// Whether something of it is masked for those who may not unmask it, whichever form this is.
    fn is_marked(&self) -> bool;
    /// Bytes that the compressed object takes.
    fn body_len(&self) -> usize;
    /// For the way back to `Arc<Entry<K>>`.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<K: Kind> AnyEntry for Entry<K> {
    fn cluster(&self) -> &ClusterId {
        &self.cluster
    }

    fn kind(&self) -> &'static KindMeta {
        Entry::kind(self)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn health(&self) -> Health {
        Entry::health(self)
    }

    fn texts(&self, emit: &mut dyn FnMut(Text<'_>)) {
        K::texts(&self.columns, &mut |text| emit(text));
    }

    fn relations(&self) -> Vec<&'static Relation> {
        relations::<K>(Entry::kind(self))
    }

    fn references(&self, emit: &mut dyn FnMut(IndexKey<'_>)) {
        K::references(&self.meta, &self.columns, &mut |key| emit(key));
    }

    fn matches_fields(&self, fields: &FieldSelector) -> bool {
        K::matches_fields(fields, &self.meta, &self.columns)
    }

    fn selector(&self) -> Option<(&'static Relation, LabelSelector)> {
        Some((K::SELECTS?, K::selector(&self.columns)?))
    }

    fn json(&self) -> Result<String, DecodeError> {
        Entry::json(self)
    }

    fn masked(&self) -> &[Arc<str>] {
        Entry::masked(self)
    }

    fn is_marked(&self) -> bool {
        self.twin().is_some() || !Entry::masked(self).is_empty()
    }

    fn body_len(&self) -> usize {
        Entry::body_len(self)
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

/// What the kind declares, and the rules of the configuration.
fn relations<K: Kind>(kind: &'static KindMeta) -> Vec<&'static Relation> {
    K::RELATIONS.iter().chain(kind.rules.iter().map(|rule| &rule.relation)).collect()
}

pub type SharedAny = Arc<dyn AnyEntry>;

/// What a scan shows: an object, and the way to keep it.
pub type Look<'l> = dyn FnMut(&dyn AnyEntry, &dyn Fn() -> SharedAny) -> ControlFlow<()> + 'l;

/// The copy of one kind of one cluster, its type erased.
pub trait AnyStore: Send + Sync {
    fn cluster(&self) -> &ClusterId;
    fn kind(&self) -> &'static KindMeta;
    fn freshness(&self, reachable: bool) -> Freshness;
    fn settled(&self) -> bool;
    fn namespace(&self) -> Option<&str>;
    fn complete(&self, namespace: &str) -> bool;
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    fn relations(&self) -> Vec<&'static Relation>;
    fn selects(&self) -> Option<&'static Relation>;
    /// Refuses a selector with fields that the API server doesn't select on for this kind.
    ///
    /// # Errors
    /// Names the field, and those that may be used.
    fn check_fields(&self, fields: &FieldSelector) -> Result<(), Error>;
    /// The narrowest key that everything these selectors match stands under.
    fn narrowest<'a>(&self, labels: &'a LabelSelector, fields: &'a FieldSelector) -> Option<IndexKey<'a>>;
    /// An object that the caller may see, as that caller may see it.
    fn get(&self, namespace: &str, name: &str, scope: &Scope) -> Option<SharedAny>;
    /// Shows objects in order (those under a key, if one is given), as the caller may see them, until it is told to stop;
    /// gives whether it was. Which of them the caller may see at all is for the caller of this to judge.
    fn scan(
        &self,
        key: Option<IndexKey<'_>>,
        from: Edge<'_>,
        to: Edge<'_>,
        scope: &Scope,
        look: &mut Look<'_>,
    ) -> ControlFlow<()>;
    fn typed(&self) -> &(dyn Any + Send + Sync);
}

impl<K: Kind> AnyStore for Store<K> {
    fn cluster(&self) -> &ClusterId {
        Store::cluster(self)
    }

    fn kind(&self) -> &'static KindMeta {
        Store::kind(self)
    }

    fn freshness(&self, reachable: bool) -> Freshness {
        Store::freshness(self, reachable)
    }

    fn settled(&self) -> bool {
        Store::settled(self)
    }

    fn namespace(&self) -> Option<&str> {
        Store::namespace(self)
    }

    fn complete(&self, namespace: &str) -> bool {
        Store::complete(self, namespace)
    }

    fn len(&self) -> usize {
        self.snapshot().len()
    }

    fn relations(&self) -> Vec<&'static Relation> {
        relations::<K>(Store::kind(self))
    }

    fn selects(&self) -> Option<&'static Relation> {
        K::SELECTS
    }

    fn check_fields(&self, fields: &FieldSelector) -> Result<(), Error> {
        fields.check(Store::kind(self), K::FIELDS)
    }

    fn narrowest<'a>(&self, labels: &'a LabelSelector, fields: &'a FieldSelector) -> Option<IndexKey<'a>> {
        narrowest::<K>(labels, fields)
    }

    fn get(&self, namespace: &str, name: &str, scope: &Scope) -> Option<SharedAny> {
        self.snapshot().get(namespace, name).map(|entry| shown(entry, scope) as SharedAny)
    }

    fn scan(
        &self,
        key: Option<IndexKey<'_>>,
        from: Edge<'_>,
        to: Edge<'_>,
        scope: &Scope,
        look: &mut Look<'_>,
    ) -> ControlFlow<()> {
        let shown = Shown::to(scope, Store::cluster(self), Store::kind(self));
        self.snapshot()
            .scan(key, from, to)
            .filter_map(|entry| shown.of(entry, key.as_ref()))
            .try_for_each(|entry| look(&**entry, &|| Arc::<Entry<K>>::clone(entry)))
    }

    fn typed(&self) -> &(dyn Any + Send + Sync) {
        self
    }
}

/// Reads all kinds with the rights of one caller.
pub struct AnyReader<'a> {
    clusters: Arc<Clusters>,
    scope: &'a Scope,
}

impl Registry {
    /// Reads all kinds as the caller that `scope` describes.
    #[must_use]
    pub fn read_any<'a>(&self, scope: &'a Scope) -> AnyReader<'a> {
        AnyReader { clusters: self.snapshot(), scope }
    }
}

impl AnyReader<'_> {
    /// The ids of the clusters that may be seen, in order.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterId> {
        self.clusters.keys().filter(|id| self.scope.allows_cluster(id))
    }

    /// The ids of the clusters that are asked for, or all that may be seen; in order and each once.
    ///
    /// # Errors
    /// When one that is asked for does not exist, or may not be seen.
    pub fn chosen(&self, ids: Option<&[String]>) -> Result<Vec<ClusterId>, Error> {
        let chosen = chosen(&self.clusters, self.scope, ids)?;
        Ok(chosen.iter().map(|cluster| cluster.spec().id.clone()).collect())
    }

    /// The copies of a cluster, one for each kind; none if there is no such cluster, or it may not be seen.
    #[must_use]
    pub fn stores(&self, cluster: &str) -> Vec<Arc<dyn AnyStore>> {
        self.stores_where(cluster, &|_| true)
    }

    /// Those of some kinds.
    #[must_use]
    pub fn stores_where(&self, cluster: &str, wanted: &dyn Fn(&KindMeta) -> bool) -> Vec<Arc<dyn AnyStore>> {
        match self.clusters.get(cluster) {
            Some(cluster) if self.scope.allows_cluster(&cluster.spec().id) => cluster.stores_where(wanted),
            _ => Vec::new(),
        }
    }

    /// Why what is read of a kind in a cluster may be old or incomplete, if it may.
    #[must_use]
    pub fn problem(&self, store: &dyn AnyStore) -> Option<Error> {
        problem(self.clusters.get(store.cluster().as_str())?, store, self.scope)
            .or_else(|| self.scope.problem(store.cluster()))
    }

    /// How many objects of a kind may be seen.
    #[must_use]
    pub fn count(&self, store: &dyn AnyStore) -> usize {
        if self.scope.view(store.cluster(), store.kind()).is_all() {
            return store.len();
        }
        let mut count = 0;
        let _ = self.each(store, None, Edge::Least, Edge::Greatest, &mut |_, _| {
            count += 1;
            ControlFlow::Continue(())
        });
        count
    }

    /// An object of a kind by its name.
    #[must_use]
    pub fn get(&self, store: &dyn AnyStore, namespace: &str, name: &str) -> Option<SharedAny> {
        let seen = self.scope.allows(store.cluster(), store.kind(), namespace, name);
        seen.then(|| store.get(namespace, name, self.scope))?
    }

    /// The objects of a kind under a key, in order, `limit` at most; and whether there are more.
    #[must_use]
    pub fn by(&self, store: &dyn AnyStore, key: IndexKey<'_>, limit: usize) -> (Vec<SharedAny>, bool) {
        self.within(store, Some(key), Edge::Least, Edge::Greatest, limit, &|_| true)
    }

    /// The objects of a namespace whose labels match, `limit` at most; and whether there are more.
    #[must_use]
    pub fn labelled(
        &self,
        store: &dyn AnyStore,
        namespace: &str,
        labels: &LabelSelector,
        limit: usize,
    ) -> (Vec<SharedAny>, bool) {
        let key = labels.index_key();
        let matches = |entry: &dyn AnyEntry| labels.matches(&entry.meta().labels);
        self.within(store, key, Edge::Before(namespace), Edge::After(namespace), limit, &matches)
    }

    /// The objects between two places that a condition holds for, `limit` at most; and whether there are more.
    #[must_use]
    pub fn within(
        &self,
        store: &dyn AnyStore,
        key: Option<IndexKey<'_>>,
        from: Edge<'_>,
        to: Edge<'_>,
        limit: usize,
        matches: &dyn Fn(&dyn AnyEntry) -> bool,
    ) -> (Vec<SharedAny>, bool) {
        let mut taken = Vec::new();
        let stopped = self.each(store, key, from, to, &mut |entry, share| {
            if !matches(entry) {
                return ControlFlow::Continue(());
            }
            if taken.len() == limit {
                return ControlFlow::Break(());
            }
            taken.push(share());
            ControlFlow::Continue(())
        });
        (taken, stopped.is_break())
    }

    /// Looks at the objects between two places that may be seen, until it is told to stop; gives whether it was.
    pub fn each(
        &self,
        store: &dyn AnyStore,
        key: Option<IndexKey<'_>>,
        from: Edge<'_>,
        to: Edge<'_>,
        look: &mut Look<'_>,
    ) -> ControlFlow<()> {
        let view = self.scope.view(store.cluster(), store.kind());
        if view.is_all() {
            return store.scan(key, from, to, self.scope, look);
        }
        spans(&view, key, &BTreeSet::new()).into_iter().try_for_each(|(first, last)| {
            let (first, last) = (first.max(from), last.min(to));
            if first >= last {
                return ControlFlow::Continue(());
            }
            store.scan(key, first, last, self.scope, &mut |entry, share| {
                let meta = entry.meta();
                if view.has(&meta.namespace, &meta.name) {
                    look(entry, share)
                } else {
                    ControlFlow::Continue(())
                }
            })
        })
    }
}
