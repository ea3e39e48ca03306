//! A way to make volumes.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, ClusterScoped, ResourceKind},
};

/// A way to make volumes.
pub enum StorageClass {}

impl Kind for StorageClass {
    const META: KindMeta = KindMeta {
        group: "storage.k8s.io",
        version: "v1",
        kind: "StorageClass",
        plural: "storageclasses",
        singular: "storageclass",
        namespaced: false,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for StorageClass {
    type Detail = StorageClassDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct StorageClassDetail;

impl From<Arc<resource::Object<StorageClass>>> for StorageClassDetail {
    fn from(_: Arc<resource::Object<StorageClass>>) -> Self {
        Self
    }
}
