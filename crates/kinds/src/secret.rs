//! Secrets. Their values are not kept: by default they never leave the API server, since only metadata is watched;
//! where the configuration has secrets watched whole, each value is replaced by its size before anything else reads
//! the object (see [`crate::redact`]).

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use async_graphql::{Context, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{Istr, Kind, KindMeta};
use serde::Deserialize;

use crate::{
    filter::{Filter, ResourceFilter},
    interface::AnyResource,
    redact,
    resource::{self, InNamespace, ResourceKind},
    text::Part,
    viewer,
};

/// Settings that are not shown: only their names and sizes are known.
pub enum Secret {}

/// What lists and filters of secrets need.
pub struct Columns {
    /// Empty where only metadata is watched; the API server gives every secret a type.
    kind: Istr,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "type", default)]
    kind: Part<Istr>,
}

/// The text after [`Kind::redact`].
#[derive(Deserialize)]
struct Redacted {
    #[serde(default)]
    data: Part<BTreeMap<String, usize>>,
    #[serde(default)]
    immutable: Option<bool>,
}

impl Kind for Secret {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "Secret",
        plural: "secrets",
        singular: "secret",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn redact(object: String) -> Result<String, serde_json::Error> {
        redact::secret(object)
    }

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        Ok(Columns { kind: text.kind.0 })
    }

    const FIELDS: &'static [&'static str] = &["type"];

    fn field<'a>(columns: &'a Columns, _: &str) -> Cow<'a, str> {
        Cow::Borrowed(&columns.kind)
    }
}

impl ResourceKind for Secret {
    type Detail = SecretDetail;
    type Placement = InNamespace;
    type Filter = SecretFilter;
}

/// What secrets can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct SecretFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// Such as `kubernetes.io/tls`. Nothing matches where only the metadata of secrets is watched.
    #[graphql(name = "type")]
    kind: Option<String>,
}

impl Filter<Secret> for SecretFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<Secret>> {
        let kind = self.kind.clone()?;
        Some(Box::new(move |secret| *secret.columns.kind == *kind))
    }
}

/// A secret's own fields.
pub struct SecretDetail(Arc<resource::Object<Secret>>);

impl From<Arc<resource::Object<Secret>>> for SecretDetail {
    fn from(object: Arc<resource::Object<Secret>>) -> Self {
        Self(object)
    }
}

impl SecretDetail {
    /// The text beyond metadata, if it is watched.
    fn whole(&self) -> Option<async_graphql::Result<Redacted>> {
        (!self.0.entry.columns.kind.is_empty()).then(|| self.0.part())
    }
}

#[Object]
impl SecretDetail {
    /// What the secret is for, such as `kubernetes.io/tls`; null where only the metadata of secrets is watched, as by
    /// default.
    #[graphql(name = "type")]
    async fn kind_of_secret(&self) -> Option<&str> {
        Some(&*self.0.entry.columns.kind).filter(|kind| !kind.is_empty())
    }

    /// What the secret holds, by name and size, in the order of the names; values are never kept. Null where only the
    /// metadata of secrets is watched, as by default.
    async fn keys(&self) -> Option<async_graphql::Result<Vec<SecretKey>>> {
        let keys = |text: Redacted| text.data.0.into_iter().map(|(name, size)| SecretKey { name, size });
        Some(self.whole()?.map(|text| keys(text).collect()))
    }

    /// Whether what the secret holds can't be changed any more; null where only the metadata of secrets is watched,
    /// as by default.
    async fn immutable(&self) -> Option<async_graphql::Result<bool>> {
        Some(self.whole()?.map(|text| text.immutable.unwrap_or(false)))
    }

    /// The objects that use the secret: pods, the templates of workloads, service accounts, ingresses …; 1000 at
    /// most.
    async fn used_by(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 100, desc = "How many at most.")] limit: i32,
    ) -> async_graphql::Result<Vec<AnyResource>> {
        viewer::users(ctx, &self.0.entry, limit)
    }
}

/// One of the values that a secret holds.
#[derive(SimpleObject)]
struct SecretKey {
    name: String,
    /// Bytes of the value.
    size: usize,
}
