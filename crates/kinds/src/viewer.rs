//! What a request carries: the registry, the caller's scope, and the loaders that read with it. Resolvers find
//! it in the request's data; there is no other way to the registry.

use std::marker::PhantomData;

use async_graphql::{Context, dataloader::DataLoader};
use cluster_registry::{Registry, Shared};
use fleetgraph_core::{ClusterId, Error, ErrorCode, LabelSelector, Scope};

use crate::{
    error::{ErrorExt, graphql_error},
    loader::{ByKey, ByName, BySelector, FleetLoader, OwnedKey, loader},
    resource::{Resource, ResourceKind},
};

/// One caller's view of the fleet, for one request.
pub struct Viewer {
    pub registry: Registry,
    pub scope: Scope,
    loader: DataLoader<FleetLoader>,
}

impl Viewer {
    #[must_use]
    pub fn new(registry: Registry, scope: Scope) -> Self {
        let loader = loader(registry.clone(), scope.clone());
        Self { registry, scope, loader }
    }

    /// The viewer of the request that is being answered.
    ///
    /// # Errors
    /// When a transport forgot to set it, which is a fault of ours.
    pub fn of<'a>(ctx: &Context<'a>) -> async_graphql::Result<&'a Self> {
        ctx.data::<Self>()
            .map_err(|_| graphql_error(&Error::new(ErrorCode::Internal, "the request carries no viewer")))
    }

    pub(crate) async fn get<K: ResourceKind>(
        &self,
        cluster: &ClusterId,
        namespace: &str,
        name: &str,
    ) -> async_graphql::Result<Option<Resource<K>>> {
        let key = ByName {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            kind: PhantomData,
        };
        Ok(self.loader.load_one(key).await.graphql()?.map(Resource::new))
    }

    pub(crate) async fn by<K: ResourceKind>(
        &self,
        cluster: &ClusterId,
        key: OwnedKey,
    ) -> async_graphql::Result<Vec<Resource<K>>> {
        let key = ByKey { cluster: cluster.clone(), key, kind: PhantomData };
        Ok(resources(self.loader.load_one(key).await.graphql()?.unwrap_or_default()))
    }

    /// The objects under each of several keys, in the order of the keys.
    pub(crate) async fn by_each<K: ResourceKind>(
        &self,
        cluster: &ClusterId,
        keys: impl IntoIterator<Item = OwnedKey>,
    ) -> async_graphql::Result<Vec<Resource<K>>> {
        let keys: Vec<_> =
            keys.into_iter().map(|key| ByKey { cluster: cluster.clone(), key, kind: PhantomData }).collect();
        let mut found = self.loader.load_many(keys.iter().cloned()).await.graphql()?;
        Ok(keys.iter().flat_map(|key| resources(found.remove(key).unwrap_or_default())).collect())
    }

    pub(crate) async fn selected<K: ResourceKind>(
        &self,
        cluster: &ClusterId,
        namespace: &str,
        selector: LabelSelector,
    ) -> async_graphql::Result<Vec<Resource<K>>> {
        let key = BySelector {
            cluster: cluster.clone(),
            namespace: namespace.to_owned(),
            selector,
            kind: PhantomData,
        };
        Ok(resources(self.loader.load_one(key).await.graphql()?.unwrap_or_default()))
    }
}

fn resources<K: ResourceKind>(entries: Vec<Shared<K>>) -> Vec<Resource<K>> {
    entries.into_iter().map(Resource::new).collect()
}
