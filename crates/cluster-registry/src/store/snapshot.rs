//! A consistent view of one kind of one cluster, and its two trees.

use std::{
    cmp::Ordering,
    hash::{BuildHasher, RandomState},
    ops::Bound,
    sync::{Arc, LazyLock},
};

use equivalent::Comparable;
use fleetgraph_core::{IndexKey, Kind};
use imbl::OrdSet;

use crate::entry::{Entry, Shared};

static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// One kind of one cluster at one moment.
pub struct Snapshot<K: Kind> {
    by_name: OrdSet<ByName<K>>,
    by_key: OrdSet<ByKey<K>>,
    /// The highest resourceVersion that was seen.
    pub(crate) resource_version: Option<String>,
}

impl<K: Kind> Default for Snapshot<K> {
    fn default() -> Self {
        Self { by_name: OrdSet::new(), by_key: OrdSet::new(), resource_version: None }
    }
}

impl<K: Kind> Clone for Snapshot<K> {
    fn clone(&self) -> Self {
        Self {
            by_name: self.by_name.clone(),
            by_key: self.by_key.clone(),
            resource_version: self.resource_version.clone(),
        }
    }
}

/// Takes namespace and name of an object, and its uid and version.
pub type TakeVersion<'t> = dyn FnMut(&str, &str, (&str, &str)) + 't;

/// The versions of the objects of a snapshot, whatever their kind.
pub trait Versions: Send + Sync {
    fn len(&self) -> usize;
    /// An object's uid and version.
    fn version(&self, namespace: &str, name: &str) -> Option<(&str, &str)>;
    /// Gives each object.
    fn each(&self, take: &mut TakeVersion<'_>);
    /// The highest version that was seen, of deleted objects too.
    fn highest(&self) -> Option<&str>;
}

impl<K: Kind> Versions for Snapshot<K> {
    fn len(&self) -> usize {
        Snapshot::len(self)
    }

    fn version(&self, namespace: &str, name: &str) -> Option<(&str, &str)> {
        self.get(namespace, name).map(|entry| entry.meta.version())
    }

    fn each(&self, take: &mut TakeVersion<'_>) {
        self.iter().for_each(|entry| take(&entry.meta.namespace, &entry.meta.name, entry.meta.version()));
    }

    fn highest(&self) -> Option<&str> {
        self.resource_version.as_deref()
    }
}

impl<K: Kind> Snapshot<K> {
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// An object by its name; `namespace` is empty for a cluster-scoped one.
    #[must_use]
    pub fn get(&self, namespace: &str, name: &str) -> Option<&Shared<K>> {
        self.by_name.get(&Name(namespace, name)).map(|row| &row.0)
    }

    /// Objects in order, between two places; those under a key, if one is given.
    pub fn scan<'a>(
        &'a self,
        key: Option<IndexKey<'a>>,
        from: Edge<'a>,
        to: Edge<'a>,
    ) -> impl DoubleEndedIterator<Item = &'a Shared<K>> + 'a {
        let by_key = key.map(|key| self.by_between(key, from, to));
        let by_name = key.is_none().then(|| {
            self.by_name.range::<_, Edge<'_>>((Bound::Excluded(from), Bound::Excluded(to))).map(|row| &row.0)
        });
        by_key.into_iter().flatten().chain(by_name.into_iter().flatten())
    }

