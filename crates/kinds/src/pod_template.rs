//! What workloads make their pods from. Five kinds share it: the template itself, what it refers to, and the
//! fields that show both.
//!
//! ```text
//!   object ── spec.template ──────────────────┬─ TemplateColumns   names and images, in the store
//!          └─ spec.jobTemplate.spec.template ─┴─ PodTemplateSpec   the rest, read on demand
//! ```

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use async_graphql::{Context, Object, SimpleObject, TypeName};
use fleetgraph_core::{IndexKey, Istr, Meta, Relation, Text};
use serde::Deserialize;

use crate::{
    config_map::ConfigMap,
    persistent_volume_claim::PersistentVolumeClaim,
    pod::Pod,
    pod_spec::{ContainerTemplate, SpecText},
    refs::{Refs, RefsBuilder},
    resource::{self, Resource, ResourceKind},
    scalars::Json,
    secret::Secret,
    service_account::ServiceAccount,
    text::{Part, Strings},
    viewer,
};

/// The relations of a kind by its template.
pub struct TemplateRelations {
    pub config_maps: Relation,
    pub secrets: Relation,
    pub claims: Relation,
    pub service_account: Relation,
}

impl TemplateRelations {
    pub const fn all(&self) -> [Relation; 4] {
        [self.config_maps, self.secrets, self.claims, self.service_account]
    }
}

/// The relations of a kind whose pod specs stand at a path.
macro_rules! template_relations {
    ($kind:literal, $spec:literal) => {
        $crate::pod_template::TemplateRelations {
            config_maps: fleetgraph_core::Relation {
                name: concat!($kind, ".configMaps"),
                edge: fleetgraph_core::EdgeType::Uses,
                to: "configmaps",
                field: concat!($spec, ".volumes[*].configMap, .projected; .containers[*].env, .envFrom"),
            },
            secrets: fleetgraph_core::Relation {
                name: concat!($kind, ".secrets"),
                edge: fleetgraph_core::EdgeType::Uses,
                to: "secrets",
                field: concat!(
                    $spec,
                    ".volumes[*].secret, .projected; .containers[*].env, .envFrom; .imagePullSecrets"
                ),
            },
            claims: fleetgraph_core::Relation {
                name: concat!($kind, ".persistentVolumeClaims"),
                edge: fleetgraph_core::EdgeType::Uses,
                to: "persistentvolumeclaims",
                field: concat!($spec, ".volumes[*].persistentVolumeClaim"),
            },
            service_account: fleetgraph_core::Relation {
                name: concat!($kind, ".serviceAccount"),
                edge: fleetgraph_core::EdgeType::Uses,
                to: "serviceaccounts",
                field: concat!($spec, ".serviceAccountName"),
            },
        }
    };
}
pub(crate) use template_relations;

/// A kind that makes pods from a template.
pub trait Templated: ResourceKind {
    const USES: &'static TemplateRelations;

    /// Whether each pod has claims of its own, which the template does not name.
    const PODS_HAVE_CLAIMS: bool = false;

    fn template(columns: &Self::Columns) -> &TemplateColumns;

    /// The template as the object has it.
    fn template_spec(object: &resource::Object<Self>) -> async_graphql::Result<PodTemplateSpec> {
        #[derive(Deserialize)]
        struct Text<'a> {
            #[serde(borrow, default)]
            spec: Part<TemplateOwner<'a>>,
        }
        let text: Text<'_> = object.part()?;
        Ok(text.spec.0.template.0.into())
    }
}

/// A spec that has a template.
#[derive(Deserialize, Default)]
pub struct TemplateOwner<'a> {
    #[serde(borrow, default)]
    pub template: Part<TemplateText<'a>>,
}

/// A template as the API writes it.
#[derive(Deserialize, Default)]
pub struct TemplateText<'a> {
    #[serde(default)]
    metadata: Part<TemplateMeta>,
    #[serde(borrow, default)]
    pub spec: Part<SpecText<'a>>,
}

#[derive(Deserialize, Default)]
struct TemplateMeta {
    #[serde(default)]
    labels: Strings,
    #[serde(default)]
    annotations: Strings,
}

/// What the store keeps of a template.
pub struct TemplateColumns {
    refs: Refs,
    images: Box<[Istr]>,
}

