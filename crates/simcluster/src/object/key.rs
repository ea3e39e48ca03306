//! Namespace and name, in the order of the real store: that of `namespace/name` as bytes, so that lists and pages come
//! in the same order.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// Empty for what is in no namespace.
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl Key {
    pub fn new(namespace: &str, name: impl Into<Arc<str>>) -> Self {
        Self { namespace: intern(namespace), name: name.into() }
    }

    /// As a continue token says it: `namespace/name`, or the name alone.
    pub fn path(&self) -> String {
        if self.namespace.is_empty() {
            self.name.to_string()
        } else {
            format!("{}/{}", self.namespace, self.name)
        }
    }

    fn bytes(&self) -> impl Iterator<Item = u8> + '_ {
        let slash: &[u8] = if self.namespace.is_empty() { b"" } else { b"/" };
        self.namespace.bytes().chain(slash.iter().copied()).chain(self.name.bytes())
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        if Arc::ptr_eq(&self.namespace, &other.namespace) || self.namespace == other.namespace {
            return self.name.as_bytes().cmp(other.name.as_bytes());
        }
        self.bytes().cmp(other.bytes())
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// One copy of a namespace's name for the whole process: a thousand clusters have mostly the same ones.
///
/// Bounded: past 100,000 different names, further ones are no longer shared.
pub fn intern(text: &str) -> Arc<str> {
    static KNOWN: LazyLock<Mutex<HashSet<Arc<str>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(shared) = known.get(text) {
        return Arc::clone(shared);
    }
    let shared: Arc<str> = text.into();
    if known.len() < 100_000 {
        known.insert(Arc::clone(&shared));
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_their_paths() {
        let mut keys = [Key::new("a", "x"), Key::new("a-b", "a"), Key::new("a", "b"), Key::new("a0", "a")];
        keys.sort();
        let paths: Vec<String> = keys.iter().map(Key::path).collect();
        assert_eq!(paths, ["a-b/a", "a/b", "a/x", "a0/a"]);
    }
}
