//! The rules of an ingress: which host and path lead to which backend, and whose certificates are shown.

use async_graphql::{Context, Object, SimpleObject};
use fleetgraph_core::{ClusterId, Istr};
use serde::Deserialize;

use crate::{
    resource::Resource,
    secret::Secret,
    service::Service,
    text::{List, Part},
    viewer,
};

/// An ingress's spec.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
pub struct SpecText {
    #[serde(default)]
    pub ingress_class_name: Option<Istr>,
    #[serde(default)]
    pub default_backend: Option<BackendText>,
    #[serde(default)]
    pub rules: List<RuleText>,
    #[serde(default)]
    pub tls: List<TlsText>,
}

#[derive(Deserialize)]
pub struct RuleText {
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    http: Part<HttpText>,
}

#[derive(Deserialize, Default)]
struct HttpText {
    #[serde(default)]
    paths: List<PathText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PathText {
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    path_type: Option<String>,
    #[serde(default)]
    backend: Part<BackendText>,
}

#[derive(Deserialize, Default)]
pub struct BackendText {
    #[serde(default)]
    service: Option<ServiceText>,
    #[serde(default)]
    resource: Option<IngressResourceBackend>,
}

#[derive(Deserialize)]
struct ServiceText {
    #[serde(default)]
    name: Part<String>,
    #[serde(default)]
    port: Part<PortText>,
}

/// The API has a field for each form of a port; one of them is set.
#[derive(Deserialize, Default)]
struct PortText {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    number: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsText {
    #[serde(default)]
    hosts: List<String>,
    #[serde(default)]
    secret_name: Option<String>,
}

impl SpecText {
    /// The names of the services behind any rule, or behind none.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        let paths = self.rules.iter().flat_map(|rule| rule.http.paths.iter());
        self.default_backend
            .iter()
            .chain(paths.map(|path| &*path.backend))
            .filter_map(|backend| Some(&**backend.service.as_ref()?.name))
    }

    /// The names of the secrets that hold certificates.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.tls.iter().filter_map(|tls| tls.secret_name.as_deref())
    }

    /// The hosts of rules and of certificates; some may come twice.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        let rules = self.rules.iter().filter_map(|rule| rule.host.as_deref());
        let certified = self.tls.iter().flat_map(|tls| tls.hosts.iter().map(String::as_str));
        rules.chain(certified).filter(|host| !host.is_empty())
    }
}

/// Where an ingress lies, and with it all that it names.
#[derive(Clone)]
pub struct Place {
    pub cluster: ClusterId,
    pub namespace: Istr,
}

/// What an ingress does with the requests for a host.
#[derive(SimpleObject)]
pub struct IngressRule {
    /// A name, or one such as `*.example.com`; null stands for every host.
    host: Option<String>,
    paths: Vec<IngressPath>,
}

impl IngressRule {
    pub fn new(text: RuleText, place: &Place) -> Self {
        let paths = text.http.0.paths.into_iter().map(|path| IngressPath {
            path: path.path,
            path_type: path.path_type,
            backend: IngressBackend::new(path.backend.0, place),
        });
        Self { host: text.host.filter(|host| !host.is_empty()), paths: paths.collect() }
    }
}

/// Where the requests for a path go.
#[derive(SimpleObject)]
struct IngressPath {
    /// Null stands for every path.
    path: Option<String>,
    /// How a request's path is compared: `Exact`, `Prefix`, `ImplementationSpecific`.
    path_type: Option<String>,
    backend: IngressBackend,
}

/// Where requests go: to a service, or to an object that the ingress's controller knows.
#[derive(SimpleObject)]
pub struct IngressBackend {
    service: Option<IngressServiceBackend>,
    resource: Option<IngressResourceBackend>,
}

impl IngressBackend {
    pub fn new(text: BackendText, place: &Place) -> Self {
        let service = text.service.map(|service| {
            let PortText { name, number } = service.port.0;
            let number = number.filter(|number| *number != 0).map(|number| number.to_string());
            IngressServiceBackend {
                name: service.name.0,
                port: name.filter(|name| !name.is_empty()).or(number),
                place: place.clone(),
            }
        });
        Self { service, resource: text.resource }
    }
}

/// An object of any kind, in the ingress's namespace, such as a bucket of static files.
#[derive(SimpleObject, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IngressResourceBackend {
    /// Null for the core group.
    #[serde(default)]
    api_group: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
}

/// A port of a service.
pub struct IngressServiceBackend {
    name: String,
    port: Option<String>,
    place: Place,
}

#[Object]
impl IngressServiceBackend {
    async fn name(&self) -> &str {
        &self.name
    }

    /// The service's port: its name or its number.
    async fn port(&self) -> Option<&str> {
        self.port.as_deref()
    }

    /// The service itself; null if it isn't there.
    async fn service(&self, ctx: &Context<'_>) -> Option<async_graphql::Result<Resource<Service>>> {
        viewer::get(ctx, &self.place.cluster, &self.place.namespace, &self.name).await.transpose()
    }
}

/// The certificate that is shown for some hosts.
pub struct IngressTls {
    text: TlsText,
    place: Place,
}

impl IngressTls {
    pub fn new(text: TlsText, place: &Place) -> Self {
        Self { text, place: place.clone() }
    }
}

#[Object(name = "IngressTLS")]
impl IngressTls {
    /// Every host if empty.
    async fn hosts(&self) -> &[String] {
        &self.text.hosts
    }

    /// The name of the secret that holds the certificate; null if the controller has its own.
    async fn secret_name(&self) -> Option<&str> {
        self.text.secret_name.as_deref().filter(|name| !name.is_empty())
    }

    /// The secret that holds the certificate; null if it isn't there.
    async fn secret(&self, ctx: &Context<'_>) -> Option<async_graphql::Result<Resource<Secret>>> {
        let name = self.text.secret_name.as_deref()?;
        viewer::get(ctx, &self.place.cluster, &self.place.namespace, name).await.transpose()
    }
}
