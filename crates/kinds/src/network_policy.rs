//! What may talk to pods, and what they may talk to.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// What may talk to pods, and what they may talk to.
pub enum NetworkPolicy {}

impl Kind for NetworkPolicy {
    const META: KindMeta = KindMeta {
        group: "networking.k8s.io",
        version: "v1",
        kind: "NetworkPolicy",
        plural: "networkpolicies",
        singular: "networkpolicy",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for NetworkPolicy {
    type Detail = NetworkPolicyDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct NetworkPolicyDetail;

impl From<Arc<resource::Object<NetworkPolicy>>> for NetworkPolicyDetail {
    fn from(_: Arc<resource::Object<NetworkPolicy>>) -> Self {
        Self
    }
}
