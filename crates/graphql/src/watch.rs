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

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use async_graphql::Enum;
use cluster_registry::{
    Change, Delta, Hub, Query, Registry, Shared, not_watched, pii::shown, unknown_cluster,
};
use fleetgraph_core::{ClusterId, Error, LabelSelector, Scope, Timestamp, Verb};
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
    /// For a type that stands for several kinds: only this one, as `plural.group`.
    pub resource: Option<String>,
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

/// How often what may be seen is asked for anew, until all of it is known.
const ROUNDS: usize = 8;

struct Feed<K: ResourceKind> {
    registry: Registry,
    hub: Arc<Hub<K>>,
    deltas: Receiver<Arc<Delta<K>>>,
    scope: Scope,
    interest: Interest,
    ready: VecDeque<WatchEvent<K>>,
    /// Deltas up to this number are accounted for.
    seen: u64,
    /// Objects that were sent in a state newer than `seen`, with the number of that state: the stores are read a
    /// moment after the number, and what is still to come for these is older than what was sent.
    ahead: HashMap<String, u64>,
}

/// The events of a kind for one subscriber, without end.
///
/// # Errors
/// When the kind isn't watched, or there is no such cluster.
pub fn events<K: ResourceKind>(
    registry: &Registry,
    scope: &Scope,
    interest: Interest,
) -> Result<impl Stream<Item = WatchEvent<K>> + Send + use<K>, Error> {
    let hub = registry.hub::<K>().ok_or_else(not_watched::<K>)?;
    if let Some(cluster) = &interest.cluster
        && registry.cluster(scope, cluster).is_none()
    {
        return Err(unknown_cluster(cluster));
    }
    // Deltas first, then the state: what happens between is seen twice, never missed; the numbers tell.
    let (deltas, seen) = hub.subscribe();
    let feed = Feed {
        registry: registry.clone(),
        hub,
        deltas,
        scope: scope.to(Verb::Watch),
        interest,
        ready: VecDeque::new(),
        seen,
        ahead: HashMap::new(),
    };
    Ok(futures::stream::unfold(feed, |mut feed| async move { feed.next().await.map(|event| (event, feed)) }))
}

