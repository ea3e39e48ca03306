//! Replica sets.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Context, Object};
use fleetgraph_core::{Kind, KindMeta};
use serde::Deserialize;

use crate::{
    deployment::Deployment,
    filter::ResourceFilter,
    label_selector::{LabelSelector, SelectorText},
    loader::OwnedKey,
    pod::Pod,
    resource::{self, InNamespace, Resource, ResourceKind},
    text::Part,
    viewer,
};

/// A number of equal pods.
pub enum ReplicaSet {}

/// What lists of replica sets need.
pub struct Columns {
    replicas: i32,
    current: i32,
    ready: i32,
    available: i32,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    spec: Part<Spec>,
    #[serde(default)]
    status: Part<Status>,
}

#[derive(Deserialize, Default)]
struct Spec {
    #[serde(default)]
    replicas: Option<i32>,
    #[serde(default)]
    selector: Part<SelectorText>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    replicas: Option<i32>,
    #[serde(default)]
    ready_replicas: Option<i32>,
    #[serde(default)]
    available_replicas: Option<i32>,
}

impl Kind for ReplicaSet {
    const META: KindMeta = KindMeta {
        group: "apps",
        version: "v1",
        kind: "ReplicaSet",
        plural: "replicasets",
        singular: "replicaset",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        Ok(Columns {
            // One is the API's default.
            replicas: text.spec.replicas.unwrap_or(1),
            current: text.status.replicas.unwrap_or(0),
            ready: text.status.ready_replicas.unwrap_or(0),
            available: text.status.available_replicas.unwrap_or(0),
        })
    }

    const FIELDS: &'static [&'static str] = &["status.replicas"];

    fn field<'a>(columns: &'a Columns, _: &str) -> Cow<'a, str> {
        Cow::Owned(columns.current.to_string())
    }
}

impl ResourceKind for ReplicaSet {
    type Detail = ReplicaSetDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

/// A replica set's own fields.
pub struct ReplicaSetDetail(Arc<resource::Object<ReplicaSet>>);

impl From<Arc<resource::Object<ReplicaSet>>> for ReplicaSetDetail {
    fn from(object: Arc<resource::Object<ReplicaSet>>) -> Self {
        Self(object)
    }
}

#[Object]
impl ReplicaSetDetail {
    /// How many pods are wanted.
    async fn replicas(&self) -> i32 {
        self.0.entry.columns.replicas
    }

    async fn ready_replicas(&self) -> i32 {
        self.0.entry.columns.ready
    }

    async fn available_replicas(&self) -> i32 {
        self.0.entry.columns.available
    }

    async fn selector(&self) -> async_graphql::Result<LabelSelector> {
        let text: Text = self.0.part()?;
        Ok(text.spec.0.selector.0.into())
    }

    /// The deployment that owns the replica set, if one does and can be seen.
    async fn deployment(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Resource<Deployment>>> {
        let entry = &self.0.entry;
        match entry.meta.controller().filter(|owner| &*owner.kind == Deployment::META.kind) {
            Some(owner) => viewer::get(ctx, &entry.cluster, &entry.meta.namespace, &owner.name).await,
            None => Ok(None),
        }
    }

    /// The pods that the replica set owns.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        let entry = &self.0.entry;
        viewer::by(ctx, &entry.cluster, OwnedKey::Owner(entry.meta.uid.to_string())).await
    }
}
