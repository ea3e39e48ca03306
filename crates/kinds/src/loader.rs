//! Relations are read through request-scoped DataLoaders: the look-ups of one level of an answer come together
//! in one batch, doubles are asked once, and each batch reads the store's indexes. No look-up calls a cluster.

use std::{collections::HashMap, marker::PhantomData, time::Duration};

use async_graphql::{
    dataloader::{DataLoader, Loader},
    runtime::{Timer, TokioSpawner},
};
use cluster_registry::{Registry, Shared};
use fleetgraph_core::{ClusterId, Error, IndexKey, Kind, LabelSelector, Scope};
use futures::future::BoxFuture;

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
    pub registry: Registry,
    pub scope: Scope,
}

impl<K: Kind> Loader<ByName<K>> for FleetLoader {
    type Value = Shared<K>;
    type Error = Error;

    async fn load(&self, keys: &[ByName<K>]) -> Result<HashMap<ByName<K>, Shared<K>>, Error> {
        let reader = self.registry.read::<K>(&self.scope);
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
        let reader = self.registry.read::<K>(&self.scope);
        Ok(keys.iter().map(|key| (key.clone(), reader.by(key.cluster.as_str(), key.key.borrow()))).collect())
    }
}

impl<K: Kind> Loader<BySelector<K>> for FleetLoader {
    type Value = Vec<Shared<K>>;
    type Error = Error;

    async fn load(&self, keys: &[BySelector<K>]) -> Result<HashMap<BySelector<K>, Vec<Shared<K>>>, Error> {
        let reader = self.registry.read::<K>(&self.scope);
        Ok(keys
            .iter()
            .map(|key| (key.clone(), reader.labelled(key.cluster.as_str(), &key.namespace, &key.selector)))
            .collect())
    }
}

/// A batch is closed when the tasks that are ready have run, not after some milliseconds.
struct Yield;

impl Timer for Yield {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::task::yield_now())
    }
}

pub fn loader(registry: Registry, scope: Scope) -> DataLoader<FleetLoader> {
    DataLoader::new(FleetLoader { registry, scope }, TokioSpawner::current(), Yield)
        .delay(Duration::ZERO)
        .max_batch_size(usize::MAX)
}
