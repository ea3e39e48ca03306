//! Ingresses.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object};
use cluster_registry::Matches;
use fleetgraph_core::{EdgeType, Health, IndexKey, Istr, Kind, KindMeta, Meta, Relation, Text};
use serde::Deserialize;

use crate::{
    filter::{Filter, Glob, ResourceFilter},
    ingress_class::IngressClass,
    ingress_rules::{IngressBackend, IngressRule, IngressTls, Place, SpecText},
    load_balancer::{LoadBalancerIngress, LoadBalancerStatus},
    refs::{Refs, RefsBuilder},
    resource::{self, InNamespace, Resource, ResourceKind},
    secret::Secret,
    service::Service,
    text::Part,
    viewer,
};

pub const SERVICES: Relation = Relation {
    name: "ingress.services",
    edge: EdgeType::RoutesTo,
    to: "services",
    field: "spec.defaultBackend.service; spec.rules[*].http.paths[*].backend.service",
};
pub const SECRETS: Relation = Relation {
    name: "ingress.secrets",
    edge: EdgeType::Uses,
    to: "secrets",
    field: "spec.tls[*].secretName",
};
pub const INGRESS_CLASS: Relation = Relation {
    name: "ingress.ingressClass",
    edge: EdgeType::Uses,
    to: "ingressclasses.networking.k8s.io",
    field: "spec.ingressClassName; metadata.annotations[kubernetes.io/ingress.class]",
};

/// A way for HTTP from outside to services.
pub enum Ingress {}

/// What lists, filters and relations of ingresses need.
pub struct Columns {
    class: Istr,
    /// Whether a load balancer is set up, whatever it says of its address.
    set_up: bool,
    /// Of rules and certificates, each once.
    hosts: Box<[Box<str>]>,
    addresses: Box<[Box<str>]>,
    refs: Refs,
}

#[derive(Deserialize)]
struct IngressText {
    #[serde(default)]
    metadata: Part<Metadata>,
    #[serde(default)]
    spec: Part<SpecText>,
    #[serde(default)]
    status: Part<LoadBalancerStatus>,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    annotations: Part<Annotations>,
}

#[derive(Deserialize, Default)]
struct Annotations {
    /// How a class was named before `spec.ingressClassName` was there; controllers still obey it.
    #[serde(rename = "kubernetes.io/ingress.class", default)]
    class: Option<Istr>,
}

impl Kind for Ingress {
    const META: KindMeta = KindMeta {
        group: "networking.k8s.io",
        version: "v1",
        kind: "Ingress",
        plural: "ingresses",
        singular: "ingress",
        namespaced: true,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: IngressText = serde_json::from_str(object)?;
        let (spec, status) = (text.spec.0, text.status.0);
        let written = spec.ingress_class_name.clone().filter(|class| !class.is_empty());
        let class = written.or(text.metadata.0.annotations.0.class).unwrap_or_default();
        let mut refs = RefsBuilder::default();
        spec.services().for_each(|name| refs.here(&SERVICES, name));
        spec.secrets().for_each(|name| refs.here(&SECRETS, name));
        refs.cluster(&INGRESS_CLASS, &class);
        let mut hosts: Vec<Box<str>> = Vec::new();
        for host in spec.hosts() {
            if !hosts.iter().any(|known| **known == *host) {
                hosts.push(host.into());
            }
        }
        Ok(Columns {
            class,
            set_up: status.is_set_up(),
            hosts: hosts.into(),
            addresses: status.addresses().map(Into::into).collect(),
            refs: refs.build(),
        })
    }

    /// As Argo CD judges ingresses: by whether a controller has set up a load balancer.
    fn health(columns: &Columns) -> Health {
        if columns.set_up { Health::healthy() } else { Health::progressing("AddressPending") }
    }

    fn texts<'a>(columns: &'a Columns, emit: &mut dyn FnMut(Text<'a>)) {
        columns.hosts.iter().chain(&columns.addresses).for_each(|address| emit(Text::Address(address)));
    }

    const RELATIONS: &'static [Relation] = &[SERVICES, SECRETS, INGRESS_CLASS];

    fn references<'a>(meta: &'a Meta, columns: &'a Columns, emit: &mut dyn FnMut(IndexKey<'a>)) {
        columns.refs.emit(meta, emit);
    }
}

impl ResourceKind for Ingress {
    type Detail = IngressDetail;
    type Placement = InNamespace;
    type Filter = IngressFilter;
}

/// What ingresses can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct IngressFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// The name of the class.
    ingress_class_name: Option<String>,
    /// A pattern for one of the hosts: `*` stands for any characters, `?` for one.
    host: Option<String>,
}

impl Filter<Ingress> for IngressFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<Ingress>> {
        let class = self.ingress_class_name.clone();
        let host = self.host.as_deref().map(Glob::new);
        (class.is_some() || host.is_some()).then(|| -> Matches<Ingress> {
            Box::new(move |ingress| {
                let columns = &ingress.columns;
                class.as_ref().is_none_or(|class| **class == *columns.class)
                    && host.as_ref().is_none_or(|host| columns.hosts.iter().any(|known| host.matches(known)))
            })
        })
    }
}

/// An ingress's own fields.
pub struct IngressDetail(Arc<resource::Object<Ingress>>);

impl From<Arc<resource::Object<Ingress>>> for IngressDetail {
    fn from(object: Arc<resource::Object<Ingress>>) -> Self {
        Self(object)
    }
}

impl IngressDetail {
    fn place(&self) -> Place {
        let entry = &self.0.entry;
        Place { cluster: entry.cluster.clone(), namespace: entry.meta.namespace.clone() }
    }

