//! Scales a workload by what it uses.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// Scales a workload by what it uses.
pub enum HorizontalPodAutoscaler {}

impl Kind for HorizontalPodAutoscaler {
    const META: KindMeta = KindMeta {
        group: "autoscaling",
        version: "v2",
        kind: "HorizontalPodAutoscaler",
        plural: "horizontalpodautoscalers",
        singular: "horizontalpodautoscaler",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for HorizontalPodAutoscaler {
    type Detail = HorizontalPodAutoscalerDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct HorizontalPodAutoscalerDetail;

impl From<Arc<resource::Object<HorizontalPodAutoscaler>>> for HorizontalPodAutoscalerDetail {
    fn from(_: Arc<resource::Object<HorizontalPodAutoscaler>>) -> Self {
        Self
    }
}
