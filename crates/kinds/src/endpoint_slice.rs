//! Endpoint slices: the addresses behind a service.

use std::sync::Arc;

use async_graphql::{Context, Object, SimpleObject};
use fleetgraph_core::{EdgeType, IndexKey, Istr, Kind, KindMeta, Meta, Relation, Text};
use serde::Deserialize;

use crate::{
    filter::ResourceFilter,
    pod::Pod,
    refs::{Refs, RefsBuilder},
    resource::{self, InNamespace, Resource, ResourceKind},
    service::Service,
    text::{List, Part},
    viewer,
};

/// The label that names a slice's service.
const SERVICE_LABEL: &str = "kubernetes.io/service-name";

/// The API's documentation takes the label for a mark of ownership, beside the owner reference; slices that were
/// written by hand have the label only.
pub const SERVICE: Relation = Relation {
    name: "endpointSlice.service",
    edge: EdgeType::OwnedBy,
    to: "services",
    field: "metadata.labels[kubernetes.io/service-name]",
};
pub const PODS: Relation = Relation {
    name: "endpointSlice.pods",
    edge: EdgeType::RoutesTo,
    to: "pods",
    field: "endpoints[*].targetRef",
};

/// A part of the addresses behind a service.
pub enum EndpointSlice {}

/// What lists and relations of endpoint slices need.
pub struct Columns {
    address_type: Istr,
    addresses: Box<[Box<str>]>,
    refs: Refs,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SliceText {
    #[serde(default)]
    address_type: Part<Istr>,
    #[serde(default)]
    endpoints: List<EndpointText>,
    #[serde(default)]
    ports: List<PortText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointText {
    #[serde(default)]
    addresses: List<String>,
    #[serde(default)]
    conditions: Part<EndpointConditions>,
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default)]
    target_ref: Option<TargetRef>,
    #[serde(default)]
    node_name: Option<String>,
    #[serde(default)]
    zone: Option<String>,
}

#[derive(Deserialize, Default)]
struct EndpointConditions {
    #[serde(default)]
    ready: Option<bool>,
    #[serde(default)]
    serving: Option<bool>,
    #[serde(default)]
    terminating: Option<bool>,
}

impl EndpointConditions {
    /// Unknown counts as ready, as it does for kube-proxy.
    fn ready(&self) -> bool {
        self.ready.unwrap_or(true)
    }
}

#[derive(Deserialize)]
struct TargetRef {
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

impl EndpointText {
    /// The name of the pod behind it, if it is one.
    fn pod(&self) -> Option<&str> {
        let target = self.target_ref.as_ref().filter(|target| target.kind.as_deref() == Some("Pod"))?;
        target.name.as_deref()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PortText {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    port: Option<i32>,
    #[serde(default)]
    protocol: Option<String>,
    #[serde(default)]
    app_protocol: Option<String>,
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
        let text: SliceText = serde_json::from_str(object)?;
        let mut refs = RefsBuilder::default();
        text.endpoints.iter().filter_map(EndpointText::pod).for_each(|name| refs.here(&PODS, name));
        let addresses = text.endpoints.iter().flat_map(|endpoint| endpoint.addresses.iter());
        Ok(Columns {
            address_type: text.address_type.0,
            addresses: addresses.map(|address| address.as_str().into()).collect(),
            refs: refs.build(),
        })
    }

    fn texts<'a>(columns: &'a Columns, emit: &mut dyn FnMut(Text<'a>)) {
        columns.addresses.iter().for_each(|address| emit(Text::Address(address)));
    }

    const RELATIONS: &'static [Relation] = &[SERVICE, PODS];

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        if let Some(name) = service(meta) {
            emit(IndexKey::Ref { relation: SERVICE.name, namespace: &meta.namespace, name });
        }
        columns.refs.emit(meta, emit);
    }
}

/// The name of the slice's service.
fn service(meta: &Meta) -> Option<&str> {
    meta.labels.get(SERVICE_LABEL).filter(|name| !name.is_empty())
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
        let text: SliceText = self.0.part()?;
        Ok(text.endpoints.into_iter().map(Into::into).collect())
    }

    async fn ports(&self) -> async_graphql::Result<Vec<EndpointPort>> {
        let text: SliceText = self.0.part()?;
        Ok(text.ports.into_iter().map(Into::into).collect())
    }

    /// The service that the addresses belong to; null if there is none.
    async fn service(&self, ctx: &Context<'_>) -> Option<async_graphql::Result<Resource<Service>>> {
        let entry = &self.0.entry;
        let name = service(&entry.meta)?;
        viewer::get(ctx, &entry.cluster, &entry.meta.namespace, name).await.transpose()
    }

