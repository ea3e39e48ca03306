//! Documents that clients had kept: bounded by number and by bytes, the one that was not used for longest leaves first.
//!
//! A reader loads a pointer and touches a counter; no lock. Whoever keeps a new document copies the map of pointers, which
//! the bound of entries makes cheap, and which happens once for each document of a client's program.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use arc_swap::ArcSwap;

use super::Hash;
use crate::config::PersistedQueriesConfig;

type Entries = HashMap<Hash, Arc<Entry>>;

#[derive(Debug)]
pub(super) struct Persisted {
    entries: ArcSwap<Entries>,
    writing: Mutex<()>,
    /// Counts uses, so that they have an order.
    clock: AtomicU64,
    max_entries: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Entry {
    text: Arc<str>,
    used: AtomicU64,
}

impl Persisted {
    pub fn new(config: &PersistedQueriesConfig) -> Self {
        let PersistedQueriesConfig { max_entries, max_bytes } = *config;
        let (entries, writing, clock) = (ArcSwap::default(), Mutex::new(()), AtomicU64::new(1));
        Self { entries, writing, clock, max_entries, max_bytes }
    }

    pub fn is_on(&self) -> bool {
        self.max_entries > 0 && self.max_bytes > 0
    }

    pub fn get(&self, hash: Hash) -> Option<Arc<str>> {
        let entries = self.entries.load();
        let entry = entries.get(&hash)?;
        entry.used.store(self.clock.fetch_add(1, Relaxed), Relaxed);
        Some(Arc::clone(&entry.text))
    }

    pub fn keep(&self, hash: Hash, text: Arc<str>) {
        if !self.is_on() || text.len() > self.max_bytes || self.get(hash).is_some() {
            return;
        }
        let _one_writer = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = Entries::clone(&self.entries.load());
        let mut bytes: usize = entries.values().map(|entry| entry.text.len()).sum();
        while entries.len() >= self.max_entries || bytes + text.len() > self.max_bytes {
            let oldest = entries.iter().min_by_key(|(_, entry)| entry.used.load(Relaxed));
            let Some((&oldest, _)) = oldest else { break };
            bytes -= entries.remove(&oldest).map_or(0, |entry| entry.text.len());
        }
        let used = AtomicU64::new(self.clock.fetch_add(1, Relaxed));
        entries.insert(hash, Arc::new(Entry { text, used }));
        self.entries.store(Arc::new(entries));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn persisted(max_entries: usize, max_bytes: usize) -> Persisted {
        Persisted::new(&PersistedQueriesConfig { max_entries, max_bytes })
    }

    fn keep(persisted: &Persisted, text: &str) {
        persisted.keep(Hash::of(text), text.into());
    }

    fn kept(persisted: &Persisted, texts: &[&'static str]) -> Vec<&'static str> {
        let entries = persisted.entries.load();
        texts.iter().copied().filter(|text| entries.contains_key(&Hash::of(text))).collect()
    }

    #[test]
    fn what_was_not_used_for_longest_leaves_first() {
        let persisted = persisted(3, 1000);
        for text in ["a", "b", "c"] {
            keep(&persisted, text);
        }
        assert_eq!(persisted.get(Hash::of("a")).as_deref(), Some("a"));
        keep(&persisted, "d");
        assert_eq!(kept(&persisted, &["a", "b", "c", "d"]), ["a", "c", "d"]);
    }

    #[test]
    fn bytes_are_bounded_whatever_the_number() {
        let persisted = persisted(100, 10);
        for text in ["aaaa", "bbbb", "cccc"] {
            keep(&persisted, text);
        }
        assert_eq!(kept(&persisted, &["aaaa", "bbbb", "cccc"]), ["bbbb", "cccc"]);
        keep(&persisted, "12345678901");
        assert_eq!(kept(&persisted, &["bbbb", "cccc", "12345678901"]), ["bbbb", "cccc"]);
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let persisted = persisted(0, 1000);
        keep(&persisted, "a");
        assert!(!persisted.is_on() && persisted.get(Hash::of("a")).is_none());
    }
}
