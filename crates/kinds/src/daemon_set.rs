//! Daemon sets.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{Health, IndexKey, Kind, KindMeta, Meta, Relation, Text as SearchText};
use serde::Deserialize;

use crate::{
    conditions::{Condition, ConditionText},
    filter::{Filter, ResourceFilter},
    label_selector::{LabelSelector, SelectorText},
    pod::Pod,
    pod_template::{
        FromTemplate, TemplateColumns, TemplateRelations, TemplateText, Templated, template_relations,
    },
    resource::{self, InNamespace, Resource, ResourceKind},
    rollout::{Generation, NOT_OBSERVED, PODS_UNAVAILABLE, PODS_UPDATING, StrategyText},
    scalars::Json,
    text::{List, Part, Strings},
    viewer,
};

pub const USES: TemplateRelations = template_relations!("daemonSet", "spec.template.spec");

/// A pod on each node.
pub enum DaemonSet {}

/// What lists, filters and relations of daemon sets need.
pub struct Columns {
    desired: i32,
    current: i32,
    ready: i32,
    updated: i32,
    available: i32,
    health: Health,
    template: TemplateColumns,
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
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(default)]
    selector: Part<SelectorText>,
    #[serde(borrow, default)]
    template: Part<TemplateText<'a>>,
    #[serde(default)]
    update_strategy: Part<StrategyText>,
    #[serde(default)]
    min_ready_seconds: Option<i32>,
    #[serde(default)]
    revision_history_limit: Option<i32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    observed_generation: Option<i64>,
    #[serde(default)]
    desired_number_scheduled: Option<i32>,
    #[serde(default)]
    current_number_scheduled: Option<i32>,
    #[serde(default)]
    number_misscheduled: Option<i32>,
    #[serde(default)]
    number_ready: Option<i32>,
    #[serde(default)]
    updated_number_scheduled: Option<i32>,
    #[serde(default)]
    number_available: Option<i32>,
    #[serde(default)]
    number_unavailable: Option<i32>,
    #[serde(default)]
    conditions: List<ConditionText>,
}

impl Text<'_> {
    /// As Argo CD judges daemon sets.
    fn health(&self) -> Health {
        let status = &*self.status;
        // Without this number there is no status at all, and nothing that could be compared.
        let Some(desired) =
            status.desired_number_scheduled.filter(|_| self.metadata.is_observed(status.observed_generation))
        else {
            return Health::progressing(NOT_OBSERVED);
        };
        // Who updates pods only as they are deleted decides when that is.
        if self.spec.update_strategy.kind() == "OnDelete" {
            Health::healthy()
        } else if status.updated_number_scheduled.unwrap_or(0) < desired {
            Health::progressing(PODS_UPDATING)
        } else if status.number_available.unwrap_or(0) < desired {
            Health::progressing(PODS_UNAVAILABLE)
        } else {
            Health::healthy()
        }
    }
}

impl Kind for DaemonSet {
    const META: KindMeta = KindMeta {
        group: "apps",
        version: "v1",
        kind: "DaemonSet",
        plural: "daemonsets",
        singular: "daemonset",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text<'_> = serde_json::from_str(object)?;
        let status = &*text.status;
        Ok(Columns {
            desired: status.desired_number_scheduled.unwrap_or(0),
            current: status.current_number_scheduled.unwrap_or(0),
            ready: status.number_ready.unwrap_or(0),
            updated: status.updated_number_scheduled.unwrap_or(0),
            available: status.number_available.unwrap_or(0),
            health: text.health(),
            template: TemplateColumns::new(&text.spec.template, &USES),
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
    }
}

impl ResourceKind for DaemonSet {
    type Detail = DaemonSetDetail;
    type Placement = InNamespace;
    type Filter = DaemonSetFilter;
}

impl Templated for DaemonSet {
    const USES: &'static TemplateRelations = &USES;

    fn template(columns: &Columns) -> &TemplateColumns {
        &columns.template
    }
}

/// What daemon sets can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct DaemonSetFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Whether a pod is ready on each node that should have one.
    ready: Option<bool>,
}

impl Filter<DaemonSet> for DaemonSetFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<DaemonSet>> {
        let ready = self.ready?;
        Some(Box::new(move |set| (set.columns.ready >= set.columns.desired) == ready))
    }
}

/// A daemon set's own fields.
pub struct DaemonSetDetail(Arc<resource::Object<DaemonSet>>);

