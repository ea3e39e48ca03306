//! Disruption budgets.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object};
use cluster_registry::Matches;
use fleetgraph_core::{
    EdgeType, Health, HealthState, IndexKey, Kind, KindMeta, LabelSelector as Matcher, Meta, Relation,
};
use serde::Deserialize;

use crate::{
    conditions::{Condition, ConditionText},
    filter::{Filter, ResourceFilter},
    label_selector::{self, LabelSelector, SelectorText},
    pod::Pod,
    resource::{self, InNamespace, Resource, ResourceKind},
    text::{IntOrString, List, Part},
    viewer,
};

pub const PODS: Relation = Relation {
    name: "podDisruptionBudget.pods",
    edge: EdgeType::Selects,
    to: "pods",
    field: "spec.selector",
};

/// The reason that says that pods are already missing.
const INSUFFICIENT: &str = "InsufficientPods";

/// How many of some pods may be away on purpose.
pub enum PodDisruptionBudget {}

/// What lists, filters and relations of disruption budgets need.
pub struct Columns {
    /// An empty one chooses all pods of the namespace, a missing one none.
    selector: Option<Matcher>,
    disruptions_allowed: i32,
    current_healthy: i32,
    desired_healthy: i32,
    expected_pods: i32,
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
    selector: Option<SelectorText>,
    #[serde(default)]
    min_available: Option<IntOrString>,
    #[serde(default)]
    max_unavailable: Option<IntOrString>,
    #[serde(default)]
    unhealthy_pod_eviction_policy: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    disruptions_allowed: Option<i32>,
    #[serde(default)]
    current_healthy: Option<i32>,
    #[serde(default)]
    desired_healthy: Option<i32>,
    #[serde(default)]
    expected_pods: Option<i32>,
    #[serde(default)]
    conditions: List<ConditionText>,
}

impl Status {
    /// As Argo CD judges disruption budgets. That no pod may be away is what a budget is for, and pods that are
    /// missing are the fault of their workload, which says so itself; a budget is degraded if its controller
    /// can't work with it, such as with pods that nothing scales.
    fn health(&self) -> Health {
        let reason = |condition: &ConditionText| condition.reason.clone().unwrap_or_default();
        let broken = |condition: &&ConditionText| {
            condition.status == "False" && condition.reason.as_deref() != Some(INSUFFICIENT)
        };
        match self.conditions.iter().find(broken) {
            Some(condition) => Health::degraded(&reason(condition)),
            None if self.conditions.is_empty() => Health::progressing("Pending"),
            None => {
                let insufficient = self.conditions.iter().any(|condition| reason(condition) == INSUFFICIENT);
                Health::new(HealthState::Healthy, if insufficient { INSUFFICIENT } else { "" })
            }
        }
    }
}

impl Kind for PodDisruptionBudget {
    const META: KindMeta = KindMeta {
        group: "policy",
        version: "v1",
        kind: "PodDisruptionBudget",
        plural: "poddisruptionbudgets",
        singular: "poddisruptionbudget",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        let status = &*text.status;
        Ok(Columns {
            selector: text.spec.selector.as_ref().and_then(SelectorText::matcher),
            disruptions_allowed: status.disruptions_allowed.unwrap_or(0),
            current_healthy: status.current_healthy.unwrap_or(0),
            desired_healthy: status.desired_healthy.unwrap_or(0),
            expected_pods: status.expected_pods.unwrap_or(0),
            health: status.health(),
        })
    }

    fn health(columns: &Columns) -> Health {
        columns.health.clone()
    }

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        label_selector::file(columns.selector.as_ref(), meta, emit);
    }

    const SELECTS: Option<&'static Relation> = Some(&PODS);

    fn selector(columns: &Columns) -> Option<Matcher> {
        columns.selector.clone()
    }
}

impl ResourceKind for PodDisruptionBudget {
    type Detail = PodDisruptionBudgetDetail;
    type Placement = InNamespace;
    type Filter = PodDisruptionBudgetFilter;
}

