//! Settings that are not shown: their values never leave the API server.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// Settings that are not shown: their values never leave the API server.
pub enum Secret {}

impl Kind for Secret {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "Secret",
        plural: "secrets",
        singular: "secret",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for Secret {
    type Detail = SecretDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct SecretDetail;

impl From<Arc<resource::Object<Secret>>> for SecretDetail {
    fn from(_: Arc<resource::Object<Secret>>) -> Self {
        Self
    }
}
