//! Services.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{EdgeType, IndexKey, Istr, Kind, KindMeta, Label, LabelSelector, Meta, Relation};
use serde::Deserialize;

use crate::{
    endpoint_slice::{self, Endpoint, EndpointPort, EndpointSlice, SERVICE_LABEL},
    filter::{Filter, ResourceFilter},
    pod::Pod,
    resource::{self, InNamespace, Resource, ResourceKind},
    scalars::Json,
    text::{List, Part, Strings},
    viewer,
};

/// A stable address for a set of pods.
pub enum Service {}

pub const PODS: Relation =
    Relation { name: "service.pods", edge: EdgeType::Selects, to: "pods", field: "spec.selector" };

/// What lists, filters and relations of services need.
pub struct Columns {
    service_type: ServiceType,
    cluster_ip: Box<str>,
    /// Empty for a service that selects no pods.
    pub selector: Box<[Label]>,
}

/// How a service can be reached.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceType {
    #[graphql(name = "CLUSTER_IP")]
    ClusterIp,
    NodePort,
    LoadBalancer,
    ExternalName,
}

impl ServiceType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ClusterIp => "ClusterIP",
            Self::NodePort => "NodePort",
            Self::LoadBalancer => "LoadBalancer",
            Self::ExternalName => "ExternalName",
        }
    }
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    spec: Part<Spec>,
    #[serde(default)]
    status: Part<Status>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(rename = "type", default)]
    kind: Option<Istr>,
    #[serde(rename = "clusterIP", default)]
    cluster_ip: Option<String>,
    #[serde(default)]
    selector: Strings,
    #[serde(default)]
    ports: List<PortText>,
    #[serde(rename = "externalIPs", default)]
    external_ips: List<String>,
    #[serde(rename = "loadBalancerIP", default)]
    load_balancer_ip: Option<String>,
    #[serde(default)]
    external_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PortText {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    protocol: Option<String>,
    port: i32,
    /// A number, or the name of a container's port.
    #[serde(default)]
    target_port: Option<serde_json::Value>,
    #[serde(default)]
    node_port: Option<i32>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    load_balancer: Part<LoadBalancer>,
}

#[derive(Deserialize, Default)]
struct LoadBalancer {
    #[serde(default)]
    ingress: List<LoadBalancerIngress>,
}

impl Kind for Service {
    const META: KindMeta = KindMeta {
        group: "",
        version: "v1",
        kind: "Service",
        plural: "services",
        singular: "service",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        let spec = text.spec.0;
        Ok(Columns {
            service_type: match spec.kind.as_deref() {
                Some("NodePort") => ServiceType::NodePort,
                Some("LoadBalancer") => ServiceType::LoadBalancer,
                Some("ExternalName") => ServiceType::ExternalName,
                _ => ServiceType::ClusterIp,
            },
            cluster_ip: spec.cluster_ip.unwrap_or_default().into(),
            selector: spec.selector.iter().map(|(key, value)| Label::new(key, value)).collect(),
        })
    }

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        // The first pair of an equality selector is one that every match carries.
        if let Some(pair) = columns.selector.first() {
            emit(IndexKey::Selector { namespace: &meta.namespace, key: &pair.key, value: &pair.value });
        }
    }

    const SELECTS: Option<&'static Relation> = Some(&PODS);

    fn selector(columns: &Columns) -> Option<LabelSelector> {
        columns.pod_selector()
    }

    const FIELDS: &'static [&'static str] = &["spec.clusterIP", "spec.type"];

    fn field<'a>(columns: &'a Columns, field: &str) -> Cow<'a, str> {
        Cow::Borrowed(match field {
            "spec.clusterIP" => &columns.cluster_ip,
            _ => columns.service_type.as_str(),
        })
    }
}

impl ResourceKind for Service {
    type Detail = ServiceDetail;
    type Placement = InNamespace;
    type Filter = ServiceFilter;
}

/// What services can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct ServiceFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    #[graphql(name = "type")]
    service_type: Option<ServiceType>,
}

impl Filter<Service> for ServiceFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<Service>> {
        let service_type = self.service_type?;
        Some(Box::new(move |service| service.columns.service_type == service_type))
    }
}

impl Columns {
    /// The pods that the service sends to; `None` if it selects none by labels.
    pub fn pod_selector(&self) -> Option<LabelSelector> {
        (!self.selector.is_empty()).then(|| {
            LabelSelector::from_pairs(self.selector.iter().map(|label| (&*label.key, &*label.value)))
        })
    }
}

/// A service's own fields.
pub struct ServiceDetail(Arc<resource::Object<Service>>);

impl From<Arc<resource::Object<Service>>> for ServiceDetail {
    fn from(object: Arc<resource::Object<Service>>) -> Self {
        Self(object)
    }
}