    /// The objects that the ingress refers to by a relation, as far as they are there.
    async fn referred<K: ResourceKind>(
        &self,
        ctx: &Context<'_>,
        relation: &'static Relation,
    ) -> async_graphql::Result<Vec<Resource<K>>> {
        let entry = &self.0.entry;
        viewer::get_each(ctx, &entry.cluster, entry.columns.refs.by(&entry.meta, relation)).await
    }
}

#[Object]
impl IngressDetail {
    /// The name of the class, from the spec or else from the annotation `kubernetes.io/ingress.class`; null
    /// leaves the choice to the cluster's default.
    async fn ingress_class_name(&self) -> Option<&str> {
        Some(&*self.0.entry.columns.class).filter(|class| !class.is_empty())
    }

    /// Where requests go that no rule matches; null if the controller decides.
    async fn default_backend(&self) -> async_graphql::Result<Option<IngressBackend>> {
        let text: IngressText = self.0.part()?;
        Ok(text.spec.0.default_backend.map(|backend| IngressBackend::new(backend, &self.place())))
    }

    async fn rules(&self) -> async_graphql::Result<Vec<IngressRule>> {
        let (text, place): (IngressText, _) = (self.0.part()?, self.place());
        Ok(text.spec.0.rules.into_iter().map(|rule| IngressRule::new(rule, &place)).collect())
    }

    async fn tls(&self) -> async_graphql::Result<Vec<IngressTls>> {
        let (text, place): (IngressText, _) = (self.0.part()?, self.place());
        Ok(text.spec.0.tls.into_iter().map(|tls| IngressTls::new(tls, &place)).collect())
    }

    /// The hosts that rules and certificates name, each once.
    async fn hosts(&self) -> Vec<&str> {
        self.0.entry.columns.hosts.iter().map(|host| &**host).collect()
    }

    /// Every address that load balancers have for the ingress.
    async fn load_balancer_ingress(&self) -> async_graphql::Result<Vec<LoadBalancerIngress>> {
        let text: IngressText = self.0.part()?;
        Ok(text.status.0.into_ingress())
    }

    /// The class, as far as it is there: the annotation may name a controller that has none.
    async fn ingress_class(
        &self,
        ctx: &Context<'_>,
    ) -> Option<async_graphql::Result<Resource<IngressClass>>> {
        let entry = &self.0.entry;
        let (namespace, name) = entry.columns.refs.by(&entry.meta, &INGRESS_CLASS).next()?;
        viewer::get(ctx, &entry.cluster, namespace, name).await.transpose()
    }

    /// The services that requests may go to, as far as they are there.
    async fn services(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Service>>> {
        self.referred(ctx, &SERVICES).await
    }

    /// The secrets that hold the certificates, as far as they are there.
    async fn secrets(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Secret>>> {
        self.referred(ctx, &SECRETS).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(object: &str) -> Columns {
        Ingress::columns(object).unwrap()
    }

    fn references(object: &str) -> Vec<String> {
        let meta = Meta {
            namespace: Istr::new("shop"),
            name: "cart".into(),
            uid: "".into(),
            resource_version: "".into(),
            generation: 0,
            labels: fleetgraph_core::Labels::default(),
            owners: Box::default(),
            created: None,
            deleted: None,
            application: None,
        };
        let mut found = Vec::new();
        Ingress::references(&meta, &columns(object), &mut |key| {
            if let IndexKey::Ref { relation, namespace, name } = key {
                found.push(format!("{relation} {namespace}/{name}"));
            }
        });
        found
    }

    #[test]
    fn each_service_secret_and_class_is_referred_to_once() {
        let object = r#"{"spec":{"ingressClassName":"nginx","defaultBackend":{"service":{"name":"web"}},
            "rules":[{"host":"a.example","http":{"paths":[{"backend":{"service":{"name":"cart","port":{"number":80}}}},
              {"backend":{"service":{"name":"web"}}},{"backend":{"resource":{"kind":"Bucket","name":"b"}}}]}},
              {"http":null}],
            "tls":[{"hosts":["a.example"],"secretName":"cert"},{"hosts":null},{"secretName":"cert"}]}}"#;
        assert_eq!(
            references(object),
            [
                "ingress.services shop/web",
                "ingress.services shop/cart",
                "ingress.secrets shop/cert",
                "ingress.ingressClass /nginx"
            ]
        );
    }

    #[test]
    fn the_annotation_names_the_class_where_the_spec_does_not() {
        let annotated = r#""metadata":{"annotations":{"kubernetes.io/ingress.class":"old","other":"x"}}"#;
        assert_eq!(&*columns(&format!("{{{annotated}}}")).class, "old");
        let both = format!(r#"{{{annotated},"spec":{{"ingressClassName":"new"}}}}"#);
        assert_eq!(&*columns(&both).class, "new");
        assert_eq!(references("{}"), [""; 0]);
    }

    #[test]
    fn hosts_and_addresses_are_searched_each_once() {
        let columns = columns(
            r#"{"spec":{"rules":[{"host":"a.example"},{"host":""}],"tls":[{"hosts":["a.example","b.example"]}]},
                "status":{"loadBalancer":{"ingress":[{"ip":"10.0.0.1"},{"hostname":"lb.example","ip":null}]}}}"#,
        );
        let mut found = Vec::new();
        Ingress::texts(&columns, &mut |text| found.push(text.as_str().to_owned()));
        assert_eq!(found, ["a.example", "b.example", "10.0.0.1", "lb.example"]);
    }
}
