//! From the deltas of a kind to the events of one subscriber.
//!
//! ```text
//!   Hub<K> ──broadcast──▶ Feed: scope, cluster, namespace, labels ──▶ WatchEvent<K> …
//!                          └ lagged: latest state of what was missed, or RESYNC
//! ```
//!
//! A subscriber causes no watch: it hears what the registry's own watches say. One that reads too slowly falls
//! behind the broadcast, and is then sent the latest state of each object that it missed; only if deletions
//! were missed that are no longer known, it is told to read everything again (`RESYNC`).

use std::{collections::VecDeque, sync::Arc};

use async_graphql::Enum;
use cluster_registry::{Change, Delta, Hub, Query, Registry, Shared};
use fleetgraph_core::{ClusterId, Error, LabelSelector, Scope, Timestamp};
use futures::Stream;
use kinds::ResourceKind;
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// What happened to an object.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// It came into existence, or into what is subscribed to; with `initial`, it existed already.
    Created,
    Updated,
    /// It went out of existence, or out of what is subscribed to. The object is its last known state.
    Deleted,
    /// Changes were missed: whatever is known of the cluster (of all clusters, if none is named) has to be read
    /// again. There is no object.
    Resync,
}

/// What a subscriber wants to hear of.
pub struct Interest {
    pub cluster: Option<String>,
    pub namespace: Option<String>,
    pub labels: LabelSelector,
    /// Whether what exists already is sent first.
    pub initial: bool,
}

/// An event of a kind, for one subscriber.
pub struct WatchEvent<K: ResourceKind> {
    pub kind: EventType,
    pub at: Timestamp,
    /// Missing for a resync only.
    pub object: Option<Shared<K>>,
    /// The object before the change, if it was subscribed to then.
    pub before: Option<Shared<K>>,
    /// The cluster that a resync is about; all if missing.
    pub cluster: Option<ClusterId>,
}

struct Feed<K: ResourceKind> {
    registry: Registry,
    hub: Arc<Hub<K>>,
    deltas: Receiver<Arc<Delta<K>>>,
    scope: Scope,
    interest: Interest,
    ready: VecDeque<WatchEvent<K>>,
    /// Deltas up to this number are accounted for.
    seen: u64,
}

/// The events of a kind for one subscriber, without end.
///
/// # Errors
/// When the kind isn't watched.
pub fn events<K: ResourceKind>(
    registry: &Registry,
    scope: &Scope,
    interest: Interest,
) -> Result<impl Stream<Item = WatchEvent<K>> + Send + use<K>, Error> {
    let hub = registry.hub::<K>().ok_or_else(|| {
        Error::bad_input(format!("{} aren't watched; add them to `watch_resources`", K::META.plural))
    })?;
    // Deltas first, then the state: what happens between is seen twice, never missed; the numbers tell.
    let (deltas, seen) = hub.subscribe();
    let mut feed = Feed {
        registry: registry.clone(),
        hub,
        deltas,
        scope: scope.clone(),
        interest,
        ready: VecDeque::new(),
        seen,
    };
    if feed.interest.initial {
        feed.ready = feed.state_since(0, EventType::Created)?.into();
    }
    Ok(futures::stream::unfold(feed, |mut feed| async move { feed.next().await.map(|event| (event, feed)) }))
}

impl<K: ResourceKind> Feed<K> {
    async fn next(&mut self) -> Option<WatchEvent<K>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            match self.deltas.recv().await {
                Ok(delta) if delta.number <= self.seen => {}
                Ok(delta) => {
                    self.seen = delta.number;
                    if let Some(event) = self.event(&delta) {
                        return Some(event);
                    }
                }
                Err(RecvError::Lagged(_)) => self.catch_up(),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn event(&self, delta: &Delta<K>) -> Option<WatchEvent<K>> {
        let event = |kind, object, before| {
            Some(WatchEvent { kind, at: delta.at, object: Some(object), before, cluster: None })
        };
        match &delta.change {
            Change::Applied { old, new } => {
                let before = old.as_ref().filter(|old| self.wants(old)).map(Arc::clone);
                match (before, self.wants(new)) {
                    (None, true) => event(EventType::Created, Arc::clone(new), None),
                    (Some(before), true) if before.meta.uid != new.meta.uid => {
                        // Deleted and made again between two lists: one object went, another came.
                        event(EventType::Created, Arc::clone(new), None)
                    }
                    (Some(before), true) => event(EventType::Updated, Arc::clone(new), Some(before)),
                    (Some(_), false) => event(EventType::Deleted, Arc::clone(new), None),
                    (None, false) => None,
                }
            }
            Change::Deleted { old } if self.wants(old) => event(EventType::Deleted, Arc::clone(old), None),
            Change::Deleted { .. } => None,
            Change::Resynced { cluster } => self.wants_cluster(cluster).then(|| WatchEvent {
                kind: EventType::Resync,
                at: delta.at,
                object: None,
                before: None,
                cluster: Some(cluster.clone()),
            }),
        }
    }

    /// Makes up for deltas that the broadcast dropped.
    fn catch_up(&mut self) {
        let since = self.seen;
        let missed = self.hub.missed_since(since);
        self.seen = missed.up_to;
        let Some(gone) = missed.deleted else {
            self.ready.push_back(resync_all());
            return;
        };
        let gone: Vec<_> = gone.iter().filter_map(|delta| self.event(delta)).collect();
        self.ready.extend(gone);
        match self.state_since(since, EventType::Updated) {
            Ok(changed) => self.ready.extend(changed),
            Err(_) => self.ready.push_back(resync_all()),
        }
    }

    /// The current state of what changed after a number, oldest change first.
    fn state_since(&self, number: u64, kind: EventType) -> Result<Vec<WatchEvent<K>>, Error> {
        let query = Query {
            clusters: None,
            namespaces: self.interest.namespace.iter().cloned().collect(),
            labels: self.interest.labels.clone(),
            matches: Some(Box::new(move |entry| entry.change > number)),
            ..Query::default()
        };
        let mut rows = self.registry.read::<K>(&self.scope).select(&query)?.rows;
        rows.retain(|entry| self.wants(entry));
        rows.sort_by_key(|entry| entry.change);
        let at = Timestamp::now();
        let event = |object| WatchEvent { kind, at, object: Some(object), before: None, cluster: None };
        Ok(rows.into_iter().map(event).collect())
    }

    fn wants(&self, entry: &Shared<K>) -> bool {
        self.wants_cluster(&entry.cluster)
            && self.interest.namespace.as_ref().is_none_or(|namespace| **namespace == *entry.meta.namespace)
            && self.interest.labels.matches(&entry.meta.labels)
            && self.scope.allows(&entry.cluster, &K::META, &entry.meta.namespace, &entry.meta.name)
    }

    fn wants_cluster(&self, cluster: &ClusterId) -> bool {
        self.interest.cluster.as_ref().is_none_or(|wanted| wanted == cluster.as_str())
            && self.scope.allows_cluster(cluster)
    }
}

fn resync_all<K: ResourceKind>() -> WatchEvent<K> {
    WatchEvent { kind: EventType::Resync, at: Timestamp::now(), object: None, before: None, cluster: None }
}
