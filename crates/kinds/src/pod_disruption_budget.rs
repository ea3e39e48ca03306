//! How many of some pods may be away on purpose.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// How many of some pods may be away on purpose.
pub enum PodDisruptionBudget {}

impl Kind for PodDisruptionBudget {
    const META: KindMeta = KindMeta {
        group: "policy",
        version: "v1",
        kind: "PodDisruptionBudget",
        plural: "poddisruptionbudgets",
        singular: "poddisruptionbudget",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for PodDisruptionBudget {
    type Detail = PodDisruptionBudgetDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct PodDisruptionBudgetDetail;

impl From<Arc<resource::Object<PodDisruptionBudget>>> for PodDisruptionBudgetDetail {
    fn from(_: Arc<resource::Object<PodDisruptionBudget>>) -> Self {
        Self
    }
}
