//! Deployments.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{Kind, KindMeta};
use serde::Deserialize;

use crate::{
    conditions::{ConditionText, DeploymentCondition},
    filter::{Filter, ResourceFilter},
    label_selector::{LabelSelector, SelectorText},
    loader::OwnedKey,
    pod::Pod,
    pod_spec::{ContainerTemplate, SpecText},
    replica_set::ReplicaSet,
    resource::{self, InNamespace, Resource, ResourceKind},
    scalars::{DateTime, Json},
    text::{List, Part, Strings},
    viewer,
};

/// A rolling set of equal pods.
pub enum Deployment {}

/// What lists and filters of deployments need.
pub struct Columns {
    replicas: i32,
    available: i32,
    ready: i32,
    updated: i32,
}

#[derive(Deserialize)]
struct ColumnsText {
    #[serde(default)]
    spec: Part<Replicas>,
    #[serde(default)]
    status: Part<Counts>,
}

#[derive(Deserialize, Default)]
struct Replicas {
    #[serde(default)]
    replicas: Option<i32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Counts {
    #[serde(default)]
    available_replicas: Option<i32>,
    #[serde(default)]
    ready_replicas: Option<i32>,
    #[serde(default)]
    updated_replicas: Option<i32>,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    spec: Part<Spec<'a>>,
    #[serde(default)]
    status: Part<Status>,
}

#[derive(Deserialize, Default)]
struct Spec<'a> {
    #[serde(default)]
    selector: Part<SelectorText>,
    #[serde(borrow, default)]
    template: Part<TemplateText<'a>>,
    #[serde(default)]
    strategy: Part<StrategyText>,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    conditions: List<ConditionText>,
}

#[derive(Deserialize, Default)]
struct TemplateText<'a> {
    #[serde(default)]
    metadata: Part<TemplateMeta>,
    #[serde(borrow, default)]
    spec: Part<SpecText<'a>>,
}

#[derive(Deserialize, Default)]
struct TemplateMeta {
    #[serde(default)]
    labels: Strings,
    #[serde(default)]
    annotations: Strings,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct StrategyText {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    rolling_update: Part<RollingUpdate>,
}

/// Numbers, or percentages.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct RollingUpdate {
    #[serde(default)]
    max_surge: Option<serde_json::Value>,
    #[serde(default)]
    max_unavailable: Option<serde_json::Value>,
}

impl Kind for Deployment {
    const META: KindMeta = KindMeta {
        group: "apps",
        version: "v1",
        kind: "Deployment",
        plural: "deployments",
        singular: "deployment",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: ColumnsText = serde_json::from_str(object)?;
        // What its fields will need later: one that can't be read is malformed now, and not a null in each answer.
        serde_json::from_str::<Text<'_>>(object)?;
        Ok(Columns {
            // One is the API's default.
            replicas: text.spec.replicas.unwrap_or(1),
            available: text.status.available_replicas.unwrap_or(0),
            ready: text.status.ready_replicas.unwrap_or(0),
            updated: text.status.updated_replicas.unwrap_or(0),
        })
    }
}

impl ResourceKind for Deployment {
    type Detail = DeploymentDetail;
    type Placement = InNamespace;
    type Filter = DeploymentFilter;

    /// What the controller last said about progress.
    fn state(object: &resource::Object<Self>) -> (Option<String>, Option<String>) {
        let Ok(text) = object.part::<Text<'_>>() else { return (None, None) };
        let last = text.status.0.conditions.into_iter().max_by_key(|condition| condition.last_update_time);
        last.map_or((None, None), |condition| (condition.reason, condition.message))
    }
}

/// What deployments can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct DeploymentFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Whether as many replicas are available as are wanted.
    ready: Option<bool>,
}

impl Filter<Deployment> for DeploymentFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<Deployment>> {
        let ready = self.ready?;
        Some(Box::new(move |deployment| {
            (deployment.columns.available >= deployment.columns.replicas) == ready
        }))
    }
}

/// A deployment's own fields.
pub struct DeploymentDetail(Arc<resource::Object<Deployment>>);

impl From<Arc<resource::Object<Deployment>>> for DeploymentDetail {
    fn from(object: Arc<resource::Object<Deployment>>) -> Self {
        Self(object)
    }
}