impl TemplateColumns {
    pub fn new(text: &TemplateText<'_>, relations: &'static TemplateRelations) -> Self {
        let uses = text.spec.uses();
        let mut refs = RefsBuilder::default();
        uses.config_maps.iter().for_each(|name| refs.here(&relations.config_maps, name));
        uses.secrets.iter().for_each(|name| refs.here(&relations.secrets, name));
        uses.claims.iter().for_each(|name| refs.here(&relations.claims, name));
        refs.here(&relations.service_account, text.spec.service_account_name.as_deref().unwrap_or(""));
        Self { refs: refs.build(), images: text.spec.images().into_iter().map(Istr::new).collect() }
    }

    pub fn emit_references<'a>(&'a self, meta: &'a Meta, emit: &mut dyn FnMut(IndexKey<'a>)) {
        self.refs.emit(meta, emit);
    }

    pub fn emit_images<'a>(&'a self, emit: &mut dyn FnMut(Text<'a>)) {
        self.images.iter().for_each(|image| emit(Text::Image(image)));
    }
}

/// The fields of a kind that come from its template.
pub struct FromTemplate<K: Templated>(Arc<resource::Object<K>>);

impl<K: Templated> FromTemplate<K> {
    pub fn new(object: &Arc<resource::Object<K>>) -> Self {
        Self(Arc::clone(object))
    }

    fn columns(&self) -> &TemplateColumns {
        K::template(&self.0.entry.columns)
    }

    /// Namespace and name of what the template names by a relation.
    fn names(&self, relation: &'static Relation) -> impl Iterator<Item = (&str, &str)> {
        self.columns().refs.by(&self.0.entry.meta, relation)
    }

    async fn named<T: ResourceKind>(
        &self,
        ctx: &Context<'_>,
        relation: &'static Relation,
    ) -> async_graphql::Result<Vec<Resource<T>>> {
        viewer::get_each(ctx, &self.0.entry.cluster, self.names(relation)).await
    }
}

impl<K: Templated> TypeName for FromTemplate<K> {
    fn type_name() -> Cow<'static, str> {
        format!("{}FromTemplate", K::META.kind).into()
    }
}

#[Object(name_type)]
impl<K: Templated> FromTemplate<K> {
    /// What the pods are made from.
    async fn template(&self) -> async_graphql::Result<PodTemplateSpec> {
        K::template_spec(&self.0)
    }

    /// The images that the template's containers ask for, init containers too, each once.
    async fn images(&self) -> Vec<&str> {
        self.columns().images.iter().map(|image| &**image).collect()
    }

