//! How important pods are.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, ClusterScoped, ResourceKind},
};

/// How important pods are.
pub enum PriorityClass {}

impl Kind for PriorityClass {
    const META: KindMeta = KindMeta {
        group: "scheduling.k8s.io",
        version: "v1",
        kind: "PriorityClass",
        plural: "priorityclasses",
        singular: "priorityclass",
        namespaced: false,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for PriorityClass {
    type Detail = PriorityClassDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct PriorityClassDetail;

impl From<Arc<resource::Object<PriorityClass>>> for PriorityClassDetail {
    fn from(_: Arc<resource::Object<PriorityClass>>) -> Self {
        Self
    }
}
