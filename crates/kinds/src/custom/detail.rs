//! A custom resource's own fields.

use std::sync::Arc;

use async_graphql::{Context, Object};
use serde::Deserialize;
use serde_json::Value;

use super::{CustomResource, Path, printer::PrinterColumn};
use crate::{
    conditions::{Condition, ConditionText},
    custom_resource_definition::CustomResourceDefinition,
    error::ErrorExt,
    resource::{self, Resource},
    scalars::Json,
    text::List,
    viewer::{self, Viewer},
};

/// A custom resource's own fields.
pub struct CustomResourceDetail(pub(super) Arc<resource::Object<CustomResource>>);

#[derive(Deserialize)]
struct Parts {
    #[serde(default)]
    spec: async_graphql::Value,
    #[serde(default)]
    status: async_graphql::Value,
}

#[derive(Deserialize, Default)]
struct Conditions {
    #[serde(default)]
    status: Option<Status>,
}

#[derive(Deserialize, Default)]
struct Status {
    #[serde(default)]
    conditions: List<ConditionText>,
}

#[Object]
impl CustomResourceDetail {
    /// The kind's plural and group: `certificates.cert-manager.io`.
    async fn resource(&self) -> String {
        self.0.entry.kind().resource().into_owned()
    }

    /// The API group; empty for the core group.
    async fn group(&self) -> &str {
        self.0.entry.kind().group
    }

    /// The wanted state, as the controller defines it.
    async fn spec(&self) -> async_graphql::Result<Json> {
        Ok(Json(self.0.part::<Parts>()?.spec))
    }

    /// The state that the controller reports.
    async fn status(&self) -> async_graphql::Result<Json> {
        Ok(Json(self.0.part::<Parts>()?.status))
    }

    /// `status.conditions`, where they have the usual form; none otherwise.
    async fn conditions(&self) -> async_graphql::Result<Vec<Condition>> {
        let text = self.0.text().graphql()?;
        let status = serde_json::from_str::<Conditions>(text).ok().and_then(|text| text.status);
        Ok(status.unwrap_or_default().conditions.into_iter().map(Into::into).collect())
    }

    /// The columns that `kubectl get` prints, by the definition's JSONPaths; none if the definition can't be seen.
    async fn columns(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<PrinterColumn>> {
        let kind = self.0.entry.kind();
        let viewer = Viewer::of(ctx)?;
        let definitions = viewer.registry.read::<CustomResourceDefinition>(&viewer.scope);
        let Some(definition) = definitions.get(self.0.entry.cluster.as_str(), "", &kind.resource()) else {
            return Ok(Vec::new());
        };
        let object: Value = self.0.part()?;
        Ok(definition.columns.printers.print(kind.version, &object))
    }

    /// The value at a JSONPath as Kubernetes writes it, such as `.spec.dnsNames[0]`; a list if the path leads to
    /// several, null if it leads to none.
    async fn field(&self, path: String) -> async_graphql::Result<Option<Json>> {
        let path = Path::parse(&path).graphql()?;
        let object: Value = self.0.part()?;
        let mut found: Vec<Value> = path.values(&object).into_iter().cloned().collect();
        let value = if found.len() > 1 { Some(Value::Array(found)) } else { found.pop() };
        Ok(value.map(Json::from))
    }

    /// The definition of the kind; null for a kind that comes with Kubernetes.
    async fn definition(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Option<Resource<CustomResourceDefinition>>> {
        let entry = &self.0.entry;
        viewer::get(ctx, &entry.cluster, "", &entry.kind().resource()).await
    }
}