    /// The pods behind the addresses, as far as they are there.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        let entry = &self.0.entry;
        viewer::get_each(ctx, &entry.cluster, entry.columns.refs.by(&entry.meta, &PODS)).await
    }
}

/// The addresses behind a service.
#[derive(SimpleObject, Default)]
pub struct Endpoints {
    endpoints: Vec<Endpoint>,
    ports: Vec<EndpointPort>,
    /// Addresses that take traffic.
    ready: usize,
    /// Addresses that don't.
    not_ready: usize,
}

impl Endpoints {
    /// What a service's slices say together.
    pub fn of(slices: &[Resource<EndpointSlice>]) -> async_graphql::Result<Self> {
        let mut all = Self::default();
        for slice in slices {
            let text: SliceText = slice.object().part()?;
            for endpoint in text.endpoints {
                let count = if endpoint.conditions.ready() { &mut all.ready } else { &mut all.not_ready };
                *count += endpoint.addresses.len();
                all.endpoints.push(endpoint.into());
            }
            all.ports.extend(text.ports.into_iter().map(EndpointPort::from));
        }
        all.ports.sort();
        all.ports.dedup();
        Ok(all)
    }
}

/// Something that serves.
#[derive(SimpleObject)]
struct Endpoint {
    addresses: Vec<String>,
    /// Whether it takes traffic. Unknown counts as ready, as it does for kube-proxy.
    ready: bool,
    /// Whether it could answer, even if it is terminating; null if it isn't known.
    serving: Option<bool>,
    /// Whether it is being shut down.
    terminating: bool,
    /// The endpoint's own name in the service's DNS.
    hostname: Option<String>,
    /// The pod behind it, if it is one.
    pod_name: Option<String>,
    node_name: Option<String>,
    /// The zone that it lies in, such as `eu-west-1a`.
    zone: Option<String>,
}

impl From<EndpointText> for Endpoint {
    fn from(text: EndpointText) -> Self {
        Self {
            pod_name: text.pod().map(str::to_owned),
            ready: text.conditions.ready(),
            serving: text.conditions.serving,
            terminating: text.conditions.terminating.unwrap_or(false),
            addresses: text.addresses.0,
            hostname: text.hostname,
            node_name: text.node_name,
            zone: text.zone,
        }
    }
}

/// A port that endpoints serve on.
#[derive(SimpleObject, PartialEq, Eq, PartialOrd, Ord)]
struct EndpointPort {
    name: Option<String>,
    port: Option<i32>,
    protocol: Option<String>,
    /// The protocol above, such as `https` or `kubernetes.io/h2c`.
    app_protocol: Option<String>,
}

impl From<PortText> for EndpointPort {
    fn from(text: PortText) -> Self {
        Self {
            name: text.name.filter(|name| !name.is_empty()),
            port: text.port,
            protocol: text.protocol,
            app_protocol: text.app_protocol,
        }
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Labels;

    use super::*;

    fn meta(labels: Labels) -> Meta {
        Meta {
            namespace: Istr::new("shop"),
            name: "cart-x7f2p".into(),
            uid: "".into(),
            resource_version: "".into(),
            generation: 0,
            labels,
            owners: Box::default(),
            created: None,
            deleted: None,
            application: None,
        }
    }

    #[test]
    fn a_slice_refers_to_its_service_and_to_its_pods() {
        let columns = EndpointSlice::columns(
            r#"{"addressType":"IPv4","ports":null,"endpoints":[
                 {"addresses":["10.1.0.4"],"targetRef":{"kind":"Pod","name":"cart-0"}},
                 {"addresses":["10.1.0.5"],"targetRef":{"kind":"VirtualMachine","name":"vm"}},
                 {"addresses":null,"conditions":null,"targetRef":null}]}"#,
        )
        .unwrap();
        let meta = meta(Labels::from_pairs([(SERVICE_LABEL, "cart")]));
        let mut found = Vec::new();
        EndpointSlice::references(&meta, &columns, &mut |key| found.push(key));
        let key = |relation, name| IndexKey::Ref { relation, namespace: "shop", name };
        assert_eq!(found, [key(SERVICE.name, "cart"), key(PODS.name, "cart-0")]);
    }

    #[test]
    fn a_slice_of_no_service_refers_to_none() {
        let columns = EndpointSlice::columns("{}").unwrap();
        let meta = meta(Labels::default());
        let mut found = Vec::new();
        EndpointSlice::references(&meta, &columns, &mut |key| found.push(key));
        assert_eq!(found, []);
    }
}
