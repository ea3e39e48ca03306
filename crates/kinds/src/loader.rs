//! Relations are read through request-scoped DataLoaders: the look-ups of one level of an answer come together
//! in one batch, doubles are asked once, and each batch reads the store's indexes. No look-up calls a cluster.

use std::{
    collections::HashMap,
    future::poll_fn,
    hash::Hash,
    marker::PhantomData,
    ops::ControlFlow,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker, ready},
    time::Duration,
};

use async_graphql::{
    dataloader::{DataLoader, Loader},
    runtime::Timer,
};
use cluster_registry::{Reader, Registry, Shared};
use fleetgraph_core::{ClusterId, Error, IndexKey, Kind, LabelSelector, Scope};
use futures::{
    future::BoxFuture,
    task::{AtomicWaker, FutureObj, Spawn, SpawnError},
};
use tokio::{runtime::Handle, task::yield_now};

/// One object by its name.
pub struct ByName<K> {
    pub cluster: ClusterId,
    pub namespace: String,
    pub name: String,
    pub kind: PhantomData<fn() -> K>,
}

impl<K> ByName<K> {
    pub fn new(cluster: &ClusterId, namespace: &str, name: &str) -> Self {
        Self {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            kind: PhantomData,
        }
    }
}

/// The objects of a cluster under a key of its index.
pub struct ByKey<K> {
    pub cluster: ClusterId,
    pub key: OwnedKey,
    pub kind: PhantomData<fn() -> K>,
}

/// The objects of a namespace that a selector matches. An empty selector matches all.
pub struct BySelector<K> {
    pub cluster: ClusterId,
    pub namespace: String,
    pub selector: LabelSelector,
    pub kind: PhantomData<fn() -> K>,
}

/// An [`IndexKey`] that owns its parts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OwnedKey {
    Owner(String),
    Ref { relation: &'static str, namespace: String, name: String },
    Selector { namespace: String, key: String, value: String },
}

impl OwnedKey {
    fn borrow(&self) -> IndexKey<'_> {
        match self {
            Self::Owner(uid) => IndexKey::Owner(uid),
            Self::Selector { namespace, key, value } => IndexKey::Selector { namespace, key, value },
            Self::Ref { relation, namespace, name } => IndexKey::Ref { relation, namespace, name },
        }
    }
}

// Derives would ask for `K: Clone + Eq + Hash`, which a kind has no use for.
macro_rules! key {
    ($name:ident, $($field:ident),*) => {
        impl<K> Clone for $name<K> {
            fn clone(&self) -> Self {
                Self { $($field: self.$field.clone(),)* kind: PhantomData }
            }
        }
        impl<K> PartialEq for $name<K> {
            fn eq(&self, other: &Self) -> bool {
                true $(&& self.$field == other.$field)*
            }
        }
        impl<K> Eq for $name<K> {}
        impl<K> std::hash::Hash for $name<K> {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                $(self.$field.hash(state);)*
            }
        }
    };
}

key!(ByName, cluster, namespace, name);
key!(ByKey, cluster, key);
key!(BySelector, cluster, namespace, selector);

/// Reads batches from the registry, with the rights of one caller.
pub struct FleetLoader {
    registry: Registry,
    scope: Scope,
}

impl FleetLoader {
    /// Begins a batch. How many there are is for tests and for who looks for a slow answer's reason to see.
    fn batch<K: Kind>(&self, keys: usize) -> Reader<'_, K> {
        tracing::trace!(kind = K::META.kind, keys, "batch");
        self.registry.read::<K>(&self.scope)
    }
}

impl<K: Kind> Loader<ByName<K>> for FleetLoader {
    type Value = Shared<K>;
    type Error = Error;

    async fn load(&self, keys: &[ByName<K>]) -> Result<HashMap<ByName<K>, Shared<K>>, Error> {
        let reader = self.batch::<K>(keys.len());
        Ok(keys
            .iter()
            .filter_map(|key| {
                let entry = reader.get(key.cluster.as_str(), &key.namespace, &key.name)?;
                Some((key.clone(), entry))
            })
            .collect())
    }
}

impl<K: Kind> Loader<ByKey<K>> for FleetLoader {
    type Value = Vec<Shared<K>>;
    type Error = Error;

    async fn load(&self, keys: &[ByKey<K>]) -> Result<HashMap<ByKey<K>, Vec<Shared<K>>>, Error> {
        let reader = self.batch::<K>(keys.len());
        Ok(keys.iter().map(|key| (key.clone(), reader.by(key.cluster.as_str(), key.key.borrow()))).collect())
    }
}

impl<K: Kind> Loader<BySelector<K>> for FleetLoader {
    type Value = Vec<Shared<K>>;
    type Error = Error;

    async fn load(&self, keys: &[BySelector<K>]) -> Result<HashMap<BySelector<K>, Vec<Shared<K>>>, Error> {
        let reader = self.batch::<K>(keys.len());
        Ok(keys
            .iter()
            .map(|key| (key.clone(), reader.labelled(key.cluster.as_str(), &key.namespace, &key.selector)))
            .collect())
    }
}

