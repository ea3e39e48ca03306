//! Services.

use std::{borrow::Cow, sync::Arc};

use async_graphql::{Context, Enum, InputObject, Object};
use cluster_registry::Matches;
use fleetgraph_core::{
    EdgeType, Health, IndexKey, Istr, Kind, KindMeta, Label, LabelSelector, Meta, Relation, Text,
};
use serde::Deserialize;

use crate::{
    endpoint_slice::{self, EndpointSlice, Endpoints},
    filter::{Filter, ResourceFilter},
    ingress::{self, Ingress},
    load_balancer::{LoadBalancerIngress, LoadBalancerStatus},
    pod::Pod,
    resource::{self, InNamespace, Resource, ResourceKind},
    scalars::Json,
    service_port::{PortText, ServicePort},
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
    /// Whether a load balancer is set up, whatever it says of its address.
    set_up: bool,
    cluster_ip: Box<str>,
    /// All addresses besides the first in the cluster, and the external name.
    addresses: Box<[Box<str>]>,
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
struct ServiceText {
    #[serde(default)]
    spec: Part<Spec>,
    #[serde(default)]
    status: Part<LoadBalancerStatus>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Spec {
    #[serde(rename = "type", default)]
    kind: Option<Istr>,
    #[serde(rename = "clusterIP", default)]
    cluster_ip: Option<String>,
    #[serde(rename = "clusterIPs", default)]
    cluster_ips: List<String>,
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
    #[serde(default)]
    ip_families: List<String>,
    #[serde(default)]
    ip_family_policy: Option<String>,
    #[serde(default)]
    session_affinity: Option<String>,
    #[serde(default)]
    external_traffic_policy: Option<String>,
    #[serde(default)]
    internal_traffic_policy: Option<String>,
    #[serde(default)]
    load_balancer_class: Option<String>,
}

impl Spec {
    /// Addresses that are written here, besides the first in the cluster.
    fn addresses(&self) -> impl Iterator<Item = &str> {
        let written = self.cluster_ips.iter().skip(1).chain(&*self.external_ips).chain(&self.external_name);
        written.map(String::as_str).filter(|address| !address.is_empty())
    }
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
        let text: ServiceText = serde_json::from_str(object)?;
        let (spec, status) = (text.spec.0, text.status.0);
        Ok(Columns {
            set_up: status.is_set_up(),
            addresses: spec.addresses().chain(status.addresses()).map(Into::into).collect(),
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

    /// As Argo CD judges services: one of a load balancer waits for it, all others are well.
    fn health(columns: &Columns) -> Health {
        match columns.service_type {
            ServiceType::LoadBalancer if !columns.set_up => Health::progressing("AddressPending"),
            _ => Health::healthy(),
        }
    }

    fn texts<'a>(columns: &'a Columns, emit: &mut dyn FnMut(Text<'a>)) {
        let first = Some(&columns.cluster_ip).filter(|ip| is_address(ip));
        first.into_iter().chain(&columns.addresses).for_each(|address| emit(Text::Address(address)));
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

/// Whether a cluster IP is one: a headless service has `None`.
fn is_address(ip: &str) -> bool {
    !ip.is_empty() && ip != "None"
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

impl ServiceDetail {
    fn spec(&self) -> async_graphql::Result<Spec> {
        let text: ServiceText = self.0.part()?;
        Ok(text.spec.0)
    }

    async fn slices(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<EndpointSlice>>> {
        let (cluster, meta) = (&self.0.entry.cluster, &self.0.entry.meta);
        viewer::referrers(ctx, cluster, &endpoint_slice::SERVICE, &meta.namespace, &meta.name).await
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
        Ok(self.spec()?.ports.into_iter().map(Into::into).collect())
    }

    /// Null for a headless service and for an external name.
    #[graphql(name = "clusterIP")]
    async fn cluster_ip(&self) -> Option<&str> {
        Some(&*self.0.entry.columns.cluster_ip).filter(|ip| is_address(ip))
    }

    /// One for each IP family; none for a headless service and for an external name.
    #[graphql(name = "clusterIPs")]
    async fn cluster_ips(&self) -> async_graphql::Result<Vec<String>> {
        Ok(self.spec()?.cluster_ips.into_iter().filter(|ip| is_address(ip)).collect())
    }

    /// `IPv4`, `IPv6`, or both, the first being that of `clusterIP`.
    async fn ip_families(&self) -> async_graphql::Result<Vec<String>> {
        Ok(self.spec()?.ip_families.0)
    }

    /// `SingleStack`, `PreferDualStack` or `RequireDualStack`.
    async fn ip_family_policy(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.spec()?.ip_family_policy)
    }

    /// Whether a client stays with a pod: `ClientIP` or `None`.
    async fn session_affinity(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.spec()?.session_affinity)
    }

    /// Whether traffic from outside goes to pods of any node or of the one that it reached: `Cluster` or `Local`.
    async fn external_traffic_policy(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.spec()?.external_traffic_policy)
    }

    /// The same for traffic from within the cluster.
    async fn internal_traffic_policy(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.spec()?.internal_traffic_policy)
    }

    /// Which implementation of load balancers is asked for; null leaves the choice to the cluster.
    async fn load_balancer_class(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.spec()?.load_balancer_class)
    }

    #[graphql(name = "externalIPs")]
    async fn external_ips(&self) -> async_graphql::Result<Vec<String>> {
        Ok(self.spec()?.external_ips.0)
    }

    /// The address that a load balancer has, or else the one that was asked for.
    #[graphql(name = "loadBalancerIP")]
    async fn load_balancer_ip(&self) -> async_graphql::Result<Option<String>> {
        let text: ServiceText = self.0.part()?;
        let given = text.status.addresses().next().map(str::to_owned);
        Ok(given.or(text.spec.0.load_balancer_ip))
    }

    /// Every address that load balancers have for the service.
    async fn load_balancer_ingress(&self) -> async_graphql::Result<Vec<LoadBalancerIngress>> {
        let text: ServiceText = self.0.part()?;
        Ok(text.status.0.into_ingress())
    }

    /// The DNS name that an `EXTERNAL_NAME` service stands for.
    async fn external_name(&self) -> async_graphql::Result<Option<String>> {
        Ok(self.spec()?.external_name)
    }

    /// The addresses behind the service, from its endpoint slices.
    async fn endpoints(&self, ctx: &Context<'_>) -> async_graphql::Result<Endpoints> {
        Endpoints::of(&self.slices(ctx).await?)
    }

    /// The parts that the addresses behind the service are kept in.
    async fn endpoint_slices(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<EndpointSlice>>> {
        self.slices(ctx).await
    }

    /// The ingresses that send requests here.
    async fn ingresses(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Ingress>>> {
        let (cluster, meta) = (&self.0.entry.cluster, &self.0.entry.meta);
        viewer::referrers(ctx, cluster, &ingress::SERVICES, &meta.namespace, &meta.name).await
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
