//! Settings that pods read.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// Settings that pods read.
pub enum ConfigMap {}

impl Kind for ConfigMap {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "ConfigMap",
        plural: "configmaps",
        singular: "configmap",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for ConfigMap {
    type Detail = ConfigMapDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct ConfigMapDetail;

impl From<Arc<resource::Object<ConfigMap>>> for ConfigMapDetail {
    fn from(_: Arc<resource::Object<ConfigMap>>) -> Self {
        Self
    }
}
