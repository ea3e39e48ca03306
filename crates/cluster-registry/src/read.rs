//! Reads over the fleet: single objects, keys, and selections over many clusters.
//!
//! Each takes a [`Scope`] and sees nothing outside of it. A selection finds the narrowest way in (a key, a
//! namespace) and walks it in the order of lists, (cluster, namespace, name), so that a page costs what it
//! shows.

use std::{collections::BTreeSet, sync::Arc};

use fleetgraph_core::{
    ClusterId, Error, ErrorCode, FieldSelector, IndexKey, Kind, LabelSelector, PageRequest, Scope, View,
    WatchState,
};

use crate::{
    any::AnyStore,
    cluster::{Cluster, told},
    entry::{Entry, Shared},
    pii::{Shown, shown},
    registry::{Clusters, Registry},
    store::{Edge, Snapshot, Store},
};

/// A condition that only the kind knows, such as a pod's readiness.
pub type Matches<K> = Box<dyn Fn(&Entry<K>) -> bool + Send + Sync>;

/// What a selection asks for. The default is everything.
pub struct Query<K: Kind> {
    /// All clusters if `None`.
    pub clusters: Option<Vec<String>>,
    /// All namespaces if empty.
    pub namespaces: Vec<String>,
    pub labels: LabelSelector,
    pub fields: FieldSelector,
    pub matches: Option<Matches<K>>,
    pub page: PageRequest,
    /// For a type that stands for several kinds: only this one, as `plural.group`. All of them if `None`.
    pub resource: Option<String>,
}

impl<K: Kind> Default for Query<K> {
    fn default() -> Self {
        Self {
            clusters: None,
            namespaces: Vec::new(),
            labels: LabelSelector::default(),
            fields: FieldSelector::default(),
            matches: None,
            page: PageRequest { limit: usize::MAX, ..PageRequest::default() },
            resource: None,
        }
    }
}

/// The answer to a [`Query`].
pub struct Selection<K: Kind> {
    /// In the order of lists.
    pub rows: Vec<Shared<K>>,
    /// Whether there is more beyond the page, in the direction it was read.
    pub more: bool,
    /// One for each cluster whose part of the answer may be old or incomplete.
    pub problems: Vec<Error>,
}

/// Reads one kind with the rights of one caller.
pub struct Reader<'a, K: Kind> {
    clusters: Arc<Clusters>,
    scope: &'a Scope,
    watched: bool,
    kind: std::marker::PhantomData<fn() -> K>,
}

impl Registry {
    /// Reads a kind as the caller that `scope` describes.
    #[must_use]
    pub fn read<'a, K: Kind>(&self, scope: &'a Scope) -> Reader<'a, K> {
        let watched = self.hub::<K>().is_some();
        Reader { clusters: self.snapshot(), scope, watched, kind: std::marker::PhantomData }
    }
}

