//! The one writer of a store: applies what the watch says, keeps the indexes, sends the deltas.

use std::{
    collections::HashSet,
    hash::{BuildHasher, RandomState},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64},
    },
};

use fleetgraph_core::{Error, ErrorCode, Kind, KindMeta, WatchState};

use super::{Shared as StoreShared, Snapshot, Versions, WatchStatus, twin::twin};
use crate::{
    delta::{Change, Hub},
    entry::{Entry, Mark, Shared},
    raw::{self, Raw},
};

/// How many malformed objects of one watch are remembered by name.
const MALFORMED_NAMES: usize = 10_000;

/// Why an object of which something is masked can't be read.
const NOT_TOLD: &str =
    "it isn't as the API defines it; since a rule of `pii` is for it, nothing of it is quoted";

/// Writes one kind of one cluster. There is exactly one for a store; it can't be cloned.
pub struct Writer<K: Kind> {
    shared: Arc<StoreShared<K>>,
    hub: Arc<Hub<K>>,
    /// What the next publication will show.
    next: Snapshot<K>,
    /// The list that is being read.
    listed: Vec<Listed<K>>,
    /// Changes since the last publication.
    changes: Vec<Pending<K>>,
    /// Hashes of the names in `changes`; a collision only publishes early.
    touched: HashSet<u64>,
    malformed: HashSet<String>,
    /// Those of the list that is being read.
    malformed_listed: HashSet<String>,
    /// Whether equal versions mean nothing until the next list is complete.
    distrusted: bool,
    hasher: RandomState,
}

enum Pending<K: Kind> {
    /// The new entry has no number yet.
    Applied {
        old: Option<Shared<K>>,
        new: Shared<K>,
    },
    Deleted {
        old: Shared<K>,
    },
}

/// An object of a list that isn't complete yet.
enum Listed<K: Kind> {
    /// The store has this version already.
    Known(Shared<K>),
    New(Shared<K>),
}

impl<K: Kind> Listed<K> {
    fn entry(&self) -> &Entry<K> {
        match self {
            Listed::Known(entry) => entry,
            Listed::New(entry) => entry,
        }
    }
}

/// Writes one kind of one cluster, whichever it is: what a watch fills. There is exactly one for a store.
pub trait AnyWriter: Send + Sync {
    fn kind(&self) -> &'static KindMeta;
    /// The one namespace to watch; all if `None`.
    fn namespace(&self) -> Option<&str>;
    fn state(&self) -> WatchState;
    fn synced(&self) -> bool;
    /// When bytes last came on the watch, for it to say.
    fn last_event(&self) -> Arc<AtomicI64>;
    /// The versions that readers see, each time that it is called.
    fn versions(&self) -> Box<dyn Fn() -> Arc<dyn Versions> + Send + Sync>;
    /// Whether an object is left out because it can't be decoded, as far as the names of such are kept.
    fn leaves_out(&self, namespace: &str, name: &str) -> bool;
    /// The next list is compared by content: equal versions may be those of another past.
    fn distrust(&mut self);
    /// A list begins: what an unfinished one left is forgotten.
    fn begin_list(&mut self);
    /// Reads an object of the list. One that is malformed is left out, and noted.
    fn read_listed(&mut self, raw: &Raw);
    /// The list is complete and replaces the whole copy; readers see the change at once. What is not listed any more
    /// becomes a deletion.
    fn end_list(&mut self);
    /// Applies one object. Visible after [`AnyWriter::commit`].
    fn apply(&mut self, raw: &Raw);
    /// Removes one object. Visible after [`AnyWriter::commit`].
    fn delete(&mut self, raw: &Raw);
    /// Makes what was applied and deleted visible, and sends it.
    fn commit(&mut self);
    /// Drops the whole copy, as when the cluster is removed.
    fn clear(&mut self);
    /// Whether the watch is established.
    fn set_state(&mut self, state: WatchState, error: Option<Error>);
    /// The watch goes on after a fault, from where it broke.
    fn resumed(&mut self);
}

