//! Deployments.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{
    EdgeType, Health, IndexKey, Kind, KindMeta, LabelSelector as Matcher, Meta, Relation, Text as SearchText,
};
use serde::Deserialize;

use crate::{
    conditions::{ConditionText, DeploymentCondition, condition},
    filter::{Filter, ResourceFilter},
    horizontal_pod_autoscaler::{self, HorizontalPodAutoscaler},
    label_selector::{self, LabelSelector, SelectorText},
    loader::OwnedKey,
    pod::Pod,
    pod_template::{
        FromTemplate, TemplateColumns, TemplateRelations, TemplateText, Templated, template_relations,
    },
    replica_set::ReplicaSet,
    resource::{self, InNamespace, Resource, ResourceKind},
    rollout::{
        Generation, NOT_OBSERVED, OLD_PODS_TERMINATING, PODS_UNAVAILABLE, PODS_UPDATING, StrategyText,
    },
    scalars::DateTime,
    text::{List, Part},
    viewer,
};

pub const USES: TemplateRelations = template_relations!("deployment", "spec.template.spec");

pub const PODS: Relation =
    Relation { name: "deployment.pods", edge: EdgeType::Selects, to: "pods", field: "spec.selector" };

/// A rolling set of equal pods.
pub enum Deployment {}

/// What lists, filters and relations of deployments need.
pub struct Columns {
    replicas: i32,
    available: i32,
    ready: i32,
    updated: i32,
    paused: bool,
    health: Health,
    template: TemplateColumns,
    /// `None` if it can't be told what it selects.
    selector: Option<Matcher>,
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(default)]
    metadata: Part<Generation>,
    #[serde(borrow, default)]
    spec: Part<Spec<'a>>,
    #[serde(default)]
    status: Part<Status>,
}

#[derive(Deserialize, Default)]
struct Spec<'a> {
    #[serde(default)]
    replicas: Option<i32>,
    #[serde(default)]
    paused: Option<bool>,
    #[serde(default)]
    selector: Part<SelectorText>,
    #[serde(borrow, default)]
    template: Part<TemplateText<'a>>,
    #[serde(default)]
    strategy: Part<StrategyText>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    observed_generation: Option<i64>,
    #[serde(default)]
    replicas: Option<i32>,
    #[serde(default)]
    available_replicas: Option<i32>,
    #[serde(default)]
    ready_replicas: Option<i32>,
    #[serde(default)]
    updated_replicas: Option<i32>,
    #[serde(default)]
    conditions: List<ConditionText>,
}

impl Text<'_> {
    /// One is the API's default.
    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// As Argo CD judges deployments.
    fn health(&self) -> Health {
        let status = &*self.status;
        let updated = status.updated_replicas.unwrap_or(0);
        let progress = condition(&status.conditions, "Progressing").and_then(|c| c.reason.as_deref());
        if self.spec.paused.unwrap_or(false) {
            Health::suspended("Paused")
        } else if !self.metadata.is_observed(status.observed_generation) {
            Health::progressing(NOT_OBSERVED)
        } else if progress == Some("ProgressDeadlineExceeded") {
            Health::degraded("ProgressDeadlineExceeded")
        } else if updated < self.replicas() {
            Health::progressing(PODS_UPDATING)
        } else if status.replicas.unwrap_or(0) > updated {
            Health::progressing(OLD_PODS_TERMINATING)
        } else if status.available_replicas.unwrap_or(0) < updated {
            Health::progressing(PODS_UNAVAILABLE)
        } else {
            Health::healthy()
        }
    }
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
        let text: Text<'_> = serde_json::from_str(object)?;
        Ok(Columns {
            replicas: text.replicas(),
            available: text.status.available_replicas.unwrap_or(0),
            ready: text.status.ready_replicas.unwrap_or(0),
            updated: text.status.updated_replicas.unwrap_or(0),
            paused: text.spec.paused.unwrap_or(false),
            health: text.health(),
            template: TemplateColumns::new(&text.spec.template, &USES),
            selector: text.spec.selector.matcher().filter(|selector| !selector.is_empty()),
        })
    }

    fn health(columns: &Columns) -> Health {
        columns.health.clone()
    }

    fn texts<'a>(columns: &'a Columns, emit: &mut dyn FnMut(SearchText<'a>)) {
        columns.template.emit_images(emit);
    }

    const RELATIONS: &'static [Relation] = &USES.all();

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        columns.template.emit_references(meta, emit);
        label_selector::file(columns.selector.as_ref(), meta, emit);
    }

    const SELECTS: Option<&'static Relation> = Some(&PODS);

    fn selector(columns: &Columns) -> Option<Matcher> {
        columns.selector.clone()
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

impl Templated for Deployment {
    const USES: &'static TemplateRelations = &USES;

    fn template(columns: &Columns) -> &TemplateColumns {
        &columns.template
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

    /// Whether changes of the template are held back for now.
    async fn paused(&self) -> bool {
        self.0.entry.columns.paused
    }

    async fn strategy(&self) -> async_graphql::Result<DeploymentStrategy> {
        let text: Text<'_> = self.0.part()?;
        Ok(text.spec.0.strategy.0.into())
    }

    /// How many pods there are, of all replica sets.
    async fn total_replicas(&self) -> async_graphql::Result<i32> {
        let text: Text<'_> = self.0.part()?;
        Ok(text.status.replicas.unwrap_or(0))
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
        viewer::owned(ctx, &self.0.entry).await
    }

    /// The pods of the deployment's replica sets.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        let entry = &self.0.entry;
        let sets: Vec<Resource<ReplicaSet>> = viewer::owned(ctx, entry).await?;
        let owners = sets.iter().map(|set| OwnedKey::Owner(set.entry().meta.uid.to_string()));
        let mut pods: Vec<Resource<Pod>> = viewer::by_each(ctx, &entry.cluster, owners).await?;
        pods.retain(|pod| pod.entry().meta.namespace == entry.meta.namespace);
        Ok(pods)
    }

    /// The autoscalers that set how many pods are wanted.
    async fn horizontal_pod_autoscalers(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<HorizontalPodAutoscaler>>> {
        horizontal_pod_autoscaler::scaling(ctx, &self.0).await
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

    #[graphql(flatten)]
    async fn templated(&self) -> FromTemplate<Deployment> {
        FromTemplate::new(&self.0)
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
        Self {
            kind: text.kind().to_owned(),
            max_surge: text.rolling_update.0.max_surge.map(|surge| surge.0),
            max_unavailable: text.rolling_update.0.max_unavailable.map(|unavailable| unavailable.0),
        }
    }
}
