//! A way for HTTP from outside to services.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// A way for HTTP from outside to services.
pub enum Ingress {}

impl Kind for Ingress {
    const META: KindMeta = KindMeta {
        group: "networking.k8s.io",
        version: "v1",
        kind: "Ingress",
        plural: "ingresses",
        singular: "ingress",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for Ingress {
    type Detail = IngressDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct IngressDetail;

impl From<Arc<resource::Object<Ingress>>> for IngressDetail {
    fn from(_: Arc<resource::Object<Ingress>>) -> Self {
        Self
    }
}
