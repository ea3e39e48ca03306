//! Objects that are known by name only: owners of kinds that aren't watched, and what is gone.

use std::borrow::Cow;

use async_graphql::{Context, ID, Object};

use crate::{cluster::ClusterObject, graph::Named, health::ObjectHealth};

/// An object that is known by its name alone: fleetgraph does not watch its kind, or it is gone.
pub struct ObjectReference {
    named: Named,
    /// As whoever refers to it has it.
    api_version: Option<String>,
}

impl ObjectReference {
    pub(crate) fn new(named: Named, api_version: Option<String>) -> Self {
        Self { named, api_version }
    }
}

#[Object(unresolvable = "id")]
impl ObjectReference {
    /// `cluster:namespace:name`; `cluster::name` for a cluster-scoped object.
    pub async fn id(&self) -> ID {
        ID(self.named.id().object.to_string())
    }

    pub async fn name(&self) -> &str {
        &self.named.name
    }

    /// The kind, such as `Job`.
    pub async fn kind(&self) -> &str {
        self.named.kind.kind()
    }

    /// The API group and version, such as `batch/v1`; empty where they are not known.
    pub async fn api_version(&self) -> Cow<'_, str> {
        match &self.api_version {
            Some(version) => Cow::Borrowed(version),
            None => self.named.kind.api_version(),
        }
    }

    /// `MISSING` if the object is known not to be there, `UNKNOWN` where its kind isn't watched.
    pub async fn health(&self) -> ObjectHealth {
        self.named.kind.health().into()
    }

    /// Nothing: no more is known of the object than its name.
    pub async fn masked_fields(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The cluster that the object lies in.
    pub async fn cluster(&self, ctx: &Context<'_>) -> async_graphql::Result<ClusterObject> {
        ClusterObject::by_id(ctx, &self.named.cluster)
    }
}