#[Object]
impl DeploymentDetail {
    /// How many pods are wanted.
    async fn replicas(&self) -> i32 {
        self.0.entry.columns.replicas
    }

    async fn selector(&self) -> async_graphql::Result<LabelSelector> {
        let text: Text<'_> = self.0.part()?;
        Ok(text.spec.0.selector.0.into())
    }

    /// What the deployment's pods are made from.
    async fn template(&self) -> async_graphql::Result<PodTemplateSpec> {
        let text: Text<'_> = self.0.part()?;
        Ok(text.spec.0.template.0.into())
    }

    async fn strategy(&self) -> async_graphql::Result<DeploymentStrategy> {
        let text: Text<'_> = self.0.part()?;
        Ok(text.spec.0.strategy.0.into())
    }

    async fn available_replicas(&self) -> i32 {
        self.0.entry.columns.available
    }

    async fn ready_replicas(&self) -> i32 {
        self.0.entry.columns.ready
    }

    /// Pods that are made from the current template.
    async fn updated_replicas(&self) -> i32 {
        self.0.entry.columns.updated
    }

    async fn conditions(&self) -> async_graphql::Result<Vec<DeploymentCondition>> {
        let text: Text<'_> = self.0.part()?;
        Ok(text.status.0.conditions.into_iter().map(Into::into).collect())
    }

    /// The replica sets that the deployment owns, old ones included.
    async fn replica_sets(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<ReplicaSet>>> {
        let entry = &self.0.entry;
        viewer::by(ctx, &entry.cluster, OwnedKey::Owner(entry.meta.uid.to_string())).await
    }

    /// The pods of the deployment's replica sets.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        let entry = &self.0.entry;
        let sets: Vec<Resource<ReplicaSet>> =
            viewer::by(ctx, &entry.cluster, OwnedKey::Owner(entry.meta.uid.to_string())).await?;
        let owners = sets.iter().map(|set| OwnedKey::Owner(set.entry().meta.uid.to_string()));
        viewer::by_each(ctx, &entry.cluster, owners).await
    }

    /// When the controller last reported progress; null if it never did.
    async fn updated_at(&self) -> async_graphql::Result<Option<DateTime>> {
        let text: Text<'_> = self.0.part()?;
        Ok(text
            .status
            .conditions
            .iter()
            .filter_map(|condition| condition.last_update_time)
            .max()
            .map(DateTime))
    }
}

/// What pods are made from.
#[derive(SimpleObject)]
struct PodTemplateSpec {
    labels: Json,
    annotations: Json,
    containers: Vec<ContainerTemplate>,
    init_containers: Vec<ContainerTemplate>,
    service_account_name: Option<String>,
}

impl From<TemplateText<'_>> for PodTemplateSpec {
    fn from(text: TemplateText<'_>) -> Self {
        let strings =
            |strings: &Strings| Json::strings(strings.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        Self {
            labels: strings(&text.metadata.labels),
            annotations: strings(&text.metadata.annotations),
            containers: text.spec.containers.iter().map(Into::into).collect(),
            init_containers: text.spec.init_containers.iter().map(Into::into).collect(),
            service_account_name: text.spec.service_account_name.as_deref().map(str::to_owned),
        }
    }
}

/// How new pods replace old ones.
#[derive(SimpleObject)]
struct DeploymentStrategy {
    /// `RollingUpdate` or `Recreate`.
    #[graphql(name = "type")]
    kind: String,
    /// A number or a percentage of pods beyond those wanted; null for `Recreate`.
    max_surge: Option<String>,
    /// A number or a percentage of pods that may be missing; null for `Recreate`.
    max_unavailable: Option<String>,
}

impl From<StrategyText> for DeploymentStrategy {
    fn from(text: StrategyText) -> Self {
        let text_of = |value: Option<serde_json::Value>| match value? {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        Self {
            kind: text.kind.unwrap_or_else(|| "RollingUpdate".to_owned()),
            max_surge: text_of(text.rolling_update.0.max_surge),
            max_unavailable: text_of(text.rolling_update.0.max_unavailable),
        }
    }
}