    /// All objects, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Shared<K>> {
        self.by_name.iter().map(|row| &row.0)
    }

    /// The objects under a key, in order.
    pub fn by<'a>(&'a self, key: IndexKey<'a>) -> impl DoubleEndedIterator<Item = &'a Shared<K>> + 'a {
        self.by_between(key, Edge::Least, Edge::Greatest)
    }

    fn by_between<'a>(
        &'a self,
        key: IndexKey<'a>,
        from: Edge<'a>,
        to: Edge<'a>,
    ) -> impl DoubleEndedIterator<Item = &'a Shared<K>> + 'a {
        let hash = hash(&key);
        self.by_key
            .range::<_, KeyEdge<'_>>((
                Bound::Excluded(KeyEdge { hash, edge: from }),
                Bound::Excluded(KeyEdge { hash, edge: to }),
            ))
            .map(|row| &row.entry)
            .filter(move |entry| has_key(entry, &key))
    }

    pub(super) fn insert(&mut self, entry: Shared<K>) -> Option<Shared<K>> {
        let old = self.by_name.remove(&Name(&entry.meta.namespace, &entry.meta.name)).map(|row| row.0);
        if let Some(old) = &old {
            self.unindex(old);
        }
        self.by_name.insert(ByName(Arc::clone(&entry)));
        each_key(&entry, &mut |key| {
            self.by_key.insert(ByKey { hash: hash(&key), entry: Arc::clone(&entry) });
        });
        old
    }

    pub(super) fn remove(&mut self, namespace: &str, name: &str) -> Option<Shared<K>> {
        let old = self.by_name.remove(&Name(namespace, name))?.0;
        self.unindex(&old);
        Some(old)
    }

    fn unindex(&mut self, entry: &Shared<K>) {
        each_key(entry, &mut |key| {
            self.by_key
                .remove(&KeyName { hash: hash(&key), name: Name(&entry.meta.namespace, &entry.meta.name) });
        });
    }

    #[cfg(test)]
    pub(super) fn index_rows(&self) -> usize {
        self.by_key.len()
    }
}

/// Emits every key under which an entry is found. The same key may come twice.
fn each_key<'a, K: Kind>(entry: &'a Entry<K>, emit: &mut dyn FnMut(IndexKey<'a>)) {
    for (key, value) in entry.meta.labels.iter() {
        emit(IndexKey::Label(key, value));
    }
    for owner in &entry.meta.owners {
        emit(IndexKey::Owner(&owner.uid));
    }
    if let Some(application) = &entry.meta.application {
        emit(IndexKey::Application(application));
    }
    K::references(&entry.meta, &entry.columns, emit);
}

/// Whether an entry is found under a key.
pub(crate) fn has_key<K: Kind>(entry: &Entry<K>, key: &IndexKey<'_>) -> bool {
    match key {
        IndexKey::Label(key, value) => entry.meta.labels.get(key) == Some(value),
        IndexKey::Owner(uid) => entry.meta.owners.iter().any(|owner| &*owner.uid == *uid),
        IndexKey::Application(name) => entry.meta.application.as_deref() == Some(name),
        IndexKey::Ref { .. } | IndexKey::Selector { .. } => {
            let mut found = false;
            K::references(&entry.meta, &entry.columns, &mut |k| found |= k == *key);
            found
        }
    }
}

fn hash(key: &IndexKey<'_>) -> u64 {
    HASHER.hash_one(key)
}

struct ByName<K: Kind>(Shared<K>);

impl<K: Kind> Clone for ByName<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Kind> PartialEq for ByName<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl<K: Kind> Eq for ByName<K> {}

impl<K: Kind> PartialOrd for ByName<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Kind> Ord for ByName<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key().cmp(&other.0.key())
    }
}

struct ByKey<K: Kind> {
    hash: u64,
    entry: Shared<K>,
}

impl<K: Kind> Clone for ByKey<K> {
    fn clone(&self) -> Self {
        Self { hash: self.hash, entry: Arc::clone(&self.entry) }
    }
}

impl<K: Kind> PartialEq for ByKey<K> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<K: Kind> Eq for ByKey<K> {}

impl<K: Kind> PartialOrd for ByKey<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Kind> Ord for ByKey<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.hash.cmp(&other.hash).then_with(|| self.entry.key().cmp(&other.entry.key()))
    }
}

/// Namespace and name, to look an entry up.
#[derive(PartialEq, Eq)]
struct Name<'a>(&'a str, &'a str);

