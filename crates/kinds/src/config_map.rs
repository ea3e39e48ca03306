//! Config maps.

use std::{collections::BTreeMap, sync::Arc};

use async_graphql::{Context, Object, SimpleObject};
use fleetgraph_core::{Kind, KindMeta};
use serde::Deserialize;

use crate::{
    filter::ResourceFilter,
    interface::AnyResource,
    resource::{self, InNamespace, ResourceKind},
    scalars::Json,
    sizes::{Base64Size, TextSize},
    text::Part,
    viewer,
};

/// Settings that pods read.
pub enum ConfigMap {}

/// What is read without a copy of the values.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    #[serde(default)]
    data: Part<BTreeMap<String, TextSize>>,
    #[serde(default)]
    binary_data: Part<BTreeMap<String, Base64Size>>,
    #[serde(default)]
    immutable: Option<bool>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    data: Part<BTreeMap<String, Part<String>>>,
}

impl Kind for ConfigMap {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "ConfigMap",
        plural: "configmaps",
        singular: "configmap",
        namespaced: true,
        rules: &[],
    };

    type Columns = ();

    fn columns(object: &str) -> Result<(), serde_json::Error> {
        // What its fields will need later: one that can't be read is malformed now, and not a null in each answer.
        serde_json::from_str::<Text>(object).map(drop)
    }
}

impl ResourceKind for ConfigMap {
    type Detail = ConfigMapDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

/// A config map's own fields.
pub struct ConfigMapDetail(Arc<resource::Object<ConfigMap>>);

impl From<Arc<resource::Object<ConfigMap>>> for ConfigMapDetail {
    fn from(object: Arc<resource::Object<ConfigMap>>) -> Self {
        Self(object)
    }
}

#[Object]
impl ConfigMapDetail {
    /// What is under `data`, by name and size, in the order of the names.
    async fn keys(&self) -> async_graphql::Result<Vec<ConfigMapKey>> {
        let text: Text = self.0.part()?;
        Ok(text.data.0.into_iter().map(|(name, size)| ConfigMapKey { name, size: size.0 }).collect())
    }

    /// The texts by their names.
    async fn data(&self) -> async_graphql::Result<Json> {
        let text: Data = self.0.part()?;
        Ok(Json::strings(text.data.iter().map(|(name, value)| (&**name, &***value))))
    }

    /// What isn't text, by name and size, in the order of the names. The values are in the manifest, in base64.
    async fn binary_data(&self) -> async_graphql::Result<Vec<ConfigMapKey>> {
        let text: Text = self.0.part()?;
        Ok(text.binary_data.0.into_iter().map(|(name, size)| ConfigMapKey { name, size: size.0 }).collect())
    }

    /// Whether what the config map holds can't be changed any more.
    async fn immutable(&self) -> async_graphql::Result<bool> {
        let text: Text = self.0.part()?;
        Ok(text.immutable.unwrap_or(false))
    }

    /// The objects that use the config map: pods, the templates of workloads …; 1000 at most.
    async fn used_by(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 100, desc = "How many at most.")] limit: i32,
    ) -> async_graphql::Result<Vec<AnyResource>> {
        viewer::users(ctx, &self.0.entry, limit)
    }
}

/// One of the values that a config map holds.
#[derive(SimpleObject)]
struct ConfigMapKey {
    name: String,
    /// Bytes of the value.
    size: usize,
}