impl<K: ResourceKind> Feed<K> {
    async fn next(&mut self) -> Option<WatchEvent<K>> {
        if std::mem::take(&mut self.interest.initial)
            && self.push_state_since(0, EventType::Created).await.is_err()
        {
            self.ready.push_back(resync_all());
        }
        loop {
            if let Some(event) = self.ready.pop_front() {
                match self.judged(event).await {
                    Some(event) => return Some(event),
                    None => continue,
                }
            }
            match self.deltas.recv().await {
                Ok(delta) if delta.number <= self.seen => {}
                Ok(delta) => {
                    self.seen = delta.number;
                    self.make_ready(|feed| feed.push(&delta)).await;
                }
                Err(RecvError::Lagged(_)) => self.catch_up().await,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Makes events ready. What could not be told whether it may be seen is left out: it is made ready as well, once that was
    /// asked.
    async fn make_ready<T>(&mut self, mut push: impl FnMut(&mut Self) -> T) -> T {
        let before = self.ready.len();
        let mut pushed = push(self);
        for _ in 1..ROUNDS {
            if !self.scope.settle().await {
                break;
            }
            self.ready.truncate(before);
            pushed = push(self);
        }
        pushed
    }

    /// An event as it may be told now. It was made ready with its objects as they are: which form of them is shown is decided
    /// here alone, as a slow reader may have lost the right to it, or to what is masked of it, since it was
    /// made ready.
    async fn judged(&self, event: WatchEvent<K>) -> Option<WatchEvent<K>> {
        let Some(object) = &event.object else { return Some(event) };
        for _ in 1..ROUNDS {
            let known = self.sees(object).then(|| shown(object, &self.scope));
            if !self.scope.settle().await {
                let object = known?;
                let before = event.before.as_ref().map(|before| shown(before, &self.scope));
                return Some(WatchEvent { object: Some(object), before, ..event });
            }
        }
        None
    }

    fn sees(&self, entry: &Shared<K>) -> bool {
        self.scope.allows(&entry.cluster, entry.kind(), &entry.meta.namespace, &entry.meta.name)
    }

    /// What a delta means to this subscriber.
    fn push(&mut self, delta: &Delta<K>) {
        let event = |kind, object, before: Option<Shared<K>>| WatchEvent {
            kind,
            at: delta.at,
            object: Some(object),
            before,
            cluster: None,
        };
        match &delta.change {
            Change::Applied { old, new } => {
                if !self.ahead.is_empty()
                    && self.ahead.get(&new.id()).is_some_and(|sent| new.change() <= *sent)
                {
                    return;
                }
                let before = old.as_ref().filter(|old| self.wants(old)).map(Arc::clone);
                match (before, self.wants(new)) {
                    (None, true) => self.ready.push_back(event(EventType::Created, Arc::clone(new), None)),
                    (Some(before), wanted) if before.meta.uid != new.meta.uid => {
                        // Deleted and made again between two lists: one object went, another came.
                        self.ready.push_back(event(EventType::Deleted, before, None));
                        if wanted {
                            self.ready.push_back(event(EventType::Created, Arc::clone(new), None));
                        }
                    }
                    (Some(before), true) => {
                        self.ready.push_back(event(EventType::Updated, Arc::clone(new), Some(before)));
                    }
                    (Some(_), false) => {
                        self.ready.push_back(event(EventType::Deleted, Arc::clone(new), None))
                    }
                    (None, false) => {}
                }
            }
            Change::Deleted { old } => {
                if self.wants(old) {
                    self.ready.push_back(event(EventType::Deleted, Arc::clone(old), None));
                }
            }
            Change::Resynced { cluster, kind } => {
                let wanted = self.interest.resource.as_ref().is_none_or(|name| kind.is_resource(name));
                if wanted && self.wants_cluster(cluster) {
                    self.ready.push_back(WatchEvent {
                        kind: EventType::Resync,
                        at: delta.at,
                        object: None,
                        before: None,
                        cluster: Some(cluster.clone()),
                    });
                }
            }
        }
    }

    /// Makes up for deltas that the broadcast dropped.
    async fn catch_up(&mut self) {
        let since = self.seen;
        let missed = self.hub.missed_since(since);
        self.seen = missed.up_to;
        let Some(gone) = missed.deleted else {
            self.ready.push_back(resync_all());
            return;
        };
        self.make_ready(|feed| gone.iter().for_each(|delta| feed.push(delta))).await;
        if self.push_state_since(since, EventType::Updated).await.is_err() {
            self.ready.push_back(resync_all());
        }
    }

    /// The current state of what changed after a number, oldest change first. What is no longer selected by its
    /// labels may have been before: it is sent as gone.
    async fn push_state_since(&mut self, number: u64, kind: EventType) -> Result<(), Error> {
        self.make_ready(|feed| feed.push_what_is_known(number, kind)).await
    }

    fn push_what_is_known(&mut self, number: u64, kind: EventType) -> Result<(), Error> {
        let all = number == 0;
        let query = Query {
            clusters: self.interest.cluster.iter().cloned().map(|cluster| vec![cluster]).next(),
            namespaces: self.interest.namespace.iter().cloned().collect(),
            labels: if all { self.interest.labels.clone() } else { LabelSelector::default() },
            resource: self.interest.resource.clone(),
            matches: Some(Box::new(move |entry| all || entry.change() > number)),
            ..Query::default()
        };
        let mut rows = self.registry.read::<K>(&self.scope).select(&query)?.rows;
        rows.sort_by_key(|entry| entry.change());
        let at = Timestamp::now();
        self.ahead.clear();
        for object in rows {
            let change = object.change();
            if change > self.seen {
                self.ahead.insert(object.id(), change);
            }
            let kind = if self.wants(&object) { kind } else { EventType::Deleted };
            self.ready.push_back(WatchEvent { kind, at, object: Some(object), before: None, cluster: None });
        }
        Ok(())
    }

    fn wants(&self, entry: &Shared<K>) -> bool {
        self.wants_cluster(&entry.cluster)
            && self.interest.namespace.as_ref().is_none_or(|namespace| **namespace == *entry.meta.namespace)
            && self.interest.labels.matches(&entry.meta.labels)
            && self.interest.resource.as_ref().is_none_or(|resource| entry.kind().is_resource(resource))
            && self.sees(entry)
    }

    fn wants_cluster(&self, cluster: &ClusterId) -> bool {
        self.interest.cluster.as_ref().is_none_or(|wanted| wanted == cluster.as_str())
            && self.scope.allows_cluster(cluster)
    }
}

fn resync_all<K: ResourceKind>() -> WatchEvent<K> {
    WatchEvent { kind: EventType::Resync, at: Timestamp::now(), object: None, before: None, cluster: None }
}