impl<K: Kind> AnyWriter for Writer<K> {
    fn kind(&self) -> &'static KindMeta {
        self.shared.kind
    }

    fn namespace(&self) -> Option<&str> {
        self.shared.namespace.as_deref()
    }

    fn state(&self) -> WatchState {
        self.shared.status.load().state
    }

    fn synced(&self) -> bool {
        self.shared.status.load().synced
    }

    fn last_event(&self) -> Arc<AtomicI64> {
        Arc::clone(&self.shared.last_event)
    }

    fn versions(&self) -> Box<dyn Fn() -> Arc<dyn Versions> + Send + Sync> {
        let shared = Arc::clone(&self.shared);
        Box::new(move || shared.snapshot.load_full())
    }

    fn leaves_out(&self, namespace: &str, name: &str) -> bool {
        self.malformed.len() >= MALFORMED_NAMES || self.malformed.contains(&malformed_key(namespace, name))
    }

    fn distrust(&mut self) {
        self.distrusted = true;
    }

    fn begin_list(&mut self) {
        self.listed.clear();
        self.malformed_listed.clear();
    }

    fn read_listed(&mut self, raw: &Raw) {
        let (namespace, name) = raw.key();
        let version =
            kube::Resource::meta(raw).resource_version.as_deref().filter(|version| !version.is_empty());
        if !self.distrusted
            && let Some(known) = self.next.get(namespace, name)
            && version == Some(&*known.meta.resource_version)
        {
            self.listed.push(Listed::Known(Arc::clone(known)));
            return;
        }
        match self.read(raw) {
            Some(entry) => self.listed.push(Listed::New(entry)),
            None if self.malformed_listed.len() < MALFORMED_NAMES => {
                self.malformed_listed.insert(malformed_key(namespace, name));
            }
            None => {}
        }
    }

    fn end_list(&mut self) {
        // Taken, so that it does not keep the room of the whole list.
        let listed = std::mem::take(&mut self.listed);
        let first = !self.shared.status.load().synced;
        if self.distrusted {
            self.next.resource_version = None;
        }
        let names: HashSet<(&str, &str)> = listed.iter().map(|l| l.entry().key()).collect();
        let gone: Vec<Shared<K>> =
            self.next.iter().filter(|entry| !names.contains(&entry.key())).map(Arc::clone).collect();
        drop(names);
        for old in gone {
            self.changes.push(Pending::Deleted { old });
        }
        for listed in listed {
            if let Listed::New(entry) = listed {
                self.stage(entry);
            }
        }
        self.publish(first);
        if std::mem::take(&mut self.distrusted) {
            // The highest version is lower now, though no object may have changed.
            self.shared.snapshot.store(Arc::new(self.next.clone()));
        }
        // What is malformed and not listed any more is gone.
        self.malformed = std::mem::take(&mut self.malformed_listed);
        self.set_status(|status| {
            status.synced = true;
            status.state = WatchState::Live;
            status.error = None;
        });
    }

    fn apply(&mut self, raw: &Raw) {
        match self.read(raw) {
            Some(entry) => self.stage(entry),
            None => {
                // Its newest state can't be read; the one before would be a lie.
                let (namespace, name) = raw.key();
                self.stage_deletion(namespace, name);
            }
        }
    }

    fn delete(&mut self, raw: &Raw) {
        let (namespace, name) = raw.key();
        self.malformed.remove(&malformed_key(namespace, name));
        self.note_version(kube::Resource::meta(raw).resource_version.as_deref());
        self.stage_deletion(namespace, name);
    }

    fn commit(&mut self) {
        self.publish(false);
    }

    fn clear(&mut self) {
        self.next = Snapshot::default();
        self.changes.clear();
        self.malformed.clear();
        self.publish(true);
    }

    fn set_state(&mut self, state: WatchState, error: Option<Error>) {
        self.set_status(|status| {
            status.state = state;
            status.error = error;
        });
    }

    fn resumed(&mut self) {
        self.set_status(|status| {
            if status.synced {
                status.state = WatchState::Live;
                status.error = None;
            }
        });
    }
}

impl<K: Kind> Writer<K> {
    pub(super) fn new(shared: Arc<StoreShared<K>>, hub: Arc<Hub<K>>) -> Self {
        Self {
            shared,
            hub,
            next: Snapshot::default(),
            listed: Vec::new(),
            changes: Vec::new(),
            touched: HashSet::new(),
            malformed: HashSet::new(),
            malformed_listed: HashSet::new(),
            distrusted: false,
            hasher: RandomState::new(),
        }
    }

    fn set_status(&self, change: impl FnOnce(&mut WatchStatus)) {
        let mut status = WatchStatus::clone(&self.shared.status.load());
        change(&mut status);
        status.malformed = self.malformed.len();
        if status.error.is_none() && status.malformed > 0 {
            status.error = Some(self.malformed_error());
        }
        if status != **self.shared.status.load() {
            self.shared.status.store(Arc::new(status));
        }
    }

    /// Renews the count, and the error if it is about malformed objects: one about the watch goes before.
    fn recount_malformed(&self) {
        self.set_status(|status| {
            if status.error.as_ref().is_some_and(|error| error.code == ErrorCode::MalformedObject) {
                status.error = None;
            }
        });
    }

