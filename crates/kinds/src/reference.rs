//! Objects that are known by name only: owners of kinds that aren't watched, and what is gone.

use std::borrow::Cow;

use async_graphql::{Context, ID, Object};
use fleetgraph_core::{ClusterId, Health};

use crate::{cluster::ClusterObject, health::ObjectHealth};

/// An object that is known by its name alone: fleetgraph does not watch its kind, or it is gone.
pub struct ObjectReference {
    place: Place,
    kind: String,
    api_version: String,
}

impl ObjectReference {
    pub(crate) fn new(
        cluster: &ClusterId,
        kind: &str,
        api_version: &str,
        namespace: &str,
        name: &str,
    ) -> Self {
        Self {
            place: Place::new(cluster, namespace, name),
            kind: kind.to_owned(),
            api_version: api_version.to_owned(),
        }
    }
}

#[Object(unresolvable = "id")]
impl ObjectReference {
    /// `cluster:namespace:name`; `cluster::name` for a cluster-scoped object.
    pub async fn id(&self) -> ID {
        self.place.id()
    }

    pub async fn name(&self) -> &str {
        &self.place.name
    }

    /// The kind, such as `Job`.
    pub async fn kind(&self) -> &str {
        &self.kind
    }

    /// The API group and version, such as `batch/v1`.
    pub async fn api_version(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.api_version)
    }

    /// `UNKNOWN`: the object itself isn't there, or can't be seen.
    pub async fn health(&self) -> ObjectHealth {
        Health::unknown("").into()
    }

    /// The cluster that the object lies in.
    pub async fn cluster(&self, ctx: &Context<'_>) -> async_graphql::Result<ClusterObject> {
        ClusterObject::by_id(ctx, &self.place.cluster)
    }
}

/// Where an object is.
struct Place {
    cluster: ClusterId,
    namespace: String,
    name: String,
}

impl Place {
    fn new(cluster: &ClusterId, namespace: &str, name: &str) -> Self {
        Self { cluster: cluster.clone(), namespace: namespace.to_owned(), name: name.to_owned() }
    }

    fn id(&self) -> ID {
        ID(format!("{}:{}:{}", self.cluster, self.namespace, self.name))
    }
}
