//! Search over all kinds of all clusters.
//!
//! ```text
//!   stores of the chosen clusters and kinds ─▶ narrowest way in (label, field, namespace) ─▶ filter
//!        ├─▶ the smallest `first` keys after the cursor (a heap: no sort of everything)
//!        ├─▶ a count
//!        └─▶ counts by cluster, kind, namespace, health, image, label
//! ```
//!
//! Nothing is decoded: filters read metadata and columns.

mod facet;
mod filter;
mod order;
mod words;

use std::{
    cmp::Ordering,
    collections::BinaryHeap,
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering as Atomic},
    },
};

use cluster_registry::{AnyEntry, AnyReader, AnyStore, Edge, SharedAny, unknown_cluster};
use fleetgraph_core::Error;

pub use facet::{Count, FacetBy};
pub use filter::{Filter, ResourcesFilter};
pub use order::{OrderDirection, OrderField, Place, ResourceOrder};
pub use words::{Completion, complete};

/// What a search found: a page, and whether there is more behind it.
pub struct Hits {
    pub rows: Vec<SharedAny>,
    pub more: bool,
}

/// Takes objects that match, with the way to keep one.
pub type Each<'e> = dyn FnMut(&dyn AnyEntry, &dyn Fn() -> SharedAny) + 'e;

/// A search over all kinds.
pub struct Search<'a> {
    reader: &'a AnyReader<'a>,
    filter: &'a Filter,
    stopped: &'a AtomicBool,
    stores: Vec<Arc<dyn AnyStore>>,
    pub problems: Vec<Error>,
}

impl<'a> Search<'a> {
    /// Chooses the stores that a filter is about. Once `stopped` is set, nobody waits for what is found.
    ///
    /// # Errors
    /// When it names a cluster that doesn't exist, a kind that no cluster has, or fields that can't be selected on.
    pub fn new(
        reader: &'a AnyReader<'a>,
        filter: &'a Filter,
        stopped: &'a AtomicBool,
    ) -> Result<Self, Error> {
        let known: Vec<&str> = reader.clusters().map(|id| id.as_str()).collect();
        let clusters: Vec<&str> = match &filter.clusters {
            None => known,
            Some(wanted) => {
                if let Some(unknown) = wanted.iter().find(|id| !known.contains(&id.as_str())) {
                    return Err(unknown_cluster(unknown));
                }
                known.into_iter().filter(|id| wanted.iter().any(|wanted| wanted == id)).collect()
            }
        };
        let all: Vec<_> = clusters.into_iter().flat_map(|cluster| reader.stores(cluster)).collect();
        let answers = |store: &Arc<dyn AnyStore>, name: &str| store.kind().answers_to(name);
        if let Some(unknown) = filter.kinds.iter().find(|name| !all.iter().any(|store| answers(store, name)))
        {
            return Err(Error::bad_input(format!(
                "{unknown:?} is no kind that is watched; write `pods`, `Deployment` or `certificates.cert-manager.io`"
            )));
        }
        let wanted = |store: &Arc<dyn AnyStore>| {
            if filter.kinds.is_empty() {
                // Reports about objects are not what a search over everything is after.
                !store.kind().is_resource("events")
            } else {
                filter.kinds.iter().any(|name| answers(store, name))
            }
        };
        let mut stores: Vec<_> = all.into_iter().filter(wanted).collect();
        if filter.kinds.is_empty() {
            let mut refusal = None;
            stores.retain(|store| match store.check_fields(&filter.fields) {
                Ok(()) => true,
                Err(error) => {
                    refusal = Some(error);
                    false
                }
            });
            if let Some(error) = refusal.filter(|_| stores.is_empty()) {
                return Err(error);
            }
        } else {
            stores.iter().try_for_each(|store| store.check_fields(&filter.fields))?;
        }
        let problems = stores.iter().filter_map(|store| reader.problem(&**store)).collect();
        Ok(Self { reader, filter, stopped, stores, problems })
    }

    /// The first objects behind a place, in an order.
    #[must_use]
    pub fn page(&self, order: &ResourceOrder, after: Option<&Place>, first: usize) -> Hits {
        let mut best: BinaryHeap<Candidate> = BinaryHeap::with_capacity(first.min(1024) + 2);
        self.each(&mut |entry, share| {
            let behind = after.is_none_or(|after| order.compare(entry, after).is_gt());
            // One more than the page tells that there is more.
            let among = best.len() <= first
                || best.peek().is_some_and(|worst| order.compare(entry, &worst.place).is_lt());
            if behind && among {
                best.push(Candidate { place: order.place(entry), entry: share(), order: *order });
                if best.len() > first + 1 {
                    best.pop();
                }
            }
        });
        let more = best.len() > first;
        let mut rows: Vec<SharedAny> =
            best.into_sorted_vec().into_iter().map(|candidate| candidate.entry).collect();
        rows.truncate(first);
        Hits { rows, more }
    }

    /// How many objects match.
    #[must_use]
    pub fn count(&self) -> usize {
        let mut count = 0;
        self.each(&mut |_, _| count += 1);
        count
    }

    /// Counts by a property, the most frequent first, `first` at most.
    #[must_use]
    pub fn facet(&self, by: &FacetBy, first: usize) -> Vec<Count> {
        let mut counts = facet::Counts::new(by);
        self.each(&mut |entry, _| counts.add(entry));
        counts.top(first)
    }

    /// Looks at each object that matches.
    pub fn each(&self, look: &mut Each<'_>) {
        let filter = self.filter;
        let spans: Vec<(Edge<'_>, Edge<'_>)> = if filter.namespaces.is_empty() {
            vec![(Edge::Least, Edge::Greatest)]
        } else {
            filter.namespaces.iter().map(|ns| (Edge::Before(ns), Edge::After(ns))).collect()
        };
        let mut looked = |entry: &dyn AnyEntry, share: &dyn Fn() -> SharedAny| {
            if self.stopped.load(Atomic::Relaxed) {
                return ControlFlow::Break(());
            }
            if filter.matches(entry) {
                look(entry, share);
            }
            ControlFlow::Continue(())
        };
        let _ = self.stores.iter().try_for_each(|store| {
            let key = store.narrowest(&filter.labels, &filter.fields);
            spans.iter().try_for_each(|(from, to)| self.reader.each(&**store, key, *from, *to, &mut looked))
        });
    }
}

/// An object that may be on the page; the greatest is the first to go.
struct Candidate {
    place: Place,
    entry: SharedAny,
    order: ResourceOrder,
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order.compare_places(&self.place, &other.place)
    }
}
