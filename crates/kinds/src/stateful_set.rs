//! Stateful sets.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{EdgeType, Health, IndexKey, Istr, Kind, KindMeta, Meta, Relation, Text as SearchText};
use serde::Deserialize;

use crate::{
    conditions::{Condition, ConditionText},
    filter::{Filter, ResourceFilter},
    horizontal_pod_autoscaler::{self, HorizontalPodAutoscaler},
    label_selector::{LabelSelector, SelectorText},
    pod::Pod,
    pod_template::{
        FromTemplate, TemplateColumns, TemplateRelations, TemplateText, Templated, template_relations,
    },
    resource::{self, InNamespace, Resource, ResourceKind},
    rollout::{Generation, NOT_OBSERVED, PODS_NOT_READY, PODS_UPDATING, StrategyText},
    service::Service,
    text::{List, Part},
    viewer,
    volume_claim_template::{
        ClaimTemplateText, RetentionText, StatefulSetClaimRetention, VolumeClaimTemplate,
    },
};

pub const USES: TemplateRelations = template_relations!("statefulSet", "spec.template.spec");
/// To the service that gives the pods their host names.
pub const SERVICE: Relation =
    Relation { name: "statefulSet.service", edge: EdgeType::Uses, to: "services", field: "spec.serviceName" };

/// Pods with names and storage of their own.
pub enum StatefulSet {}

/// What lists, filters and relations of stateful sets need.
pub struct Columns {
    replicas: i32,
    total: i32,
    ready: i32,
    available: i32,
    updated: i32,
    service: Istr,
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
    replicas: Option<i32>,
    #[serde(default)]
    service_name: Part<Istr>,
    #[serde(default)]
    selector: Part<SelectorText>,
    #[serde(borrow, default)]
    template: Part<TemplateText<'a>>,
    #[serde(default)]
    update_strategy: Part<StrategyText>,
    #[serde(default)]
    pod_management_policy: Option<String>,
    #[serde(default)]
    revision_history_limit: Option<i32>,
    #[serde(default)]
    min_ready_seconds: Option<i32>,
    #[serde(borrow, default)]
    volume_claim_templates: List<ClaimTemplateText<'a>>,
    #[serde(default)]
    persistent_volume_claim_retention_policy: Part<RetentionText>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    observed_generation: Option<i64>,
    #[serde(default)]
    replicas: Option<i32>,
    #[serde(default)]
    ready_replicas: Option<i32>,
    #[serde(default)]
    available_replicas: Option<i32>,
    #[serde(default)]
    current_replicas: Option<i32>,
    #[serde(default)]
    updated_replicas: Option<i32>,
    #[serde(default)]
    current_revision: Option<String>,
    #[serde(default)]
    update_revision: Option<String>,
    #[serde(default)]
    conditions: List<ConditionText>,
}

impl Text<'_> {
    /// One is the API's default.
    fn replicas(&self) -> i32 {
        self.spec.replicas.unwrap_or(1)
    }

    /// As Argo CD judges stateful sets.
    fn health(&self) -> Health {
        let (status, strategy) = (&*self.status, &*self.spec.update_strategy);
        let observed = status.observed_generation.is_some_and(|generation| generation > 0);
        if !observed || !self.metadata.is_observed(status.observed_generation) {
            return Health::progressing(NOT_OBSERVED);
        }
        if status.ready_replicas.unwrap_or(0) < self.replicas() {
            return Health::progressing(PODS_NOT_READY);
        }
        // Who updates pods only as they are deleted decides when that is.
        if strategy.kind() == "OnDelete" {
            return Health::healthy();
        }
        let outdated = match strategy.rolling_update.partition {
            // Pods below the partition keep the old revision on purpose.
            Some(partition) => {
                status.updated_replicas.unwrap_or(0) < self.replicas().saturating_sub(partition)
            }
            None => status.update_revision != status.current_revision,
        };
        if outdated { Health::progressing(PODS_UPDATING) } else { Health::healthy() }
    }
}

impl Kind for StatefulSet {
    const META: KindMeta = KindMeta {
        group: "apps",
        version: "v1",
        kind: "StatefulSet",
        plural: "statefulsets",
        singular: "statefulset",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text<'_> = serde_json::from_str(object)?;
        Ok(Columns {
            replicas: text.replicas(),
            total: text.status.replicas.unwrap_or(0),
            ready: text.status.ready_replicas.unwrap_or(0),
            available: text.status.available_replicas.unwrap_or(0),
            updated: text.status.updated_replicas.unwrap_or(0),
            service: text.spec.service_name.0.clone(),
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

    const RELATIONS: &'static [Relation] =
        &[SERVICE, USES.config_maps, USES.secrets, USES.claims, USES.service_account];

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        if !columns.service.is_empty() {
            let (namespace, name) = (&*meta.namespace, &*columns.service);
            emit(IndexKey::Ref { relation: SERVICE.name, namespace, name });
        }
        columns.template.emit_references(meta, emit);
    }
}

impl ResourceKind for StatefulSet {
    type Detail = StatefulSetDetail;
    type Placement = InNamespace;
    type Filter = StatefulSetFilter;
}

impl Templated for StatefulSet {
    const USES: &'static TemplateRelations = &USES;
    const PODS_HAVE_CLAIMS: bool = true;

    fn template(columns: &Columns) -> &TemplateColumns {
        &columns.template
    }
}

/// What stateful sets can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct StatefulSetFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Whether as many replicas are ready as are wanted.
    ready: Option<bool>,
}

impl Filter<StatefulSet> for StatefulSetFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<StatefulSet>> {
        let ready = self.ready?;
        Some(Box::new(move |set| (set.columns.ready >= set.columns.replicas) == ready))
    }
}