impl<K: Kind> Reader<'_, K> {
    /// One object; `namespace` is empty for a cluster-scoped one.
    #[must_use]
    pub fn get(&self, cluster: &str, namespace: &str, name: &str) -> Option<Shared<K>> {
        let cluster = self.clusters.get(cluster)?;
        let only_kind = cluster.store::<K>().is_some();
        cluster.stores_of::<K>().find_map(|store| {
            let snapshot = store.snapshot();
            let entry = snapshot.get(namespace, name);
            // Asked even if it isn't there, so that the time of an answer does not tell; but not of each of the many
            // kinds that a type may stand for.
            let asks = only_kind || entry.is_some();
            let seen = asks && self.scope.allows(&cluster.spec().id, store.kind(), namespace, name);
            entry.filter(|_| seen).map(|entry| shown(entry, self.scope))
        })
    }

    /// The objects of a cluster under a key, in order.
    #[must_use]
    pub fn by(&self, cluster: &str, key: IndexKey<'_>) -> Vec<Shared<K>> {
        let mut found = Vec::new();
        for Seen { view, store, snapshot } in self.seen(cluster) {
            let form = Shown::to(self.scope, store.cluster(), store.kind());
            let seen = snapshot.by(key).filter(|entry| shows(&view, entry));
            found.extend(seen.filter_map(|entry| form.of(entry, Some(&key))).map(Arc::clone));
        }
        found
    }

    /// The objects of a namespace that carry labels, by the label index where the selector allows it.
    #[must_use]
    pub fn labelled(&self, cluster: &str, namespace: &str, labels: &LabelSelector) -> Vec<Shared<K>> {
        let key = labels.index_key();
        let mut found = Vec::new();
        for Seen { view, store, snapshot } in self.seen(cluster) {
            let view = view.looking_at([namespace]);
            let form = Shown::to(self.scope, store.cluster(), store.kind());
            let entries = snapshot.scan(key, Edge::Before(namespace), Edge::After(namespace));
            let seen = entries.filter(|entry| shows(&view, entry) && labels.matches(&entry.meta.labels));
            found.extend(seen.filter_map(|entry| form.of(entry, key.as_ref())).map(Arc::clone));
        }
        found
    }

    /// How many objects the caller may see in a cluster.
    #[must_use]
    pub fn count(&self, cluster: &str) -> usize {
        let count = |Seen { view, snapshot, .. }: Seen<K>| {
            if view.is_all() {
                return snapshot.len();
            }
            visible(&snapshot, &view, None, &BTreeSet::new()).count()
        };
        self.seen(cluster).map(count).sum()
    }

    /// Objects of many clusters, in order.
    ///
    /// # Errors
    /// When a field selector names a field that can't be selected on, or a cluster that is asked for by its id
    /// does not exist.
    pub fn select(&self, query: &Query<K>) -> Result<Selection<K>, Error> {
        self.check_watched()?;
        query.fields.check(&K::META, K::FIELDS)?;
        let clusters = self.chosen(query.clusters.as_deref())?;
        let problems = clusters
            .iter()
            .flat_map(|cluster| {
                let stores =
                    chosen_stores(cluster, query).filter_map(|store| problem(cluster, &store, self.scope));
                stores.chain(self.scope.problem(&cluster.spec().id)).collect::<Vec<_>>()
            })
            .collect();
        let namespaces: BTreeSet<&str> = query.namespaces.iter().map(String::as_str).collect();
        let key = narrowest::<K>(&query.labels, &query.fields);
        let limit = query.page.limit;
        let mut rows = Vec::new();
        let mut more = false;
        let mut collect = |entries: &mut dyn Iterator<Item = &Shared<K>>| {
            for entry in entries {
                if rows.len() == limit {
                    more = true;
                    return false;
                }
                rows.push(Arc::clone(entry));
            }
            true
        };
        let mut walk = |cluster: &Arc<Cluster>| {
            chosen_stores(cluster, query).try_for_each(|store| {
                let snapshot = store.snapshot();
                let view = self.scope.view(&cluster.spec().id, store.kind());
                let view = view.looking_at(namespaces.iter().copied());
                let spans = spans(&view, key, &namespaces);
                let form = Shown::to(self.scope, store.cluster(), store.kind());
                segments(query, &cluster.spec().id, spans).into_iter().try_for_each(|(from, to)| {
                    let entries = snapshot
                        .scan(key, from, to)
                        .filter(|entry| shows(&view, entry))
                        .filter_map(|entry| form.of(entry, key.as_ref()))
                        .filter(|entry| selects(query, entry));
                    let go_on = if query.page.from_end {
                        collect(&mut entries.rev())
                    } else {
                        collect(&mut { entries })
                    };
                    if go_on { Ok(()) } else { Err(()) }
                })
            })
        };
        if query.page.from_end {
            let _ = clusters.iter().rev().try_for_each(&mut walk);
            rows.reverse();
        } else {
            let _ = clusters.iter().try_for_each(&mut walk);
        }
        Ok(Selection { rows, more, problems })
    }

    /// How many objects a query matches, whatever its page.
    ///
    /// # Errors
    /// As [`Reader::select`].
    pub fn matching(&self, query: &Query<K>) -> Result<usize, Error> {
        self.check_watched()?;
        query.fields.check(&K::META, K::FIELDS)?;
        let namespaces: BTreeSet<&str> = query.namespaces.iter().map(String::as_str).collect();
        let key = narrowest::<K>(&query.labels, &query.fields);
        let mut count = 0;
        for cluster in self.chosen(query.clusters.as_deref())? {
            for store in chosen_stores(&cluster, query) {
                let snapshot = store.snapshot();
                let view = self.scope.view(&cluster.spec().id, store.kind());
                let view = view.looking_at(namespaces.iter().copied());
                let form = Shown::to(self.scope, store.cluster(), store.kind());
                count += visible(&snapshot, &view, key, &namespaces)
                    .filter_map(|entry| form.of(entry, key.as_ref()))
                    .filter(|entry| selects(query, entry))
                    .count();
            }
        }
        Ok(count)
    }

    /// Why what is read of a cluster may be old or incomplete, if it may.
    #[must_use]
    pub fn problem(&self, cluster: &str) -> Option<Error> {
        if let Err(error) = self.check_watched() {
            return Some(error);
        }
        let cluster = self.clusters.get(cluster)?;
        let id = &cluster.spec().id;
        self.scope.allows_cluster(id).then(|| {
            let of_store = cluster.stores_of::<K>().find_map(|store| problem(cluster, &store, self.scope));
            of_store.or_else(|| self.scope.problem(id))
        })?
    }

    /// The copies of a cluster of which something may be seen, and what.
    fn seen(&self, cluster: &str) -> impl Iterator<Item = Seen<K>> {
        self.clusters.get(cluster).into_iter().flat_map(|cluster| {
            let seen = |store: Store<K>| {
                let view = self.scope.view(&cluster.spec().id, store.kind());
                Seen { view, snapshot: store.snapshot(), store }
            };
            cluster.stores_of::<K>().map(seen).filter(|seen| !seen.view.is_empty())
        })
    }

    fn check_watched(&self) -> Result<(), Error> {
        if self.watched { Ok(()) } else { Err(not_watched::<K>()) }
    }

    fn chosen(&self, ids: Option<&[String]>) -> Result<Vec<Arc<Cluster>>, Error> {
        chosen(&self.clusters, self.scope, ids)
    }
}

