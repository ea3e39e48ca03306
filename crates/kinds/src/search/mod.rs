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
    collections::{BinaryHeap, HashMap},
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering as Atomic},
    },
};

use cluster_registry::{AnyEntry, AnyReader, AnyStore, Edge, SharedAny};
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

/// What of the objects that match is wanted.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub page: Option<PageOf>,
    /// How many there are.
    pub count: bool,
    /// Counts by properties.
    pub facets: Vec<FacetBy>,
}

/// The first objects behind a place, in an order.
#[derive(Debug, Clone)]
pub struct PageOf {
    pub order: ResourceOrder,
    pub after: Option<Place>,
    pub first: usize,
}

/// What was wanted.
pub struct Found {
    pub hits: Option<Hits>,
    pub count: Option<usize>,
    /// All values, the most frequent first.
    pub facets: HashMap<FacetBy, Vec<Count>>,
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
        let clusters = reader.chosen(filter.clusters.as_deref())?;
        let all: Vec<_> = clusters.iter().flat_map(|cluster| reader.stores(cluster.as_str())).collect();
        let answers = |store: &Arc<dyn AnyStore>, name: &str| store.kind().answers_to(name);
        if let Some(unknown) = filter.kinds.iter().find(|name| !all.iter().any(|store| answers(store, name)))
        {
            return Err(crate::unknown_kind(unknown));
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

    /// Looks once at everything that matches, for all that is wanted of it.
    #[must_use]
    pub fn find(&self, wanted: Wanted) -> Found {
        let Wanted { page, count, facets } = wanted;
        let mut page = page.map(Collecting::new);
        let mut facets: Vec<(FacetBy, facet::Counts)> =
            facets.into_iter().map(|by| (by.clone(), facet::Counts::new(by))).collect();
        let mut counted = 0;
        self.each(&mut |entry, share| {
            counted += 1;
            if let Some(page) = &mut page {
                page.offer(entry, share);
            }
            facets.iter_mut().for_each(|(_, counts)| counts.add(entry));
        });
        Found {
            hits: page.map(Collecting::finish),
            count: count.then_some(counted),
            facets: facets.into_iter().map(|(by, counts)| (by, counts.sorted())).collect(),
        }
    }

    /// Looks at each object that matches.
    pub fn each(&self, look: &mut Each<'_>) {
        let filter = self.filter;
        let spans = Edge::spans(filter.namespaces.iter().map(String::as_str));
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

/// The objects of a page, while others go by.
struct Collecting {
    page: PageOf,
    best: BinaryHeap<Candidate>,
}

impl Collecting {
    fn new(page: PageOf) -> Self {
        let best = BinaryHeap::with_capacity(page.first.min(1024) + 2);
        Self { page, best }
    }

    fn offer(&mut self, entry: &dyn AnyEntry, share: &dyn Fn() -> SharedAny) {
        let Self { page: PageOf { order, after, first }, best } = self;
        let behind = after.as_ref().is_none_or(|after| order.compare(entry, after).is_gt());
        // One more than the page tells that there is more.
        let among = best.len() <= *first
            || best.peek().is_some_and(|worst| order.compare(entry, &worst.place).is_lt());
        if behind && among {
            best.push(Candidate { place: order.place(entry), entry: share(), order: *order });
            if best.len() > *first + 1 {
                best.pop();
            }
        }
    }

    fn finish(self) -> Hits {
        let more = self.best.len() > self.page.first;
        let sorted = self.best.into_sorted_vec().into_iter().map(|candidate| candidate.entry);
        Hits { rows: sorted.take(self.page.first).collect(), more }
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
