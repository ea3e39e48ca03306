//! A controller of ingresses.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, ClusterScoped, ResourceKind},
};

/// A controller of ingresses.
pub enum IngressClass {}

impl Kind for IngressClass {
    const META: KindMeta = KindMeta {
        group: "networking.k8s.io",
        version: "v1",
        kind: "IngressClass",
        plural: "ingressclasses",
        singular: "ingressclass",
        namespaced: false,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for IngressClass {
    type Detail = IngressClassDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct IngressClassDetail;

impl From<Arc<resource::Object<IngressClass>>> for IngressClassDetail {
    fn from(_: Arc<resource::Object<IngressClass>>) -> Self {
        Self
    }
}