/// A copy, and what of it may be seen.
struct Seen<K: Kind> {
    view: View,
    store: Store<K>,
    snapshot: Arc<Snapshot<K>>,
}

fn selects<K: Kind>(query: &Query<K>, entry: &Entry<K>) -> bool {
    query.labels.matches(&entry.meta.labels)
        && (query.fields.is_empty() || K::matches_fields(&query.fields, &entry.meta, &entry.columns))
        && query.matches.as_ref().is_none_or(|matches| matches(entry))
}

fn shows<K: Kind>(view: &View, entry: &Entry<K>) -> bool {
    view.has(&entry.meta.namespace, &entry.meta.name)
}

/// The stretches of an order in which there may be something to see of the namespaces that are wanted; all, if none is
/// named. Under a key stand few objects, which are looked at one by one.
pub(crate) fn spans<'a>(
    view: &'a View,
    key: Option<IndexKey<'_>>,
    wanted: &BTreeSet<&'a str>,
) -> Vec<Span<'a>> {
    let narrow = || Edge::spans(wanted.iter().copied());
    if view.is_all() || key.is_some() {
        return narrow();
    }
    let Some(mut namespaces) = view.only() else { return narrow() };
    if !wanted.is_empty() {
        namespaces.retain(|namespace| wanted.contains(namespace));
    }
    if namespaces.is_empty() { Vec::new() } else { Edge::spans(namespaces) }
}

/// The clusters that are asked for by their ids, or all, as far as they may be seen; in order and each once.
pub(crate) fn chosen(
    clusters: &Clusters,
    scope: &Scope,
    ids: Option<&[String]>,
) -> Result<Vec<Arc<Cluster>>, Error> {
    let visible = |cluster: &&Arc<Cluster>| scope.allows_cluster(&cluster.spec().id);
    let Some(ids) = ids else { return Ok(clusters.values().filter(visible).map(Arc::clone).collect()) };
    let ids: BTreeSet<&String> = ids.iter().collect();
    ids.into_iter()
        .map(|id| {
            clusters.get(id.as_str()).filter(visible).map(Arc::clone).ok_or_else(|| unknown_cluster(id))
        })
        .collect()
}

/// The error for a kind that the configuration leaves out.
#[must_use]
pub fn not_watched<K: Kind>() -> Error {
    Error::bad_input(format!("{} aren't watched; add them to `watch_resources`", K::META.plural))
}

/// The error for an id that names no cluster, or none that the caller may see.
#[must_use]
pub fn unknown_cluster(id: &str) -> Error {
    Error::new(
        ErrorCode::ClusterNotFound,
        format!("there is no cluster with the id {id:?}; `clusters {{ id }}` lists them"),
    )
}

/// The stores of a cluster that a query is about.
fn chosen_stores<K: Kind>(cluster: &Cluster, query: &Query<K>) -> impl Iterator<Item = Store<K>> {
    cluster
        .stores_of::<K>()
        .filter(|store| query.resource.as_ref().is_none_or(|resource| store.kind().is_resource(resource)))
}

/// The objects of a copy that may be seen, of the namespaces that are wanted; of all, if none is named.
fn visible<'a, K: Kind>(
    snapshot: &'a Snapshot<K>,
    view: &'a View,
    key: Option<IndexKey<'a>>,
    wanted: &BTreeSet<&'a str>,
) -> impl Iterator<Item = &'a Shared<K>> {
    let entries =
        spans(view, key, wanted).into_iter().flat_map(move |(from, to)| snapshot.scan(key, from, to));
    entries.filter(|entry| shows(view, entry))
}

