//! Rights in a cluster.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, ClusterScoped, ResourceKind},
};

/// Rights in a cluster.
pub enum ClusterRole {}

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

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for ClusterRole {
    type Detail = ClusterRoleDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct ClusterRoleDetail;

impl From<Arc<resource::Object<ClusterRole>>> for ClusterRoleDetail {
    fn from(_: Arc<resource::Object<ClusterRole>>) -> Self {
        Self
    }
}