/// What disruption budgets can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct PodDisruptionBudgetFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Whether a pod may be evicted now: false for budgets that hold up the drain of a node.
    disruption_allowed: Option<bool>,
}

impl Filter<PodDisruptionBudget> for PodDisruptionBudgetFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<PodDisruptionBudget>> {
        let allowed = self.disruption_allowed?;
        Some(Box::new(move |budget| (budget.columns.disruptions_allowed > 0) == allowed))
    }
}

/// A disruption budget's own fields.
pub struct PodDisruptionBudgetDetail(Arc<resource::Object<PodDisruptionBudget>>);

impl From<Arc<resource::Object<PodDisruptionBudget>>> for PodDisruptionBudgetDetail {
    fn from(object: Arc<resource::Object<PodDisruptionBudget>>) -> Self {
        Self(object)
    }
}

impl PodDisruptionBudgetDetail {
    fn columns(&self) -> &Columns {
        &self.0.entry.columns
    }

    fn text(&self) -> async_graphql::Result<Text> {
        self.0.part()
    }
}

#[Object]
impl PodDisruptionBudgetDetail {
    /// A number or a percentage of pods that must stay; null if `maxUnavailable` says it.
    async fn min_available(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.text()?.spec.0.min_available.map(|pods| pods.0))
    }

    /// A number or a percentage of pods that may be away; null if `minAvailable` says it.
    async fn max_unavailable(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.text()?.spec.0.max_unavailable.map(|pods| pods.0))
    }

    /// `IfHealthyBudget` or `AlwaysAllow`: whether pods that aren't ready may be evicted while the budget is used up.
    async fn unhealthy_pod_eviction_policy(&self) -> async_graphql::Result<String> {
        let policy = self.text()?.spec.0.unhealthy_pod_eviction_policy;
        Ok(policy.unwrap_or_else(|| "IfHealthyBudget".to_owned()))
    }

    /// The pods that count; null if none do. An empty selector chooses all pods of the namespace.
    async fn selector(&self) -> async_graphql::Result<Option<LabelSelector>> {
        Ok(self.text()?.spec.0.selector.map(Into::into))
    }

    /// How many pods may be evicted now.
    async fn disruptions_allowed(&self) -> i32 {
        self.columns().disruptions_allowed
    }

    /// Pods that are ready.
    async fn current_healthy(&self) -> i32 {
        self.columns().current_healthy
    }

    /// Pods that must be ready at least.
    async fn desired_healthy(&self) -> i32 {
        self.columns().desired_healthy
    }

    /// Pods that there should be, by their workloads.
    async fn expected_pods(&self) -> i32 {
        self.columns().expected_pods
    }

    async fn conditions(&self) -> async_graphql::Result<Vec<Condition>> {
        Ok(self.text()?.status.0.conditions.into_iter().map(Into::into).collect())
    }

    /// The pods that the selector matches.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        let entry = &self.0.entry;
        match entry.columns.selector.clone() {
            Some(selector) => viewer::selected(ctx, &entry.cluster, &entry.meta.namespace, selector).await,
            None => Ok(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Labels;

    use super::*;

    fn chooses(object: &str, labels: &[(&str, &str)]) -> Option<bool> {
        let selector = PodDisruptionBudget::selector(&PodDisruptionBudget::columns(object).unwrap())?;
        Some(selector.matches(&Labels::from_pairs(labels.iter().copied())))
    }

    #[test]
    fn an_empty_selector_chooses_all_pods_and_a_missing_one_none() {
        let cart = [("app", "cart")];
        assert_eq!(chooses(r#"{"spec":{"selector":{}}}"#, &cart), Some(true));
        assert_eq!(chooses(r#"{"spec":{"selector":null}}"#, &cart), None);
        assert_eq!(chooses(r#"{"spec":{"selector":{"matchLabels":{"app":"cart"}}}}"#, &cart), Some(true));
        assert_eq!(chooses(r#"{"spec":{"selector":{"matchLabels":{"app":"shop"}}}}"#, &cart), Some(false));
    }
}
