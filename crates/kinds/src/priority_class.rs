//! Priority classes.

use std::sync::Arc;

use async_graphql::Object;
use fleetgraph_core::{Istr, Kind, KindMeta};
use serde::Deserialize;

use crate::{
    filter::ResourceFilter,
    resource::{self, ClusterScoped, ResourceKind},
    text::Part,
};

/// How important pods are.
pub enum PriorityClass {}

/// What lists of priority classes need.
pub struct Columns {
    value: i32,
    global_default: bool,
    preemption_policy: Istr,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    #[serde(default)]
    value: Part<i32>,
    #[serde(default)]
    global_default: Part<bool>,
    #[serde(default)]
    preemption_policy: Option<Istr>,
    #[serde(default)]
    description: Option<String>,
}

impl Kind for PriorityClass {
    const META: KindMeta = KindMeta {
        group: "scheduling.k8s.io",
        version: "v1",
        kind: "PriorityClass",
        plural: "priorityclasses",
        singular: "priorityclass",
        namespaced: false,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        Ok(Columns {
            value: text.value.0,
            global_default: text.global_default.0,
            // The API's default.
            preemption_policy: text.preemption_policy.unwrap_or_else(|| Istr::new("PreemptLowerPriority")),
        })
    }
}

impl ResourceKind for PriorityClass {
    type Detail = PriorityClassDetail;
    type Placement = ClusterScoped;
    type Filter = ResourceFilter;
}

/// A priority class's own fields.
pub struct PriorityClassDetail(Arc<resource::Object<PriorityClass>>);

impl From<Arc<resource::Object<PriorityClass>>> for PriorityClassDetail {
    fn from(object: Arc<resource::Object<PriorityClass>>) -> Self {
        Self(object)
    }
}

#[Object]
impl PriorityClassDetail {
    /// The priority of pods that name the class; the higher goes before.
    async fn value(&self) -> i32 {
        self.0.entry.columns.value
    }

    /// Whether pods that name no class have this one.
    async fn global_default(&self) -> bool {
        self.0.entry.columns.global_default
    }

    /// `PreemptLowerPriority` or `Never`: whether pods of lower priority may be ended to make room.
    async fn preemption_policy(&self) -> &str {
        &self.0.entry.columns.preemption_policy
    }

    /// What the class is meant for.
    async fn description(&self) -> async_graphql::Result<Option<String>> {
        let text: Text = self.0.part()?;
        Ok(text.description.filter(|description| !description.is_empty()))
    }
}
