//! A request for storage.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// A request for storage.
pub enum PersistentVolumeClaim {}

impl Kind for PersistentVolumeClaim {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "PersistentVolumeClaim",
        plural: "persistentvolumeclaims",
        singular: "persistentvolumeclaim",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for PersistentVolumeClaim {
    type Detail = PersistentVolumeClaimDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct PersistentVolumeClaimDetail;

impl From<Arc<resource::Object<PersistentVolumeClaim>>> for PersistentVolumeClaimDetail {
    fn from(_: Arc<resource::Object<PersistentVolumeClaim>>) -> Self {
        Self
    }
}
