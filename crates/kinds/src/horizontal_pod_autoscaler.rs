//! Autoscalers.

use std::sync::Arc;

use async_graphql::{Context, Object};
use fleetgraph_core::{EdgeType, Health, IndexKey, Istr, Kind, KindMeta, Meta, Relation, Timestamp};
use serde::Deserialize;

use crate::{
    autoscaler_metric::{HorizontalPodAutoscalerMetric, MetricText, metrics},
    conditions::{Condition, ConditionText, condition},
    filter::ResourceFilter,
    interface::AnyResource,
    refs::{of_kind, read_target, target},
    resource::{self, InNamespace, Resource, ResourceKind},
    scalars::DateTime,
    text::{List, Part},
    viewer,
};

/// To the workload, named `Kind/name`.
pub const TARGET: Relation = Relation {
    name: "horizontalPodAutoscaler.target",
    edge: EdgeType::Scales,
    to: "",
    field: "spec.scaleTargetRef",
};

/// Scales a workload by what it uses.
pub enum HorizontalPodAutoscaler {}

/// What lists and relations of autoscalers need.
pub struct Columns {
    /// `Kind/name`; empty if there is none.
    target: Box<str>,
    target_api_version: Istr,
    min_replicas: i32,
    max_replicas: i32,
    current_replicas: i32,
    desired_replicas: i32,
    health: Health,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    spec: Part<Spec>,
    #[serde(default)]
    status: Part<Status>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(default)]
    scale_target_ref: Part<TargetRef>,
    #[serde(default)]
    min_replicas: Option<i32>,
    #[serde(default)]
    max_replicas: Option<i32>,
    #[serde(default)]
    metrics: List<MetricText>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct TargetRef {
    kind: Part<String>,
    name: Part<String>,
    api_version: Part<Istr>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    current_replicas: Option<i32>,
    #[serde(default)]
    desired_replicas: Option<i32>,
    #[serde(default)]
    last_scale_time: Option<Timestamp>,
    #[serde(default)]
    current_metrics: List<MetricText>,
    #[serde(default)]
    conditions: List<ConditionText>,
}

impl Status {
    /// After Argo CD, which knows some reasons of `AbleToScale` and `ScalingActive` as errors; here all are but the
    /// two that aren't: to wait after the last change of the scale, and a target that was scaled to zero by hand.
    /// `ScalingLimited` is no fault: the bounds are there to be kept.
    fn health(&self) -> Health {
        let states = ["AbleToScale", "ScalingActive"].map(|kind| condition(&self.conditions, kind));
        for state in states.into_iter().flatten().filter(|state| state.status == "False") {
            match state.reason.as_deref().filter(|reason| !reason.is_empty()) {
                Some("ScalingDisabled") => return Health::suspended("ScalingDisabled"),
                Some(reason) if reason.starts_with("Backoff") => {}
                reason => return Health::degraded(reason.unwrap_or(&state.kind)),
            }
        }
        match states {
            [Some(able), _] if matches!(able.status.as_str(), "True" | "False") => Health::healthy(),
            _ => Health::progressing("Pending"),
        }
    }
}

impl Kind for HorizontalPodAutoscaler {
    const META: KindMeta = KindMeta {
        group: "autoscaling",
        version: "v2",
        kind: "HorizontalPodAutoscaler",
        plural: "horizontalpodautoscalers",
        singular: "horizontalpodautoscaler",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        let (spec, status) = (text.spec.0, text.status.0);
        let target = spec.scale_target_ref.0;
        let named = !target.name.is_empty();
        Ok(Columns {
            target: if named {
                of_kind(&target.kind, &target.api_version.0, &target.name).into()
            } else {
                "".into()
            },
            target_api_version: target.api_version.0,
            // One is the API's default.
            min_replicas: spec.min_replicas.unwrap_or(1),
            max_replicas: spec.max_replicas.unwrap_or(0),
            current_replicas: status.current_replicas.unwrap_or(0),
            desired_replicas: status.desired_replicas.unwrap_or(0),
            health: status.health(),
        })
    }

    fn health(columns: &Columns) -> Health {
        columns.health.clone()
    }

    const RELATIONS: &'static [Relation] = &[TARGET];

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        if !columns.target.is_empty() {
            let (namespace, name) = (&*meta.namespace, &*columns.target);
            emit(IndexKey::Ref { relation: TARGET.name, namespace, name });
        }
    }
}

impl ResourceKind for HorizontalPodAutoscaler {
    type Detail = HorizontalPodAutoscalerDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

/// The autoscalers that scale an object.
pub(crate) async fn scaling<K: ResourceKind>(
    ctx: &Context<'_>,
    object: &resource::Object<K>,
) -> async_graphql::Result<Vec<Resource<HorizontalPodAutoscaler>>> {
    let entry = &object.entry;
    let name = target(K::META.kind, K::META.group, &entry.meta.name);
    viewer::referrers(ctx, &entry.cluster, &TARGET, &entry.meta.namespace, &name).await
}

/// An autoscaler's own fields.
pub struct HorizontalPodAutoscalerDetail(Arc<resource::Object<HorizontalPodAutoscaler>>);

impl From<Arc<resource::Object<HorizontalPodAutoscaler>>> for HorizontalPodAutoscalerDetail {
    fn from(object: Arc<resource::Object<HorizontalPodAutoscaler>>) -> Self {
        Self(object)
    }
}

impl HorizontalPodAutoscalerDetail {
    fn columns(&self) -> &Columns {
        &self.0.entry.columns
    }

    fn text(&self) -> async_graphql::Result<Text> {
        self.0.part()
    }
}

#[Object]
impl HorizontalPodAutoscalerDetail {
    /// What is scaled. A workload of a kind that fleetgraph does not watch, or one that isn't there, is given by its
    /// name alone.
    async fn target(&self, ctx: &Context<'_>) -> Option<async_graphql::Result<AnyResource>> {
        let (entry, columns) = (&self.0.entry, self.columns());
        if columns.target.is_empty() {
            return None;
        }
        let (kind, _, name) = read_target(&columns.target);
        let namespace = &*entry.meta.namespace;
        Some(
            AnyResource::find_or_name(
                ctx,
                &entry.cluster,
                kind,
                &columns.target_api_version,
                namespace,
                name,
            )
            .await,
        )
    }

    /// The least number of pods that the workload is scaled to.
    async fn min_replicas(&self) -> i32 {
        self.columns().min_replicas
    }

    /// The greatest number of pods that the workload is scaled to.
    async fn max_replicas(&self) -> i32 {
        self.columns().max_replicas
    }

    /// How many pods the autoscaler last saw.
    async fn current_replicas(&self) -> i32 {
        self.columns().current_replicas
    }

    /// How many pods the autoscaler last asked for.
    async fn desired_replicas(&self) -> i32 {
        self.columns().desired_replicas
    }

    /// What the number of pods follows, with what was last measured.
    async fn metrics(&self) -> async_graphql::Result<Vec<HorizontalPodAutoscalerMetric>> {
        let text = self.text()?;
        Ok(metrics(&text.spec.metrics, &text.status.current_metrics))
    }

    /// When the autoscaler last changed the number of pods.
    async fn last_scale_time(&self) -> async_graphql::Result<Option<DateTime>> {
        Ok(self.text()?.status.last_scale_time.map(DateTime))
    }

    async fn conditions(&self) -> async_graphql::Result<Vec<Condition>> {
        Ok(self.text()?.status.0.conditions.into_iter().map(Into::into).collect())
    }
}
