//! Roles.

use std::sync::Arc;

use async_graphql::{Context, Object};
use fleetgraph_core::{Kind, KindMeta};
use serde::Deserialize;

use crate::{
    filter::ResourceFilter,
    rbac::PolicyRule,
    refs::target,
    resource::{self, InNamespace, Resource, ResourceKind},
    role_binding::{self, RoleBinding},
    text::List,
    viewer,
};

/// Rights in a namespace.
pub enum Role {}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    rules: List<PolicyRule>,
}

impl Kind for Role {
    const META: KindMeta = KindMeta {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        kind: "Role",
        plural: "roles",
        singular: "role",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(object: &str) -> Result<(), serde_json::Error> {
        // What its fields will need later: one that can't be read is malformed now, and not a null in each answer.
        serde_json::from_str::<Text>(object).map(drop)
    }
}

impl ResourceKind for Role {
    type Detail = RoleDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

/// A role's own fields.
pub struct RoleDetail(Arc<resource::Object<Role>>);

impl From<Arc<resource::Object<Role>>> for RoleDetail {
    fn from(object: Arc<resource::Object<Role>>) -> Self {
        Self(object)
    }
}

#[Object]
impl RoleDetail {
    async fn rules(&self) -> async_graphql::Result<Vec<PolicyRule>> {
        let text: Text = self.0.part()?;
        Ok(text.rules.0)
    }

    /// The bindings that grant the role.
    async fn role_bindings(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<RoleBinding>>> {
        let entry = &self.0.entry;
        let name = target(Role::META.kind, Role::META.group, &entry.meta.name);
        viewer::referrers(ctx, &entry.cluster, &role_binding::ROLE, &entry.meta.namespace, &name).await
    }
}