/// The narrowest key that every match stands under.
pub(crate) fn narrowest<'a, K: Kind>(
    labels: &'a LabelSelector,
    fields: &'a FieldSelector,
) -> Option<IndexKey<'a>> {
    let field = K::INDEXED_FIELDS.iter().find_map(|(field, relation)| {
        let name = fields.exact(field).filter(|name| !name.is_empty())?;
        Some(IndexKey::Ref { relation, namespace: "", name })
    });
    field.or_else(|| labels.index_key())
}

type Span<'a> = (Edge<'a>, Edge<'a>);

/// The parts of a cluster's order that a query has to walk, in the direction of its page.
fn segments<'a, K: Kind>(
    query: &'a Query<K>,
    cluster: &ClusterId,
    mut spans: Vec<Span<'a>>,
) -> Vec<Span<'a>> {
    if let Some(after) = &query.page.after {
        if *cluster < after.cluster {
            return Vec::new();
        }
        if *cluster == after.cluster {
            let place = (after.namespace.as_str(), after.name.as_str());
            spans.retain(|(_, to)| to.compare_key(place).is_gt());
            for (from, _) in &mut spans {
                if from.compare_key(place).is_lt() {
                    *from = Edge::At(place.0, place.1);
                }
            }
        }
    }
    if let Some(before) = &query.page.before {
        if *cluster > before.cluster {
            return Vec::new();
        }
        if *cluster == before.cluster {
            let place = (before.namespace.as_str(), before.name.as_str());
            spans.retain(|(from, _)| from.compare_key(place).is_lt());
            for (_, to) in &mut spans {
                if to.compare_key(place).is_gt() {
                    *to = Edge::At(place.0, place.1);
                }
            }
        }
    }
    if query.page.from_end {
        spans.reverse();
    }
    spans
}

/// Why a cluster's part of an answer may be old or incomplete.
pub(crate) fn problem(cluster: &Cluster, store: &dyn AnyStore, scope: &Scope) -> Option<Error> {
    let id = &cluster.spec().id;
    let freshness = told(store.freshness(cluster.reachable()), &scope.view(id, store.kind()));
    let plural = store.kind().plural;
    let cause = freshness.error.clone().or_else(|| cluster.config_error());
    let reason = || cause.as_ref().map(|e| format!(": {}", e.message)).unwrap_or_default();
    let error = match freshness.state {
        WatchState::Live if freshness.malformed > 0 => freshness.error.clone(),
        WatchState::Live => None,
        WatchState::Absent if !freshness.synced => None,
        WatchState::Absent => Some(Error::new(
            ErrorCode::ClusterProtocol,
            format!("cluster {id} no longer serves {plural}; they are as they were when it did"),
        )),
        WatchState::Forbidden => Some(Error::new(
            ErrorCode::ClusterForbidden,
            format!("cluster {id} does not let fleetgraph read {plural}{}", reason()),
        )),
        // Between two watches, and before a relist, there is nothing to tell yet.
        WatchState::Stale if cluster.reachable() && freshness.error.is_none() => None,
        WatchState::Stale if cluster.reachable() => {
            let code = freshness.error.as_ref().map_or(ErrorCode::ClusterUnavailable, |error| error.code);
            let age = freshness.last_event.map_or(0, |last| last.elapsed().as_secs());
            Some(Error::new(
                code,
                format!("cluster {id}'s {plural} are as they were {age} s ago{}", reason()),
            ))
        }
        WatchState::Stale => {
            let age = freshness.last_event.map_or(0, |last| last.elapsed().as_secs());
            Some(Error::new(
                ErrorCode::ClusterUnavailable,
                format!(
                    "cluster {id} can't be reached; its {plural} are as they were {age} s ago{}",
                    reason()
                ),
            ))
        }
        WatchState::Syncing if cluster.reachable() => {
            let code = freshness.error.as_ref().map_or(ErrorCode::ClusterSyncing, |error| error.code);
            Some(Error::new(code, format!("cluster {id}'s {plural} aren't complete yet{}", reason())))
        }
        WatchState::Syncing => Some(Error::new(
            ErrorCode::ClusterUnavailable,
            format!("cluster {id} can't be reached, and its {plural} were never read{}", reason()),
        )),
    };
    error.map(|error| error.of_cluster(id))
}