    fn malformed_error(&self) -> Error {
        // One whose metadata can't be read has no name.
        let example = self.malformed.iter().filter(|name| !name.is_empty()).min();
        let example = example.map(|name| format!(" ({name}, for one)")).unwrap_or_default();
        Error::new(
            ErrorCode::MalformedObject,
            format!(
                "{} of the {} in this cluster can't be decoded and are left out{example}; the log has the reason of \
                 each",
                self.malformed.len(),
                self.shared.kind.plural,
            ),
        )
        .of_cluster(&self.shared.cluster)
    }

    fn read(&mut self, raw: &Raw) -> Option<Shared<K>> {
        let read = || -> Result<Shared<K>, Box<dyn std::error::Error>> {
            let kind = self.shared.kind;
            let (meta, text) = raw::read(kind, raw.text())?;
            let text = K::redact(text)?;
            let masked = self.shared.pii.paths(&meta);
            let columns = match K::columns_of(kind, &text) {
                // It quotes the value that has the wrong type.
                Err(_) if !masked.is_empty() => return Err(NOT_TOLD.into()),
                columns => columns?,
            };
            let twin = twin(&self.shared, &text, &masked)?;
            let body = self.shared.codec.encode(&text)?;
            let cluster = self.shared.cluster.clone();
            let mark = twin.map(Mark::Twin);
            Ok(Arc::new(Entry { cluster, meta, columns, change: AtomicU64::new(0), body, mark }))
        };
        let (namespace, name) = raw.key();
        match read() {
            Ok(entry) => {
                if !self.malformed.is_empty() && self.malformed.remove(&malformed_key(namespace, name)) {
                    self.recount_malformed();
                }
                Some(entry)
            }
            Err(error) => {
                tracing::warn!(
                    cluster = %self.shared.cluster, kind = self.shared.kind.kind, namespace, name, %error,
                    "left out an object that can't be decoded"
                );
                if self.malformed.len() < MALFORMED_NAMES {
                    self.malformed.insert(malformed_key(namespace, name));
                }
                self.recount_malformed();
                None
            }
        }
    }

    fn stage(&mut self, entry: Shared<K>) {
        self.note_version(Some(&entry.meta.resource_version));
        let old = self.current(&entry.meta.namespace, &entry.meta.name);
        let same = |old: &Shared<K>| {
            old.meta.version() == entry.meta.version()
                && (!self.distrusted || old.json().ok() == entry.json().ok())
        };
        if old.as_ref().is_some_and(same) {
            return;
        }
        self.changes.push(Pending::Applied { old, new: entry });
    }

    fn stage_deletion(&mut self, namespace: &str, name: &str) {
        if let Some(old) = self.current(namespace, name) {
            self.changes.push(Pending::Deleted { old });
        }
    }

    /// The state of an object after all that is staged. Two changes of one object in one commit would need the
    /// first to be applied: it is published then.
    fn current(&mut self, namespace: &str, name: &str) -> Option<Shared<K>> {
        let touched = self.hasher.hash_one((namespace, name));
        if !self.touched.insert(touched) {
            self.publish(false);
            self.touched.insert(touched);
        }
        self.next.get(namespace, name).map(Arc::clone)
    }

    fn note_version(&mut self, version: Option<&str>) {
        let Some(new) = version.and_then(|v| v.parse::<u128>().ok()) else { return };
        let old = self.next.resource_version.as_deref().and_then(|v| v.parse::<u128>().ok());
        if old.is_none_or(|old| new > old) {
            self.next.resource_version = Some(new.to_string());
        }
    }

    /// Numbers and publishes the staged changes. With `resync`, subscribers are told to read again instead of
    /// being sent every object as if it had just been made.
    fn publish(&mut self, resync: bool) {
        if self.changes.is_empty() && !resync {
            return;
        }
        // Taken, not drained: after a list they would keep the room of the whole list.
        self.touched = HashSet::new();
        let staged = std::mem::take(&mut self.changes);
        let mut changes = Vec::with_capacity(staged.len());
        for change in staged {
            match change {
                Pending::Applied { old, new } => {
                    self.next.insert(Arc::clone(&new));
                    changes.push(Change::Applied { old, new });
                }
                Pending::Deleted { old } => {
                    self.next.remove(&old.meta.namespace, &old.meta.name);
                    changes.push(Change::Deleted { old });
                }
            }
        }
        if resync {
            // Numbered as what is known already: a subscriber hears of the resync, not of each object.
            let number = self.hub.next_number();
            for change in &changes {
                if let Change::Applied { new, .. } = change {
                    new.number(number);
                }
            }
            changes = vec![Change::Resynced { cluster: self.shared.cluster.clone(), kind: self.shared.kind }];
        }
        let shown = Arc::new(self.next.clone());
        self.hub.publish(changes, || self.shared.snapshot.store(shown));
    }
}

fn malformed_key(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}
