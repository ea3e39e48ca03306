//! Ingress classes.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{Istr, Kind, KindMeta};
use serde::Deserialize;

use crate::{
    filter::{Filter, ResourceFilter},
    ingress::{self, Ingress},
    resource::{self, ClusterScoped, Resource, ResourceKind},
    text::Part,
    viewer,
};

/// A controller of ingresses.
pub enum IngressClass {}

/// What lists and filters of ingress classes need.
pub struct Columns {
    controller: Istr,
    default: bool,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    metadata: Part<Metadata>,
    #[serde(default)]
    spec: Part<Spec>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    annotations: Part<Annotations>,
}

#[derive(Deserialize, Default)]
struct Annotations {
    #[serde(rename = "ingressclass.kubernetes.io/is-default-class", default)]
    default: Option<String>,
}

#[derive(Deserialize, Default)]
struct Spec {
    #[serde(default)]
    controller: Option<Istr>,
    #[serde(default)]
    parameters: Option<IngressClassParameters>,
}

impl Kind for IngressClass {
    const META: KindMeta = KindMeta {
        group: "networking.k8s.io",
        version: "v1",
        kind: "IngressClass",
        plural: "ingressclasses",
        singular: "ingressclass",
        namespaced: false,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        Ok(Columns {
            controller: text.spec.0.controller.unwrap_or_default(),
            default: text.metadata.annotations.default.as_deref() == Some("true"),
        })
    }
}

impl ResourceKind for IngressClass {
    type Detail = IngressClassDetail;
    type Placement = ClusterScoped;
    type Filter = IngressClassFilter;
}

/// What ingress classes can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct IngressClassFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// The controller's name, such as `k8s.io/ingress-nginx`.
    controller: Option<String>,
}

impl Filter<IngressClass> for IngressClassFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<IngressClass>> {
        let controller = self.controller.clone()?;
        Some(Box::new(move |class| *class.columns.controller == *controller))
    }
}

/// An ingress class's own fields.
pub struct IngressClassDetail(Arc<resource::Object<IngressClass>>);

impl From<Arc<resource::Object<IngressClass>>> for IngressClassDetail {
    fn from(object: Arc<resource::Object<IngressClass>>) -> Self {
        Self(object)
    }
}

#[Object]
impl IngressClassDetail {
    /// The controller's name, such as `k8s.io/ingress-nginx`.
    async fn controller(&self) -> &str {
        &self.0.entry.columns.controller
    }

    /// Whether ingresses that name no class are of this one, by an annotation.
    async fn is_default(&self) -> bool {
        self.0.entry.columns.default
    }

    /// The object that configures the controller; null if it needs none.
    async fn parameters(&self) -> async_graphql::Result<Option<IngressClassParameters>> {
        let text: Text = self.0.part()?;
        Ok(text.spec.0.parameters)
    }

    /// The ingresses that name this class.
    async fn ingresses(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Ingress>>> {
        let entry = &self.0.entry;
        viewer::referrers(ctx, &entry.cluster, &ingress::INGRESS_CLASS, "", &entry.meta.name).await
    }
}

/// An object that configures the controller of a class.
#[derive(SimpleObject, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IngressClassParameters {
    /// Null for the core group.
    #[serde(default)]
    api_group: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    /// `Cluster` or `Namespace`.
    #[serde(default)]
    scope: Option<String>,
    /// The object's namespace, if its scope is `Namespace`.
    #[serde(default)]
    namespace: Option<String>,
}