/// The loaders of one request. The resolvers of a request are one task, and its batches are read in that task:
///
/// ```text
///   resolver 1 asks, and begins a batch ─▶ resolvers 2 … n ask ─▶ nobody can go on ─▶ resolver 1 reads the batch
///     ▲                                                                                          │
///     └──────────────── all go on at once, and ask for the next level ◀──────────────────────────┘
/// ```
///
/// In a task of its own, a batch would be read on another thread while the first one still asks, and a level would be
/// as many batches as the threads happen to make of it.
pub struct Loaders {
    loader: DataLoader<FleetLoader>,
    begun: Arc<Begun>,
    /// Look-ups so far.
    asked: Arc<AtomicUsize>,
}

impl Loaders {
    pub fn new(registry: Registry, scope: Scope) -> Self {
        let (begun, asked) = (Arc::<Begun>::default(), Arc::<AtomicUsize>::default());
        let loader = FleetLoader { registry, scope };
        let loader = DataLoader::new(loader, Arc::clone(&begun), Quiet { asked: Arc::clone(&asked) })
            .delay(Duration::ZERO)
            .max_batch_size(usize::MAX);
        Self { loader, begun, asked }
    }

    pub async fn load_one<Key>(&self, key: Key) -> Result<Option<Found<Key>>, Error>
    where
        Key: Send + Sync + Hash + Eq + Clone + 'static,
        FleetLoader: Loader<Key, Error = Error>,
    {
        Ok(self.load_many([key.clone()]).await?.remove(&key))
    }

    pub async fn load_many<Key>(
        &self,
        keys: impl IntoIterator<Item = Key>,
    ) -> Result<HashMap<Key, Found<Key>>, Error>
    where
        Key: Send + Sync + Hash + Eq + Clone + 'static,
        FleetLoader: Loader<Key, Error = Error>,
    {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut load = pin!(self.loader.load_many(keys));
        loop {
            let step = poll_fn(|cx| match load.as_mut().poll(cx) {
                Poll::Ready(found) => Poll::Ready(ControlFlow::Break(found)),
                // Who begins a batch reads it.
                Poll::Pending => match self.begun.take() {
                    Some(batch) => Poll::Ready(ControlFlow::Continue(batch)),
                    None => Poll::Pending,
                },
            });
            match step.await {
                ControlFlow::Break(found) => return found,
                ControlFlow::Continue(batch) => batch.await,
            }
        }
    }
}

/// What a look-up finds.
type Found<Key> = <FleetLoader as Loader<Key>>::Value;

/// Batches that were begun in this poll. Who began one takes it before the poll ends, so there is one at most.
#[derive(Default)]
struct Begun(Mutex<Vec<FutureObj<'static, ()>>>);

impl Begun {
    fn take(&self) -> Option<Batch> {
        let batch = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Batch(Some(batch)))
    }
}

impl Spawn for Begun {
    fn spawn_obj(&self, batch: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
        Ok(())
    }
}

/// A batch that is read by who began it. Others wait for it too, so that it goes on in a task of its own when that one
/// is dropped, as the fields beside a failed one are.
struct Batch(Option<FutureObj<'static, ()>>);

impl Future for Batch {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(batch) = &mut self.0 else { return Poll::Ready(()) };
        ready!(Pin::new(batch).poll(cx));
        self.0 = None;
        Poll::Ready(())
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let (Some(batch), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(batch);
        }
    }
}

/// A batch is closed when the task has run as far as it can without it: when nobody has asked for anything since it
/// last came to rest.
struct Quiet {
    asked: Arc<AtomicUsize>,
}

impl Timer for Quiet {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        let asked = Arc::clone(&self.asked);
        Box::pin(async move {
            let mut before = None;
            loop {
                let now = asked.load(Ordering::Relaxed);
                if before.replace(now) == Some(now) {
                    return;
                }
                rest().await;
            }
        })
    }
}

/// Waits until the runtime has run the task as far as it can. `yield_now` alone ends when it is polled again, and an
/// answer to another look-up of the same object does that while others still have to be polled.
async fn rest() {
    let rested = Arc::new(Rested::default());
    let waker = Waker::from(Arc::clone(&rested));
    // The runtime wakes those that yield when the task has returned to it.
    let _ = pin!(yield_now()).poll(&mut Context::from_waker(&waker));
    poll_fn(|cx| {
        rested.waker.register(cx.waker());
        if rested.done.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[derive(Default)]
struct Rested {
    done: AtomicBool,
    waker: AtomicWaker,
}

impl Wake for Rested {
    fn wake(self: Arc<Self>) {
        self.done.store(true, Ordering::Release);
        self.waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;

    use super::*;
    use crate::{kind_set, pod::Pod};

    #[tokio::test]
    async fn a_batch_is_read_though_the_one_who_began_it_is_gone() {
        let registry = Registry::new(kind_set(), cluster_registry::Settings::default());
        let loaders = Loaders::new(registry, Scope::everything());
        let cluster = ClusterId::new("prod").unwrap();
        let load = |name| Box::pin(loaders.load_one(ByName::<Pod>::new(&cluster, "shop", name)));
        let (mut first, mut second) = (load("first"), load("second"));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        drop(first);
        let found = tokio::time::timeout(Duration::from_secs(10), second).await.unwrap();
        assert!(found.unwrap().is_none(), "there is no such pod, and it is said");
    }
}
