//! One cluster: its objects, its clock, its users. What HTTP does goes through the functions here, and so do the
//! controllers and the generators of worlds that run in this process: one path, one validation.
//!
//! ```text
//!   write.rs   create, update          delete.rs   delete, finalizers       crd.rs      definitions become resources
//!   patch.rs   JSON, merge, strategic  apply.rs    server-side apply        defaults.rs what the server fills in
//!   list.rs    get, list, pages        watch.rs    subscriptions            collect.rs  owners, namespaces
//!   users.rs   tokens                  access.rs   RBAC                     scale.rs    the scale subresource
//! ```

mod access;
mod apply;
mod bootstrap;
mod collect;
pub(crate) mod crd;
mod defaults;
mod delete;
mod list;
mod managed;
mod patch;
mod pod_defaults;
mod scale;
mod settle;
mod strategic;
mod tap;
mod users;
mod watch;
mod write;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use imbl::OrdMap;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::clock::Clock;
use crate::faults::{FaultSwitch, Faults};
use crate::object::{Body, Key, Object, Slot, Template, Uid};
use crate::resources::{BUILT_IN, Resource, Storage};
use crate::store::{Event, EventKind, Store};

pub use access::Request as AccessRequest;
pub use delete::{DeleteOptions, Deletion, Propagation};
pub use list::{List, ListOptions, VersionMatch};
pub use patch::Patch;
pub(crate) use patch::served;
pub(crate) use settle::settled;
pub(crate) use tap::Tap;
pub use users::User;
pub use watch::{Subscription, WatchEnd};
pub(crate) use write::incoming;
pub use write::{Part, WriteOptions};

/// How a cluster is made.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    pub name: String,
    /// Of uids, generated names and faults: the same seed and the same requests give the same cluster.
    pub seed: u64,
    /// How many events each resource remembers for watches and continue tokens.
    pub history: usize,
    /// The bearer token of an administrator (`system:masters`).
    pub admin_token: String,
    /// Collect garbage and empty deleted namespaces, as the controllers of a real cluster do.
    pub collect: bool,
    /// As `/version` tells it.
    pub version: String,
    /// When it was made, in Unix seconds; `None` is now.
    pub born: Option<i64>,
}

impl ClusterOptions {
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            seed: 1,
            history: 4096,
            admin_token: format!("{:032x}", rand::rng().random::<u128>()),
            collect: true,
            version: "v1.36.3".to_owned(),
            born: None,
        }
    }
}

/// A handle; clones are the same cluster.
#[derive(Clone)]
pub struct Cluster(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub options: ClusterOptions,
    pub clock: Clock,
    pub faults: FaultSwitch,
    /// For `restore` over HTTP.
    pub kept: Mutex<Option<Snapshot>>,
    pub state: Mutex<State>,
    pub users: RwLock<BTreeMap<String, User>>,
}

pub(crate) struct State {
    /// Of the last change to anything.
    pub revision: u64,
    /// Rises when the cluster goes back to an earlier state: subscriptions of before end.
    pub epoch: u64,
    pub stores: BTreeMap<Storage, Store>,
    /// What custom resource definitions add: by group, version, plural.
    pub customs: BTreeMap<(String, String, String), Arc<Resource>>,
    pub random: StdRng,
    history: usize,
    /// Told of every change, under the lock.
    tap: Option<Tap>,
}

/// The objects of a cluster at one moment, for [`Cluster::restore`].
#[derive(Clone)]
pub struct Snapshot {
    revision: u64,
    objects: BTreeMap<Storage, OrdMap<Key, Arc<Object>>>,
    customs: BTreeMap<(String, String, String), Arc<Resource>>,
}

/// One object for [`Cluster::seed`].
#[derive(Debug, Clone)]
pub struct Seed {
    pub key: Key,
    pub template: Arc<Template>,
    /// In the order of the template's slots.
    pub slots: Box<[Slot]>,
    /// Unix seconds.
    pub created: i64,
    /// Given by the maker of the world, since owner references name it.
    pub uid: Uid,
}

impl Cluster {
    /// With the namespaces and roles that every cluster has.
    pub fn new(options: ClusterOptions) -> Self {
        let state = State {
            revision: 1,
            epoch: 0,
            stores: BTreeMap::new(),
            customs: BTreeMap::new(),
            random: StdRng::seed_from_u64(options.seed),
            history: options.history.max(1),
            tap: None,
        };
        let inner = Inner {
            users: RwLock::new(BTreeMap::from([(options.admin_token.clone(), User::admin())])),
            clock: Clock::default(),
            faults: FaultSwitch::new(),
            kept: Mutex::default(),
            state: Mutex::new(state),
            options,
        };
        let cluster = Self(Arc::new(inner));
        if let Some(born) = cluster.0.options.born {
            cluster.0.clock.freeze_at_ms(born * 1000);
        }
        bootstrap::fill(&cluster);
        cluster.0.clock.thaw();
        cluster
    }

