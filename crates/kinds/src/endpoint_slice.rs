//! Endpoint slices: the addresses behind a service.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use fleetgraph_core::{Istr, Kind, KindMeta};
use serde::Deserialize;

use crate::{
    filter::ResourceFilter,
    resource::{self, InNamespace, Resource, ResourceKind},
    service::Service,
    text::{List, Part},
    viewer,
};

/// The label that names a slice's service.
pub const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// A part of the addresses behind a service.
pub enum EndpointSlice {}

/// What lists of endpoint slices need.
pub struct Columns {
    address_type: Istr,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Text {
    #[serde(default)]
    address_type: Part<Istr>,
    #[serde(default)]
    pub endpoints: List<EndpointText>,
    #[serde(default)]
    pub ports: List<PortText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointText {
    #[serde(default)]
    pub addresses: List<String>,
    #[serde(default)]
    pub conditions: Part<EndpointConditions>,
    #[serde(default)]
    pub target_ref: Option<TargetRef>,
    #[serde(default)]
    pub node_name: Option<String>,
}

#[derive(Deserialize, Default)]
pub struct EndpointConditions {
    #[serde(default)]
    pub ready: Option<bool>,
}

#[derive(Deserialize)]
pub struct TargetRef {
    #[serde(default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortText {
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub port: Option<i32>,
    #[serde(default)]
    pub protocol: Option<String>,
}

impl Kind for EndpointSlice {
    const META: KindMeta = KindMeta {
        group: "discovery.k8s.io",
        version: "v1",
        kind: "EndpointSlice",
        plural: "endpointslices",
        singular: "endpointslice",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        Ok(Columns { address_type: text.address_type.0 })
    }
}

impl ResourceKind for EndpointSlice {
    type Detail = EndpointSliceDetail;
    type Placement = InNamespace;
    type Filter = ResourceFilter;
}

/// An endpoint slice's own fields.
pub struct EndpointSliceDetail(Arc<resource::Object<EndpointSlice>>);

impl From<Arc<resource::Object<EndpointSlice>>> for EndpointSliceDetail {
    fn from(object: Arc<resource::Object<EndpointSlice>>) -> Self {
        Self(object)
    }
}

#[Object]
impl EndpointSliceDetail {
    /// `IPv4`, `IPv6` or `FQDN`.
    async fn address_type(&self) -> &str {
        &self.0.entry.columns.address_type
    }

    async fn endpoints(&self) -> async_graphql::Result<Vec<Endpoint>> {
        let text: Text = self.0.part()?;
        Ok(text.endpoints.into_iter().map(Into::into).collect())
    }

    async fn ports(&self) -> async_graphql::Result<Vec<EndpointPort>> {
        let text: Text = self.0.part()?;
        Ok(text.ports.into_iter().map(Into::into).collect())
    }

    /// The service that the addresses belong to.
    async fn service(&self, ctx: &Context<'_>) -> async_graphql::Result<Option<Resource<Service>>> {
        let entry = &self.0.entry;
        match entry.meta.labels.get(SERVICE_LABEL) {
            Some(service) => viewer::get(ctx, &entry.cluster, &entry.meta.namespace, service).await,
            None => Ok(None),
        }
    }
}

/// Something that serves.
#[derive(SimpleObject)]
pub struct Endpoint {
    addresses: Vec<String>,
    /// Whether it takes traffic. Unknown counts as ready, as it does for kube-proxy.
    ready: bool,
    /// The pod behind it, if it is one.
    pod_name: Option<String>,
    node_name: Option<String>,
}

impl From<EndpointText> for Endpoint {
    fn from(text: EndpointText) -> Self {
        Self {
            addresses: text.addresses.0,
            ready: text.conditions.ready.unwrap_or(true),
            pod_name: text
                .target_ref
                .filter(|target| target.kind.as_deref() == Some("Pod"))
                .and_then(|target| target.name),
            node_name: text.node_name,
        }
    }
}

/// A port that endpoints serve on.
#[derive(SimpleObject, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EndpointPort {
    name: Option<String>,
    port: Option<i32>,
    protocol: Option<String>,
}

impl From<PortText> for EndpointPort {
    fn from(text: PortText) -> Self {
        Self { name: text.name.filter(|name| !name.is_empty()), port: text.port, protocol: text.protocol }
    }
}
