//! Pods with names and storage of their own.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// Pods with names and storage of their own.
pub enum StatefulSet {}

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

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for StatefulSet {
    type Detail = StatefulSetDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct StatefulSetDetail;

impl From<Arc<resource::Object<StatefulSet>>> for StatefulSetDetail {
    fn from(_: Arc<resource::Object<StatefulSet>>) -> Self {
        Self
    }
}
