//! A piece of storage.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, ClusterScoped, ResourceKind},
};

/// A piece of storage.
pub enum PersistentVolume {}

impl Kind for PersistentVolume {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "PersistentVolume",
        plural: "persistentvolumes",
        singular: "persistentvolume",
        namespaced: false,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for PersistentVolume {
    type Detail = PersistentVolumeDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct PersistentVolumeDetail;

impl From<Arc<resource::Object<PersistentVolume>>> for PersistentVolumeDetail {
    fn from(_: Arc<resource::Object<PersistentVolume>>) -> Self {
        Self
    }
}