    /// The config maps that the pods mount or read their environment from, as far as they are there.
    async fn config_maps(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<ConfigMap>>> {
        self.named(ctx, &K::USES.config_maps).await
    }

    /// The secrets that the pods mount, read their environment from, or pull images with, as far as they are there.
    async fn secrets(&self, ctx: &Context<'_>) -> async_graphql::Result<Vec<Resource<Secret>>> {
        self.named(ctx, &K::USES.secrets).await
    }

    /// The account that the pods act as; null if the template names none, which makes it the one named `default`.
    async fn service_account(
        &self,
        ctx: &Context<'_>,
    ) -> Option<async_graphql::Result<Resource<ServiceAccount>>> {
        let (namespace, name) = self.names(&K::USES.service_account).next()?;
        viewer::get(ctx, &self.0.entry.cluster, namespace, name).await.transpose()
    }

    /// The claims that the pods mount, as far as they are there: those that the template names and, for a stateful
    /// set, those that each of its pods has of its own.
    async fn persistent_volume_claims(
        &self,
        ctx: &Context<'_>,
    ) -> async_graphql::Result<Vec<Resource<PersistentVolumeClaim>>> {
        if !K::PODS_HAVE_CLAIMS {
            return self.named(ctx, &K::USES.claims).await;
        }
        let pods: Vec<Resource<Pod>> = viewer::owned(ctx, &self.0.entry).await?;
        let namespace = &*self.0.entry.meta.namespace;
        let of_pods = pods.iter().flat_map(|pod| pod.entry().columns.claims());
        // Pods name the claims of their template too.
        let names: BTreeSet<(&str, &str)> =
            self.names(&K::USES.claims).chain(of_pods.map(|name| (namespace, name))).collect();
        viewer::get_each(ctx, &self.0.entry.cluster, names).await
    }
}

/// What pods are made from.
#[derive(SimpleObject)]
pub struct PodTemplateSpec {
    labels: Json,
    annotations: Json,
    containers: Vec<ContainerTemplate>,
    init_containers: Vec<ContainerTemplate>,
    service_account_name: Option<String>,
}

impl From<TemplateText<'_>> for PodTemplateSpec {
    fn from(text: TemplateText<'_>) -> Self {
        let strings =
            |strings: &Strings| Json::strings(strings.iter().map(|(k, v)| (k.as_str(), v.as_str())));
        Self {
            labels: strings(&text.metadata.labels),
            annotations: strings(&text.metadata.annotations),
            containers: text.spec.containers.iter().map(Into::into).collect(),
            init_containers: text.spec.init_containers.iter().map(Into::into).collect(),
            service_account_name: text.spec.service_account_name.as_deref().map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Kind;

    use super::*;
    use crate::{CronJob, Deployment, HorizontalPodAutoscaler, StatefulSet};

    /// What an object refers to, as `relation name`.
    fn references<K: Kind>(object: &str) -> Vec<String> {
        let meta = Meta {
            namespace: Istr::new("shop"),
            name: "cart".into(),
            uid: "1".into(),
            resource_version: "1".into(),
            generation: 1,
            labels: fleetgraph_core::Labels::default(),
            owners: Box::default(),
            created: None,
            deleted: None,
            application: None,
        };
        let columns = K::columns(object).unwrap();
        let mut found = Vec::new();
        K::references(&meta, &columns, &mut |key| {
            if let IndexKey::Ref { relation, namespace, name } = key {
                assert_eq!(namespace, "shop");
                assert!(K::RELATIONS.iter().any(|declared| declared.name == relation), "{relation}");
                found.push(format!("{relation} {name}"));
            }
        });
        found
    }

    const TEMPLATE: &str = r#"{"spec":{"serviceAccountName":"cart","containers":[
        {"name":"a","image":"shop/cart:1","envFrom":[{"configMapRef":{"name":"settings"}}]},
        {"name":"b","image":"shop/proxy:2","env":[{"name":"KEY","valueFrom":{"secretKeyRef":{"name":"keys","key":"k"}}}]},
        {"name":"c","image":"shop/cart:1"}],
        "volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"data"}},{"name":"w","configMap":{"name":"settings"}}]}}"#;

    #[test]
    fn a_workload_refers_to_what_its_template_names() {
        assert_eq!(
            references::<Deployment>(&format!(r#"{{"spec":{{"template":{TEMPLATE}}}}}"#)),
            [
                "deployment.configMaps settings",
                "deployment.secrets keys",
                "deployment.persistentVolumeClaims data",
                "deployment.serviceAccount cart",
            ]
        );
        let cron_job = format!(r#"{{"spec":{{"jobTemplate":{{"spec":{{"template":{TEMPLATE}}}}}}}}}"#);
        assert_eq!(references::<CronJob>(&cron_job).len(), 4);
        assert!(references::<CronJob>(&cron_job).contains(&"cronJob.secrets keys".to_owned()));
    }

    #[test]
    fn a_stateful_set_refers_to_its_governing_service_too() {
        let set = format!(r#"{{"spec":{{"serviceName":"cart-nodes","template":{TEMPLATE}}}}}"#);
        assert_eq!(references::<StatefulSet>(&set)[0], "statefulSet.service cart-nodes");
        assert_eq!(references::<StatefulSet>(r#"{"spec":{"serviceName":null}}"#), [""; 0]);
    }

    #[test]
    fn an_autoscaler_refers_to_its_target_by_kind_and_name() {
        let autoscaler =
            r#"{"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"cart"}}}"#;
        assert_eq!(
            references::<HorizontalPodAutoscaler>(autoscaler),
            ["horizontalPodAutoscaler.target Deployment.apps/cart"]
        );
        assert_eq!(references::<HorizontalPodAutoscaler>("{}"), [""; 0]);
    }

    #[test]
    fn the_images_of_a_template_are_found_once_each() {
        let columns = Deployment::columns(&format!(r#"{{"spec":{{"template":{TEMPLATE}}}}}"#)).unwrap();
        let mut images = Vec::new();
        Deployment::texts(&columns, &mut |text| images.push(text.as_str().to_owned()));
        assert_eq!(images, ["shop/cart:1", "shop/proxy:2"]);
    }
}
