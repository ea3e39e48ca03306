//! Limit ranges.

use std::{collections::BTreeSet, sync::Arc};

use async_graphql::{Object, SimpleObject};
use fleetgraph_core::{Kind, KindMeta};
use serde::Deserialize;

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, ResourceKind},
    text::{Amounts, List, Part},
};

/// Bounds and defaults for what single pods, containers and claims may use.
pub enum LimitRange {}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    spec: Part<Spec<'a>>,
}

#[derive(Deserialize, Default)]
struct Spec<'a> {
    #[serde(borrow, default)]
    limits: List<Item<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Item<'a> {
    #[serde(rename = "type")]
    kind: Part<String>,
    #[serde(borrow)]
    min: Part<Amounts<'a>>,
    #[serde(borrow)]
    max: Part<Amounts<'a>>,
    #[serde(borrow)]
    default_request: Part<Amounts<'a>>,
    #[serde(borrow)]
    default: Part<Amounts<'a>>,
    #[serde(borrow)]
    max_limit_request_ratio: Part<Amounts<'a>>,
}

impl Kind for LimitRange {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "LimitRange",
        plural: "limitranges",
        singular: "limitrange",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(object: &str) -> Result<(), serde_json::Error> {
        // What its fields will need later: one that can't be read is malformed now, and not a null in each answer.
        serde_json::from_str::<Text<'_>>(object).map(drop)
    }
}

impl ResourceKind for LimitRange {
    type Detail = LimitRangeDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

/// A limit range's own fields.
pub struct LimitRangeDetail(Arc<resource::Object<LimitRange>>);

impl From<Arc<resource::Object<LimitRange>>> for LimitRangeDetail {
    fn from(object: Arc<resource::Object<LimitRange>>) -> Self {
        Self(object)
    }
}

#[Object]
impl LimitRangeDetail {
    /// One row for each type and resource, as `kubectl describe` shows them.
    async fn limits(&self) -> async_graphql::Result<Vec<LimitRangeLimit>> {
        let text: Text<'_> = self.0.part()?;
        Ok(text.spec.limits.iter().flat_map(rows).collect())
    }
}

fn rows(item: &Item<'_>) -> Vec<LimitRangeLimit> {
    let amounts = [&item.min, &item.max, &item.default_request, &item.default, &item.max_limit_request_ratio];
    let resources: BTreeSet<&str> =
        amounts.iter().flat_map(|amounts| amounts.iter().map(|(name, _)| name)).collect();
    let row = |resource: &str| LimitRangeLimit {
        kind: item.kind.0.clone(),
        resource: resource.to_owned(),
        min: item.min.shown(resource),
        max: item.max.shown(resource),
        default_request: item.default_request.shown(resource),
        default: item.default.shown(resource),
        max_limit_request_ratio: item.max_limit_request_ratio.shown(resource),
    };
    resources.into_iter().map(row).collect()
}

/// What is bounded for one resource. Amounts are Kubernetes quantities; null where nothing is said.
#[derive(SimpleObject)]
struct LimitRangeLimit {
    /// What is bounded: `Container`, `Pod`, `PersistentVolumeClaim`, …
    #[graphql(name = "type")]
    kind: String,
    /// Such as `cpu`, `memory`, `storage`.
    resource: String,
    min: Option<String>,
    max: Option<String>,
    /// What a container asks for if it says nothing.
    default_request: Option<String>,
    /// What a container may use if it says nothing.
    default: Option<String>,
    /// How much larger the limit may be than the request.
    max_limit_request_ratio: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_resource_has_a_row_whichever_bound_names_it() {
        let item: Item<'_> = serde_json::from_str(
            r#"{"type":"Container","max":{"memory":"1Gi"},"default":{"cpu":"500m","memory":"512Mi"},"min":null}"#,
        )
        .unwrap();
        let rows = rows(&item);
        let shown: Vec<_> =
            rows.iter().map(|row| (&*row.resource, row.max.as_deref(), row.default.as_deref())).collect();
        assert_eq!(shown, [("cpu", None, Some("500m")), ("memory", Some("1Gi"), Some("512Mi"))]);
    }
}
