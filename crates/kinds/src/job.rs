//! Pods that run to an end.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// Pods that run to an end.
pub enum Job {}

impl Kind for Job {
    const META: KindMeta = KindMeta {
        group: "batch",
        version: "v1",
        kind: "Job",
        plural: "jobs",
        singular: "job",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for Job {
    type Detail = JobDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct JobDetail;

impl From<Arc<resource::Object<Job>>> for JobDetail {
    fn from(_: Arc<resource::Object<Job>>) -> Self {
        Self
    }
}