    pub fn name(&self) -> &str {
        &self.0.options.name
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn options(&self) -> &ClusterOptions {
        &self.0.options
    }

    /// A built-in or custom resource, such as `("apps", "v1", "deployments")`.
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        BUILT_IN.get(group, version, plural).or_else(|| {
            let path = (group.to_owned(), version.to_owned(), plural.to_owned());
            self.lock().customs.get(&path).cloned()
        })
    }

    /// The revision of the last change.
    pub fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// How many objects there are of all resources.
    pub fn object_count(&self) -> usize {
        self.lock().stores.values().map(|store| store.objects.len()).sum()
    }

    /// Puts many objects in at once, without events: watches from before see nothing of it. For making worlds.
    /// The templates are taken as they are, so they should be what the server would have made of them.
    pub fn seed(&self, resource: &Resource, objects: impl IntoIterator<Item = Seed>) {
        let mut state = self.lock();
        let first = state.revision;
        let mut revision = first;
        let mut made = Vec::new();
        for seed in objects {
            revision += 1;
            let body = Body::Shared { template: seed.template, slots: seed.slots };
            made.push(Arc::new(Object {
                key: seed.key,
                revision,
                created: seed.created,
                uid: seed.uid,
                body,
            }));
        }
        state.revision = revision;
        let store = state.store(&resource.storage);
        for object in made {
            store.objects.insert(object.key.clone(), object);
        }
        store.compact(revision);
    }

    /// Forgets all history: old watches, lists and continue tokens are answered with 410.
    pub fn compact(&self) {
        let mut state = self.lock();
        let revision = state.revision;
        for store in state.stores.values_mut() {
            store.compact(revision);
            store.wake();
        }
    }

    pub fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        Snapshot {
            revision: state.revision,
            objects: state.stores.iter().map(|(name, store)| (name.clone(), store.objects.clone())).collect(),
            customs: state.customs.clone(),
        }
    }

    /// As when somebody restores a backup of etcd: objects and the resourceVersion are those of the snapshot, and all
    /// watches end.
    pub fn restore(&self, snapshot: &Snapshot) {
        let mut state = self.lock();
        let history = state.history;
        state.revision = snapshot.revision;
        state.customs = snapshot.customs.clone();
        state.epoch += 1;
        let names: Vec<Storage> = state.stores.keys().cloned().collect();
        for name in names {
            let mut fresh = Store::new(history, snapshot.revision);
            fresh.objects = snapshot.objects.get(&name).cloned().unwrap_or_default();
            if let Some(old) = state.stores.insert(name, fresh) {
                old.wake();
            }
        }
    }

    /// How many changes there were of each resource since the cluster was made.
    pub fn changes(&self) -> BTreeMap<String, u64> {
        let state = self.lock();
        state.stores.iter().map(|(storage, store)| (storage.to_string(), store.written)).collect()
    }

    /// What goes wrong from now on, in place of what did.
    pub fn set_faults(&self, faults: Faults) {
        self.0.clock.set_skew_ms(faults.clock_skew_ms);
        self.0.faults.set(faults);
    }

    pub fn faults(&self) -> Faults {
        self.0.faults.get()
    }

    pub(crate) fn keep_snapshot(&self) {
        *self.0.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.snapshot());
    }

    pub(crate) fn restore_kept(&self) -> bool {
        let kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(snapshot) = &kept {
            self.restore(snapshot);
        }
        kept.is_some()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while holding it was between two whole steps, or lost one change.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub fn store(&mut self, storage: &Storage) -> &mut Store {
        let (history, revision) = (self.history, 0);
        self.stores.entry(storage.clone()).or_insert_with(|| Store::new(history, revision))
    }

    pub fn get(&self, resource: &Resource, key: &Key) -> Option<Arc<Object>> {
        self.stores.get(&resource.storage)?.objects.get(key).cloned()
    }

    pub fn uid(&mut self) -> Uid {
        Uid::from_bits(self.random.random())
    }

    /// Writes one change and returns the object with its new revision.
    pub fn commit(&mut self, storage: &Storage, kind: EventKind, object: Object) -> Arc<Object> {
        self.revision += 1;
        let revision = self.revision;
        let object = Arc::new(Object { revision, ..object });
        let store = self.store(storage);
        let before = store.objects.get(&object.key).cloned();
        store.apply(Event { revision, kind, object: Arc::clone(&object), before });
        if let Some(tap) = &self.tap {
            tap(storage);
        }
        object
    }
}
