//! Cluster roles.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use fleetgraph_core::{Kind, KindMeta};
use serde::Deserialize;

use crate::{
    cluster_role_binding::{self, ClusterRoleBinding},
    filter::ResourceFilter,
    label_selector::{LabelSelector, SelectorText},
    rbac::PolicyRule,
    refs::target,
    resource::{self, ClusterScoped, Resource, ResourceKind},
    role_binding::{self, RoleBinding},
    text::List,
    viewer,
};

/// Rights in a cluster, or in each namespace where a role binding grants them.
pub enum ClusterRole {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    #[serde(default)]
    aggregation_rule: Option<AggregationText>,
    #[serde(default)]
    rules: List<PolicyRule>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AggregationText {
    #[serde(default)]
    cluster_role_selectors: List<SelectorText>,
}

impl Kind for ClusterRole {
    const META: KindMeta = KindMeta {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        kind: "ClusterRole",
        plural: "clusterroles",
        singular: "clusterrole",
        namespaced: false,
        rules: &[],
    };

    type Columns = ();

    fn columns(object: &str) -> Result<(), serde_json::Error> {
        // What its fields will need later: one that can't be read is malformed now, and not a null in each answer.
        serde_json::from_str::<Text>(object).map(drop)
    }
}

impl ResourceKind for ClusterRole {
    type Detail = ClusterRoleDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

/// A cluster role's own fields.
pub struct ClusterRoleDetail(Arc<resource::Object<ClusterRole>>);

impl From<Arc<resource::Object<ClusterRole>>> for ClusterRoleDetail {
    fn from(object: Arc<resource::Object<ClusterRole>>) -> Self {
        Self(object)
    }
}

#[Object]
impl ClusterRoleDetail {
    /// The rules, with those that were gathered from other roles.
    async fn rules(&self) -> async_graphql::Result<Vec<PolicyRule>> {
        let text: Text = self.0.part()?;
        Ok(text.rules.0)
    }

    /// From which cluster roles the rules are gathered; null if they are the role's own.
    async fn aggregation_rule(&self) -> async_graphql::Result<Option<ClusterRoleAggregationRule>> {
        let text: Text = self.0.part()?;
        Ok(text.aggregation_rule.map(|rule| ClusterRoleAggregationRule {
            cluster_role_selectors: rule.cluster_role_selectors.into_iter().map(Into::into).collect(),
        }))
    }

    /// The bindings that grant the role in their namespace.
    async fn role_bindings(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<RoleBinding>>> {
        let entry = &self.0.entry;
        let name = target(ClusterRole::META.kind, ClusterRole::META.group, &entry.meta.name);
        viewer::referrers(ctx, &entry.cluster, &role_binding::ROLE, "", &name).await
    }

    /// The bindings that grant the role in the whole cluster.
    async fn cluster_role_bindings(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<ClusterRoleBinding>>> {
        let entry = &self.0.entry;
        viewer::referrers(ctx, &entry.cluster, &cluster_role_binding::ROLE, "", &entry.meta.name).await
    }
}

/// From which cluster roles a cluster role gathers its rules.
#[derive(SimpleObject)]
struct ClusterRoleAggregationRule {
    /// The rules of each role that any of the selectors matches.
    cluster_role_selectors: Vec<LabelSelector>,
}
