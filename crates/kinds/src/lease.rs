//! Who holds a role, and until when.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// Who holds a role, and until when.
pub enum Lease {}

impl Kind for Lease {
    const META: KindMeta = KindMeta {
        group: "coordination.k8s.io",
        version: "v1",
        kind: "Lease",
        plural: "leases",
        singular: "lease",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for Lease {
    type Detail = LeaseDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct LeaseDetail;

impl From<Arc<resource::Object<Lease>>> for LeaseDetail {
    fn from(_: Arc<resource::Object<Lease>>) -> Self {
        Self
    }
}
