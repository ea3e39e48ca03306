//! What one request looked up and is not known: the questions that it waits for, and why some have no answer.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use fleetgraph_core::{ClusterId, KindMeta, Verb};

use super::question::Place;
use super::reviewer::Failure;

/// What was looked up: a place of a kind, or an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Want {
    pub verb: Verb,
    pub kind: KindMeta,
    pub place: Place,
}

/// Locked when something that is looked up is not known, by the one request that it belongs to.
#[derive(Debug)]
pub(crate) struct Wants {
    most: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    wanted: HashMap<ClusterId, HashSet<Want>>,
    count: usize,
    /// Of these clusters more was wanted than may be.
    overflown: HashSet<ClusterId>,
    failures: BTreeMap<ClusterId, Failure>,
}

impl Wants {
    /// `most`: how many may be wanted at once.
    pub fn new(most: usize) -> Self {
        Self { most, inner: Mutex::default() }
    }

    pub fn add(&self, cluster: &ClusterId, want: Want) {
        let mut inner = self.lock();
        if inner.count >= self.most {
            inner.overflown.insert(cluster.clone());
            return;
        }
        if inner.wanted.entry(cluster.clone()).or_default().insert(want) {
            inner.count += 1;
        }
    }

    /// Takes what is wanted, and the clusters of which more was.
    pub fn take(&self) -> (HashMap<ClusterId, HashSet<Want>>, HashSet<ClusterId>) {
        let mut inner = self.lock();
        inner.count = 0;
        (std::mem::take(&mut inner.wanted), std::mem::take(&mut inner.overflown))
    }

    /// Notes how asking a cluster ended. Gives whether that is news.
    pub fn note(&self, cluster: &ClusterId, failure: Option<Failure>) -> bool {
        let mut inner = self.lock();
        match failure {
            None => inner.failures.remove(cluster).is_some(),
            Some(failure) => {
                // The details of the next failure differ, and say the same.
                let known = inner.failures.get(cluster).map(Failure::code);
                let code = failure.code();
                inner.failures.insert(cluster.clone(), failure);
                known != Some(code)
            }
        }
    }

    pub fn failure(&self, cluster: &ClusterId) -> Option<Failure> {
        self.lock().failures.get(cluster).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Kind;
    use kinds::Pod;

    use super::*;

    fn want(namespace: &str) -> Want {
        let place = Place { namespace: namespace.into(), name: None };
        Want { verb: Verb::List, kind: Pod::META, place }
    }

    #[test]
    fn no_more_is_wanted_than_may_be() {
        let (wants, id) = (Wants::new(2), ClusterId::new("one").unwrap());
        for namespace in ["a", "a", "b", "c"] {
            wants.add(&id, want(namespace));
        }
        let (wanted, overflown) = wants.take();
        assert_eq!(wanted[&id], [want("a"), want("b")].into());
        assert!(overflown.contains(&id));
        wants.add(&id, want("c"));
        assert_eq!(wants.take(), ([(id, [want("c")].into())].into(), HashSet::new()));
    }

    #[test]
    fn a_failure_is_news_once_and_its_end_is() {
        let (wants, id) = (Wants::new(2), ClusterId::new("one").unwrap());
        assert!(!wants.note(&id, None));
        assert!(wants.note(&id, Some(Failure::Late)));
        assert!(!wants.note(&id, Some(Failure::Stalled)), "callers are told the same");
        assert!(wants.note(&id, None) && wants.failure(&id).is_none());
    }
}
