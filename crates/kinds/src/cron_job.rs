//! Jobs by the clock.

use std::sync::Arc;

use fleetgraph_core::{Kind, KindMeta};

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
};

/// Jobs by the clock.
pub enum CronJob {}

impl Kind for CronJob {
    const META: KindMeta = KindMeta {
        group: "batch",
        version: "v1",
        kind: "CronJob",
        plural: "cronjobs",
        singular: "cronjob",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(_: &str) -> Result<(), serde_json::Error> {
        Ok(())
    }
}

impl ResourceKind for CronJob {
    type Detail = CronJobDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

#[derive(async_graphql::SimpleObject)]
#[graphql(fake)]
pub struct CronJobDetail;

impl From<Arc<resource::Object<CronJob>>> for CronJobDetail {
    fn from(_: Arc<resource::Object<CronJob>>) -> Self {
        Self
    }
}