#[Object]
impl ServiceDetail {
    #[graphql(name = "type")]
    async fn service_type(&self) -> ServiceType {
        self.0.entry.columns.service_type
    }

    /// The labels of the pods that the service sends to; an empty object selects none.
    async fn selector(&self) -> Json {
        Json::strings(self.0.entry.columns.selector.iter().map(|label| (&*label.key, &*label.value)))
    }

    async fn ports(&self) -> async_graphql::Result<Vec<ServicePort>> {
        let text: Text = self.0.part()?;
        Ok(text.spec.0.ports.into_iter().map(Into::into).collect())
    }

    /// Null for a headless service and for an external name.
    #[graphql(name = "clusterIP")]
    async fn cluster_ip(&self) -> Option<&str> {
        Some(&*self.0.entry.columns.cluster_ip).filter(|ip| !ip.is_empty() && *ip != "None")
    }

    #[graphql(name = "externalIPs")]
    async fn external_ips(&self) -> async_graphql::Result<Vec<String>> {
        let text: Text = self.0.part()?;
        Ok(text.spec.0.external_ips.0)
    }

    /// The address that a load balancer has, or else the one that was asked for.
    #[graphql(name = "loadBalancerIP")]
    async fn load_balancer_ip(&self) -> async_graphql::Result<Option<String>> {
        let text: Text = self.0.part()?;
        let given = text
            .status
            .0
            .load_balancer
            .0
            .ingress
            .into_iter()
            .find_map(|ingress| ingress.ip.or(ingress.hostname));
        Ok(given.or(text.spec.0.load_balancer_ip))
    }

    /// Every address that load balancers have for the service.
    async fn load_balancer_ingress(&self) -> async_graphql::Result<Vec<LoadBalancerIngress>> {
        let text: Text = self.0.part()?;
        Ok(text.status.0.load_balancer.0.ingress.0)
    }

    /// The DNS name that an `EXTERNAL_NAME` service stands for.
    async fn external_name(&self) -> async_graphql::Result<Option<String>> {
        let text: Text = self.0.part()?;
        Ok(text.spec.0.external_name)
    }

    /// The addresses behind the service, from its endpoint slices.
    async fn endpoints(&self, ctx: &Context<'_>) -> async_graphql::Result<Endpoints> {
        let entry = &self.0.entry;
        let selector = LabelSelector::from_pairs([(SERVICE_LABEL, &*entry.meta.name)]);
        let slices =
            viewer::selected::<EndpointSlice>(ctx, &entry.cluster, &entry.meta.namespace, selector).await?;
        let mut answer = Endpoints { endpoints: Vec::new(), ports: Vec::new(), ready: 0, not_ready: 0 };
        for slice in slices {
            let text: endpoint_slice::Text = slice.object().part()?;
            for endpoint in text.endpoints {
                let addresses = endpoint.addresses.len();
                if endpoint.conditions.ready.unwrap_or(true) {
                    answer.ready += addresses;
                } else {
                    answer.not_ready += addresses;
                }
                answer.endpoints.push(endpoint.into());
            }
            answer.ports.extend(text.ports.into_iter().map(EndpointPort::from));
        }
        answer.ports.sort();
        answer.ports.dedup();
        Ok(answer)
    }

    /// The pods that the selector matches.
    async fn pods(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Pod>>> {
        let entry = &self.0.entry;
        match entry.columns.pod_selector() {
            Some(selector) => viewer::selected(ctx, &entry.cluster, &entry.meta.namespace, selector).await,
            None => Ok(Vec::new()),
        }
    }
}

/// The addresses behind a service.
#[derive(SimpleObject)]
struct Endpoints {
    endpoints: Vec<Endpoint>,
    ports: Vec<EndpointPort>,
    /// Addresses that take traffic.
    ready: usize,
    /// Addresses that don't.
    not_ready: usize,
}

/// A port of a service.
#[derive(SimpleObject)]
struct ServicePort {
    name: Option<String>,
    protocol: String,
    port: i32,
    /// A number, or the name of a container's port.
    target_port: Option<String>,
    node_port: Option<i32>,
}

impl From<PortText> for ServicePort {
    fn from(text: PortText) -> Self {
        Self {
            name: text.name,
            protocol: text.protocol.unwrap_or_else(|| "TCP".to_owned()),
            port: text.port,
            target_port: text.target_port.and_then(|port| match port {
                serde_json::Value::String(name) => Some(name),
                serde_json::Value::Number(number) => Some(number.to_string()),
                _ => None,
            }),
            node_port: text.node_port.filter(|port| *port != 0),
        }
    }
}

/// An address that a load balancer has for a service.
#[derive(SimpleObject, Deserialize)]
struct LoadBalancerIngress {
    #[serde(default)]
    ip: Option<String>,
    #[serde(default)]
    hostname: Option<String>,
}