impl<K: Kind> equivalent::Equivalent<ByName<K>> for Name<'_> {
    fn equivalent(&self, row: &ByName<K>) -> bool {
        (self.0, self.1) == row.0.key()
    }
}

impl<K: Kind> Comparable<ByName<K>> for Name<'_> {
    fn compare(&self, row: &ByName<K>) -> Ordering {
        (self.0, self.1).cmp(&row.0.key())
    }
}

struct KeyName<'a> {
    hash: u64,
    name: Name<'a>,
}

impl<K: Kind> equivalent::Equivalent<ByKey<K>> for KeyName<'_> {
    fn equivalent(&self, row: &ByKey<K>) -> bool {
        self.compare(row).is_eq()
    }
}

impl<K: Kind> Comparable<ByKey<K>> for KeyName<'_> {
    fn compare(&self, row: &ByKey<K>) -> Ordering {
        self.hash.cmp(&row.hash).then_with(|| (self.name.0, self.name.1).cmp(&row.entry.key()))
    }
}

/// A place in the order of entries, both ends of a scan being excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge<'a> {
    Least,
    /// Before the first object of a namespace.
    Before(&'a str),
    /// At an object, or where it would stand.
    At(&'a str, &'a str),
    /// Behind the last object of a namespace.
    After(&'a str),
    Greatest,
}

impl<'a> Edge<'a> {
    /// The stretches of the order that namespaces take, which come in order and each once; all of it if none is named.
    pub fn spans(namespaces: impl IntoIterator<Item = &'a str>) -> Vec<(Self, Self)> {
        let mut spans: Vec<_> = namespaces
            .into_iter()
            .map(|namespace| (Edge::Before(namespace), Edge::After(namespace)))
            .collect();
        if spans.is_empty() {
            spans.push((Edge::Least, Edge::Greatest));
        }
        spans
    }

    /// In the order that it is a place in.
    fn place(&self) -> (u8, &'a str, u8, &'a str) {
        match *self {
            Edge::Least => (0, "", 0, ""),
            Edge::Before(namespace) => (1, namespace, 0, ""),
            Edge::At(namespace, name) => (1, namespace, 1, name),
            Edge::After(namespace) => (1, namespace, 2, ""),
            Edge::Greatest => (2, "", 0, ""),
        }
    }

    pub(crate) fn compare_key(&self, key: (&str, &str)) -> Ordering {
        match self {
            Edge::Least => Ordering::Less,
            Edge::Before(namespace) => (*namespace).cmp(key.0).then(Ordering::Less),
            Edge::At(namespace, name) => (*namespace, *name).cmp(&key),
            Edge::After(namespace) => (*namespace).cmp(key.0).then(Ordering::Greater),
            Edge::Greatest => Ordering::Greater,
        }
    }
}

impl Ord for Edge<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

impl PartialOrd for Edge<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K: Kind> equivalent::Equivalent<ByName<K>> for Edge<'_> {
    fn equivalent(&self, row: &ByName<K>) -> bool {
        self.compare_key(row.0.key()).is_eq()
    }
}

impl<K: Kind> Comparable<ByName<K>> for Edge<'_> {
    fn compare(&self, row: &ByName<K>) -> Ordering {
        self.compare_key(row.0.key())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct KeyEdge<'a> {
    hash: u64,
    edge: Edge<'a>,
}

impl<K: Kind> equivalent::Equivalent<ByKey<K>> for KeyEdge<'_> {
    fn equivalent(&self, row: &ByKey<K>) -> bool {
        self.compare(row).is_eq()
    }
}

impl<K: Kind> Comparable<ByKey<K>> for KeyEdge<'_> {
    fn compare(&self, row: &ByKey<K>) -> Ordering {
        self.hash.cmp(&row.hash).then_with(|| self.edge.compare_key(row.entry.key()))
    }
}