/// A stateful set's own fields.
pub struct StatefulSetDetail(Arc<resource::Object<StatefulSet>>);

impl From<Arc<resource::Object<StatefulSet>>> for StatefulSetDetail {
    fn from(object: Arc<resource::Object<StatefulSet>>) -> Self {
        Self(object)
    }
}

impl StatefulSetDetail {
    fn text(&self) -> async_graphql::Result<Text<'_>> {
        self.0.part()
    }
}

#[Object]
impl StatefulSetDetail {
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

    /// Pods that have been ready for `minReadySeconds`.
    async fn available_replicas(&self) -> i32 {
        self.0.entry.columns.available
    }

    /// Pods that are made from the current template, of `updateRevision`.
    async fn updated_replicas(&self) -> i32 {
        self.0.entry.columns.updated
    }

    /// Pods of `currentRevision`.
    async fn current_replicas(&self) -> async_graphql::Result<i32> {
        Ok(self.text()?.status.current_replicas.unwrap_or(0))
    }

    /// The revision that pods had before the last change of the template.
    async fn current_revision(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.text()?.status.0.current_revision)
    }

    /// The revision that pods get by the current template.
    async fn update_revision(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.text()?.status.0.update_revision)
    }

    async fn selector(&self) -> async_graphql::Result<LabelSelector> {
        Ok(self.text()?.spec.0.selector.0.into())
    }

    async fn update_strategy(&self) -> async_graphql::Result<StatefulSetUpdateStrategy> {
        Ok(self.text()?.spec.0.update_strategy.0.into())
    }

    /// `OrderedReady` or `Parallel`: whether pods are made and removed one after the other.
    async fn pod_management_policy(&self) -> async_graphql::Result<String> {
        Ok(self.text()?.spec.0.pod_management_policy.unwrap_or_else(|| "OrderedReady".to_owned()))
    }

    /// How long a pod must be ready to count as available.
    async fn min_ready_seconds(&self) -> async_graphql::Result<i32> {
        Ok(self.text()?.spec.min_ready_seconds.unwrap_or(0))
    }

    /// How many old revisions are kept.
    async fn revision_history_limit(&self) -> async_graphql::Result<Option<i32>> {
        Ok(self.text()?.spec.revision_history_limit)
    }

    /// What the claims of each pod are made from.
    async fn volume_claim_templates(&self) -> async_graphql::Result<Vec<VolumeClaimTemplate>> {
        Ok(self.text()?.spec.0.volume_claim_templates.into_iter().map(Into::into).collect())
    }

    /// What becomes of the pods' claims.
    async fn persistent_volume_claim_retention_policy(
        &self,
    ) -> async_graphql::Result<StatefulSetClaimRetention> {
        Ok(self.text()?.spec.0.persistent_volume_claim_retention_policy.0.into())
    }

    async fn conditions(&self) -> async_graphql::Result<Vec<Condition>> {
        Ok(self.text()?.status.0.conditions.into_iter().map(Into::into).collect())
    }

    /// The name of the service that gives the pods their host names.
    async fn service_name(&self) -> Option<&str> {
        Some(&*self.0.entry.columns.service).filter(|name| !name.is_empty())
    }

    /// The service that gives the pods their host names; null if it isn't there.
    async fn service(&self, ctx: &Context<'_>) -> Option<async_graphql::Result<Resource<Service>>> {
        let entry = &self.0.entry;
        let name = Some(&*entry.columns.service).filter(|name| !name.is_empty())?;
        viewer::get(ctx, &entry.cluster, &entry.meta.namespace, name).await.transpose()
    }

    /// The pods that the stateful set owns.
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

    #[graphql(flatten)]
    async fn templated(&self) -> FromTemplate<StatefulSet> {
        FromTemplate::new(&self.0)
    }
}

/// How new pods replace old ones.
#[derive(SimpleObject)]
struct StatefulSetUpdateStrategy {
    /// `RollingUpdate` or `OnDelete`.
    #[graphql(name = "type")]
    kind: String,
    /// Pods with a lower ordinal are not updated; null for `OnDelete`.
    partition: Option<i32>,
    /// A number or a percentage of pods that may be missing.
    max_unavailable: Option<String>,
}

impl From<StrategyText> for StatefulSetUpdateStrategy {
    fn from(text: StrategyText) -> Self {
        Self {
            kind: text.kind().to_owned(),
            partition: text.rolling_update.partition,
            max_unavailable: text.rolling_update.0.max_unavailable.map(|unavailable| unavailable.0),
        }
    }
}
