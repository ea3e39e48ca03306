//! Rights in a namespace.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// Rights in a namespace.
pub enum Role {}

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

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for Role {
    type Detail = RoleDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct RoleDetail;

impl From<Arc<resource::Object<Role>>> for RoleDetail {
    fn from(_: Arc<resource::Object<Role>>) -> Self {
        Self
    }
}
