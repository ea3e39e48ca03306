//! Bounds and defaults for what single pods and containers may use.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// Bounds and defaults for what single pods and containers may use.
pub enum LimitRange {}

impl Kind for LimitRange {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "LimitRange",
        plural: "limitranges",
        singular: "limitrange",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for LimitRange {
    type Detail = LimitRangeDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct LimitRangeDetail;

impl From<Arc<resource::Object<LimitRange>>> for LimitRangeDetail {
    fn from(_: Arc<resource::Object<LimitRange>>) -> Self {
        Self
    }
}
