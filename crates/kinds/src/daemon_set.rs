//! A pod on each node.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// A pod on each node.
pub enum DaemonSet {}

impl Kind for DaemonSet {
    const META: KindMeta = KindMeta {
        group: "apps",
        version: "v1",
        kind: "DaemonSet",
        plural: "daemonsets",
        singular: "daemonset",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for DaemonSet {
    type Detail = DaemonSetDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct DaemonSetDetail;

impl From<Arc<resource::Object<DaemonSet>>> for DaemonSetDetail {
    fn from(_: Arc<resource::Object<DaemonSet>>) -> Self {
        Self
    }
}
