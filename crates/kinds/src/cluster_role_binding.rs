//! Gives rights in a cluster to subjects.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, ClusterScoped, ResourceKind},
};

/// Gives rights in a cluster to subjects.
pub enum ClusterRoleBinding {}

impl Kind for ClusterRoleBinding {
    const META: KindMeta = KindMeta {
        group: "rbac.authorization.k8s.io",
        version: "v1",
        kind: "ClusterRoleBinding",
        plural: "clusterrolebindings",
        singular: "clusterrolebinding",
        namespaced: false,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for ClusterRoleBinding {
    type Detail = ClusterRoleBindingDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct ClusterRoleBindingDetail;

impl From<Arc<resource::Object<ClusterRoleBinding>>> for ClusterRoleBindingDetail {
    fn from(_: Arc<resource::Object<ClusterRoleBinding>>) -> Self {
        Self
    }
}