impl From<Arc<resource::Object<DaemonSet>>> for DaemonSetDetail {
    fn from(object: Arc<resource::Object<DaemonSet>>) -> Self {
        Self(object)
    }
}

impl DaemonSetDetail {
    fn columns(&self) -> &Columns {
        &self.0.entry.columns
    }

    fn text(&self) -> async_graphql::Result<Text<'_>> {
        self.0.part()
    }
}

#[Object]
impl DaemonSetDetail {
    /// Nodes that should have a pod.
    async fn desired_number_scheduled(&self) -> i32 {
        self.columns().desired
    }

    /// Nodes that should have a pod, and have one.
    async fn current_number_scheduled(&self) -> i32 {
        self.columns().current
    }

    /// Nodes whose pod is ready.
    async fn number_ready(&self) -> i32 {
        self.columns().ready
    }

    /// Nodes whose pod is made from the current template.
    async fn updated_number_scheduled(&self) -> i32 {
        self.columns().updated
    }

    /// Nodes whose pod has been ready for `minReadySeconds`.
    async fn number_available(&self) -> i32 {
        self.columns().available
    }

    /// Nodes that should have an available pod, and have none.
    async fn number_unavailable(&self) -> async_graphql::Result<i32> {
        Ok(self.text()?.status.number_unavailable.unwrap_or(0))
    }

    /// Nodes that have a pod, and should not.
    async fn number_misscheduled(&self) -> async_graphql::Result<i32> {
        Ok(self.text()?.status.number_misscheduled.unwrap_or(0))
    }

    async fn selector(&self) -> async_graphql::Result<LabelSelector> {
        Ok(self.text()?.spec.0.selector.0.into())
    }

    /// The labels of the nodes that should have a pod; all nodes if empty.
    async fn node_selector(&self) -> async_graphql::Result<Json> {
        let text: NodeSelectorText = self.0.part()?;
        let labels = text.spec.0.template.0.spec.0.node_selector;
        Ok(Json::strings(labels.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
    }

    async fn update_strategy(&self) -> async_graphql::Result<DaemonSetUpdateStrategy> {
        Ok(self.text()?.spec.0.update_strategy.0.into())
    }

    /// How long a pod must be ready to count as available.
    async fn min_ready_seconds(&self) -> async_graphql::Result<i32> {
        Ok(self.text()?.spec.min_ready_seconds.unwrap_or(0))
    }

    /// How many old revisions are kept.
    async fn revision_history_limit(&self) -> async_graphql::Result<Option<i32>> {
        Ok(self.text()?.spec.revision_history_limit)
    }

    async fn conditions(&self) -> async_graphql::Result<Vec<Condition>> {
        Ok(self.text()?.status.0.conditions.into_iter().map(Into::into).collect())
    }

    /// The pods that the daemon set owns.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        viewer::owned(ctx, &self.0.entry).await
    }

    #[graphql(flatten)]
    async fn templated(&self) -> FromTemplate<DaemonSet> {
        FromTemplate::new(&self.0)
    }
}

#[derive(Deserialize)]
struct NodeSelectorText {
    #[serde(default)]
    spec: Part<NodeSelectorSpec>,
}

#[derive(Deserialize, Default)]
struct NodeSelectorSpec {
    #[serde(default)]
    template: Part<NodeSelectorTemplate>,
}

#[derive(Deserialize, Default)]
struct NodeSelectorTemplate {
    #[serde(default)]
    spec: Part<NodeSelectorPodSpec>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct NodeSelectorPodSpec {
    #[serde(default)]
    node_selector: Strings,
}

/// How new pods replace old ones.
#[derive(SimpleObject)]
struct DaemonSetUpdateStrategy {
    /// `RollingUpdate` or `OnDelete`.
    #[graphql(name = "type")]
    kind: String,
    /// A number or a percentage of nodes that may have two pods; null for `OnDelete`.
    max_surge: Option<String>,
    /// A number or a percentage of nodes whose pod may be missing; null for `OnDelete`.
    max_unavailable: Option<String>,
}

impl From<StrategyText> for DaemonSetUpdateStrategy {
    fn from(text: StrategyText) -> Self {
        Self {
            kind: text.kind().to_owned(),
            max_surge: text.rolling_update.0.max_surge.map(|surge| surge.0),
            max_unavailable: text.rolling_update.0.max_unavailable.map(|unavailable| unavailable.0),
        }
    }
}
