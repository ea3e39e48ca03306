//! Replica sets.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Context, Object};
use fleetgraph_core::{Health, Kind, KindMeta};
use serde::Deserialize;

use crate::{
    conditions::{Condition, ConditionText, condition},
    deployment::Deployment,
    filter::ResourceFilter,
    horizontal_pod_autoscaler::{self, HorizontalPodAutoscaler},
    label_selector::{LabelSelector, SelectorText},
    pod::Pod,
    resource::{self, InNamespace, Resource, ResourceKind},
    rollout::{Generation, NOT_OBSERVED, PODS_UNAVAILABLE},
    text::{List, Part},
    viewer,
};

/// A number of equal pods.
pub enum ReplicaSet {}

/// What lists of replica sets need.
pub struct Columns {
    replicas: i32,
    total: i32,
    ready: i32,
    available: i32,
    health: Health,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    metadata: Part<Generation>,
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
    #[serde(default)]
    observed_generation: Option<i64>,
    #[serde(default)]
    conditions: List<ConditionText>,
}

impl Text {
    /// One is the API's default.
    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// As Argo CD judges replica sets.
    fn health(&self) -> Health {
        let status = &*self.status;
        if !self.metadata.is_observed(status.observed_generation) {
            return Health::progressing(NOT_OBSERVED);
        }
        match condition(&status.conditions, "ReplicaFailure").filter(|failure| failure.status == "True") {
            Some(failure) => Health::degraded(failure.reason.as_deref().unwrap_or("ReplicaFailure")),
            None if status.available_replicas.unwrap_or(0) < self.replicas() => {
                Health::progressing(PODS_UNAVAILABLE)
            }
            None => Health::healthy(),
        }
    }
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
            replicas: text.replicas(),
            health: text.health(),
            total: text.status.replicas.unwrap_or(0),
            ready: text.status.ready_replicas.unwrap_or(0),
            available: text.status.available_replicas.unwrap_or(0),
        })
    }

    fn health(columns: &Columns) -> Health {
        columns.health.clone()
    }

    const FIELDS: &'static [&'static str] = &["status.replicas"];

    fn field<'a>(columns: &'a Columns, _: &str) -> Cow<'a, str> {
        Cow::Owned(columns.total.to_string())
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

    /// How many pods there are.
    async fn total_replicas(&self) -> i32 {
        self.0.entry.columns.total
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

    async fn conditions(&self) -> async_graphql::Result<Vec<Condition>> {
        let text: Text = self.0.part()?;
        Ok(text.status.0.conditions.into_iter().map(Into::into).collect())
    }

    /// The deployment that owns the replica set, if one does and can be seen.
    async fn deployment(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Resource<Deployment>>> {
        viewer::controller(ctx, &self.0.entry).await
    }

    /// The pods that the replica set owns.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        viewer::owned(ctx, &self.0.entry).await
    }

    /// The autoscalers that set how many pods are wanted.
    async fn horizontal_pod_autoscalers(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<HorizontalPodAutoscaler>>> {
        horizontal_pod_autoscaler::scaling(ctx, &self.0).await
    }
}
