//! Strings that many objects share are kept once: namespaces, label pairs, node names, images.
//!
//! Ten thousand pods have some hundred different label pairs between them; kept as typed metadata, each pod
//! would hold its own copy. An entry keeps a pointer of 8 bytes a label instead.
//!
//! Interning happens on the write path only (when a watch event is applied); readers never touch the tables.
//! A table drops what nothing points to any more whenever it has doubled since its last sweep, so that it
//! stays proportional to what is alive.

use std::{
    borrow::Borrow,
    collections::HashSet,
    fmt,
    hash::{Hash, Hasher},
    ops::Deref,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

const SHARDS: usize = 16;
/// Below this a sweep isn't worth its time.
const SWEEP_FROM: usize = 256;

/// What a table keeps: a counted pointer of 8 bytes.
trait Shared: Clone + Eq + Hash {
    /// Whether nobody but the table points to it.
    fn is_unused(&self) -> bool;
}

struct Shard<T> {
    items: HashSet<T>,
    sweep_at: usize,
}

struct Table<T> {
    shards: [Mutex<Shard<T>>; SHARDS],
}

impl<T: Shared> Table<T> {
    fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| {
                Mutex::new(Shard { items: HashSet::new(), sweep_at: SWEEP_FROM })
            }),
        }
    }

    fn intern<Q: ?Sized + Eq + Hash>(&self, key: &Q, make: impl FnOnce() -> T) -> T
    where
        T: Borrow<Q>,
    {
        let mut hasher = std::hash::DefaultHasher::new();
        key.hash(&mut hasher);
        // No lookup can panic while the lock is held, so a poisoned shard is still whole.
        let mut shard =
            self.shards[hasher.finish() as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = shard.items.get(key) {
            return found.clone();
        }
        if shard.items.len() >= shard.sweep_at {
            shard.items.retain(|item| !item.is_unused());
            shard.sweep_at = (shard.items.len() * 2).max(SWEEP_FROM);
        }
        let item = make();
        shard.items.insert(item.clone());
        item
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner).items.len()).sum()
    }
}

static STRINGS: LazyLock<Table<Istr>> = LazyLock::new(Table::new);
static LABELS: LazyLock<Table<Label>> = LazyLock::new(Table::new);

/// How many strings and label pairs are interned now (for metrics).
#[must_use]
pub fn interned() -> (usize, usize) {
    (STRINGS.len(), LABELS.len())
}

/// An interned string. Cheap to clone; equal strings share their memory. A pointer to a pointer: what many share may cost
/// a step more, so that each of the many keeps 8 bytes and not 16.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Istr(Arc<Box<str>>);

impl Istr {
    #[must_use]
    pub fn new(s: &str) -> Self {
        STRINGS.intern(s, || Self(Arc::new(s.into())))
    }
}

impl Shared for Istr {
    fn is_unused(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Borrow<str> for Istr {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Default for Istr {
    fn default() -> Self {
        Self::new("")
    }
}

impl Deref for Istr {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Istr {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Istr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl<'de> serde::Deserialize<'de> for Istr {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Istr;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_str<E>(self, v: &str) -> Result<Istr, E> {
                Ok(Istr::new(v))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// A label's key and value.
#[derive(Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LabelPair {
    pub key: Box<str>,
    pub value: Box<str>,
}

/// An interned label pair, 8 bytes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Label(Arc<LabelPair>);

impl Label {
    #[must_use]
    pub fn new(key: &str, value: &str) -> Self {
        let label = Self(Arc::new(LabelPair { key: key.into(), value: value.into() }));
        LABELS.intern(&label, || label.clone())
    }
}

impl Shared for Label {
    fn is_unused(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Deref for Label {
    type Target = LabelPair;
    fn deref(&self) -> &LabelPair {
        &self.0
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// The labels of an object, sorted by key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels(Box<[Label]>);

impl Labels {
    /// Sorts and takes pairs. A key that stands twice keeps its last value, as in JSON.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_by(|a, b| a.0.cmp(b.0));
        let mut labels: Vec<Label> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            if labels.last().is_some_and(|last| &*last.key == key) {
                labels.pop();
            }
            labels.push(Label::new(key, value));
        }
        Self(labels.into_boxed_slice())
    }

    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.0.binary_search_by(|label| (*label.key).cmp(key)).ok()?;
        self.0.get(at).map(|label| &*label.value)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|label| (&*label.key, &*label.value))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_strings_share_their_memory_and_take_eight_bytes() {
        assert_eq!((size_of::<Istr>(), size_of::<Label>()), (8, 8));
        let (a, b) = (Istr::new("kube-system"), Istr::new(&String::from("kube-system")));
        assert!(Arc::ptr_eq(&a.0, &b.0));
    }

    #[test]
    fn labels_are_found_by_key_whatever_their_order_was() {
        let labels = Labels::from_pairs([("tier", "web"), ("app", "cart"), ("tier", "api")]);
        assert_eq!(labels.get("app"), Some("cart"));
        assert_eq!(labels.get("tier"), Some("api"));
        assert_eq!(labels.get("none"), None);
        assert_eq!(labels.len(), 2);
    }

    #[test]
    fn what_nothing_points_to_is_swept() {
        let table: Table<Istr> = Table::new();
        for i in 0..100_000 {
            let s = format!("short-lived-{i}");
            drop(table.intern(s.as_str(), || Istr(Arc::new(s.as_str().into()))));
        }
        assert!(table.len() <= SHARDS * SWEEP_FROM * 2, "{}", table.len());
    }
}
