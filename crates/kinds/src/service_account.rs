//! An identity that pods act as.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// An identity that pods act as.
pub enum ServiceAccount {}

impl Kind for ServiceAccount {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "ServiceAccount",
        plural: "serviceaccounts",
        singular: "serviceaccount",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for ServiceAccount {
    type Detail = ServiceAccountDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct ServiceAccountDetail;

impl From<Arc<resource::Object<ServiceAccount>>> for ServiceAccountDetail {
    fn from(_: Arc<resource::Object<ServiceAccount>>) -> Self {
        Self
    }
}
