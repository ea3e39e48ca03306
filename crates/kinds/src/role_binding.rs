//! Gives rights in a namespace to subjects.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// Gives rights in a namespace to subjects.
pub enum RoleBinding {}

impl Kind for RoleBinding {
    const META: KindMeta = KindMeta {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        kind: "RoleBinding",
        plural: "rolebindings",
        singular: "rolebinding",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for RoleBinding {
    type Detail = RoleBindingDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct RoleBindingDetail;

impl From<Arc<resource::Object<RoleBinding>>> for RoleBindingDetail {
    fn from(_: Arc<resource::Object<RoleBinding>>) -> Self {
        Self
    }
}
