//! A kind that a cluster has besides.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, ClusterScoped, ResourceKind},
};

/// A kind that a cluster has besides.
pub enum CustomResourceDefinition {}

impl Kind for CustomResourceDefinition {
    const META: KindMeta = KindMeta {
        group: "apiextensions.k8s.io",
        version: "v1",
        kind: "CustomResourceDefinition",
        plural: "customresourcedefinitions",
        singular: "customresourcedefinition",
        namespaced: false,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(_: &str) -> Result<Columns, serde_json::Error> {
        Ok(Columns)
    }
}

impl ResourceKind for CustomResourceDefinition {
    type Detail = CustomResourceDefinitionDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct CustomResourceDefinitionDetail;

impl From<Arc<resource::Object<CustomResourceDefinition>>> for CustomResourceDefinitionDetail {
    fn from(_: Arc<resource::Object<CustomResourceDefinition>>) -> Self {
        Self
    }
}

pub struct Columns;

impl Columns {
    pub fn description(&self) -> Option<crate::custom::Description> {
        None
    }
}
