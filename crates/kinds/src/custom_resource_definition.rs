//! Custom resource definitions: the kinds that a cluster has besides its own.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputObject, Object, SimpleObject};
use cluster_registry::Matches;
use fleetgraph_core::{Health, Istr, Kind, KindMeta};
use serde::Deserialize;

use crate::{
    conditions::{Condition, ConditionText, condition},
    custom::{self, CustomResource, Description, Printers},
    filter::{Filter, ResourceFilter},
    resource::{self, ClusterScoped, Resource, ResourceKind},
    text::{List, Part, list},
    viewer,
};

/// A kind that a cluster has besides.
pub enum CustomResourceDefinition {}

/// What lists and filters of definitions need, and whoever watches the objects that they define.
pub struct Columns {
    group: Istr,
    kind: Istr,
    plural: Istr,
    singular: Istr,
    watch_version: Istr,
    scope: CustomResourceScope,
    established: bool,
    health: Health,
    /// What `kubectl get` prints of the objects.
    pub printers: Printers,
}

impl Columns {
    /// The kind to watch; `None` while the API server serves no version of it. The names are the accepted ones, which a
    /// later wish does not replace before it is accepted too. The version is the one that is stored, which needs no
    /// conversion, if it is served, or else the first that is.
    pub fn description(&self) -> Option<Description> {
        (self.established && !self.watch_version.is_empty()).then(|| Description {
            group: self.group.to_string(),
            version: self.watch_version.to_string(),
            kind: self.kind.to_string(),
            plural: self.plural.to_string(),
            singular: self.singular.to_string(),
            namespaced: self.scope == CustomResourceScope::Namespaced,
        })
    }
}

/// Where objects of a kind lie.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustomResourceScope {
    /// In namespaces.
    Namespaced,
    /// In the cluster itself.
    Cluster,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    spec: Part<Spec>,
    #[serde(default)]
    status: Part<Status>,
}

#[derive(Deserialize, Default)]
struct Spec {
    #[serde(default)]
    group: Option<Istr>,
    #[serde(default)]
    names: Part<CustomResourceNames>,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    versions: List<CustomResourceVersion>,
    #[serde(default)]
    conversion: Part<Conversion>,
}

#[derive(Deserialize, Default)]
struct Conversion {
    #[serde(default)]
    strategy: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    conditions: List<ConditionText>,
    #[serde(default)]
    accepted_names: Part<CustomResourceNames>,
    #[serde(default)]
    stored_versions: List<String>,
}

impl Status {
    fn says(&self, kind: &str, status: &str) -> Option<&str> {
        let found = condition(&self.conditions, kind).filter(|condition| condition.status == status)?;
        Some(found.reason.as_deref().unwrap_or(""))
    }

    fn established(&self) -> bool {
        self.says("Established", "True").is_some()
    }

    /// As Argo CD judges definitions, but for one that isn't established yet, which is still on its way.
    fn health(&self) -> Health {
        let or = |reason: &str, default| Istr::new(if reason.is_empty() { default } else { reason });
        if self.says("Terminating", "True").is_some() {
            Health::progressing("Terminating")
        } else if let Some(reason) = self.says("NamesAccepted", "False") {
            Health::degraded(&or(reason, "NamesNotAccepted"))
        } else if !self.established() {
            Health::progressing(&or(self.says("Established", "False").unwrap_or(""), "NotEstablished"))
        } else if self.says("NonStructuralSchema", "True").is_some() {
            Health::degraded("NonStructuralSchema")
        } else {
            Health::healthy()
        }
    }
}

fn watch_version(versions: &[CustomResourceVersion]) -> Istr {
    let served = || versions.iter().filter(|version| version.served);
    let version = served().find(|version| version.storage).or_else(|| served().next());
    Istr::new(version.map_or("", |version| &version.name))
}

impl Kind for CustomResourceDefinition {
    const META: KindMeta = KindMeta {
        group: "apiextensions.k8s.io",
        version: "v1",
        kind: "CustomResourceDefinition",
        plural: "customresourcedefinitions",
        singular: "customresourcedefinition",
        namespaced: false,
        rules: &[],
    };

    type Columns = Columns;

    fn columns(object: &str) -> Result<Columns, serde_json::Error> {
        let text: Text = serde_json::from_str(object)?;
        let (spec, status) = (text.spec.0, text.status.0);
        let (wanted, accepted) = (&*spec.names, &*status.accepted_names);
        let names = if accepted.plural.is_empty() { wanted } else { accepted };
        let lower_case = names.kind.to_lowercase();
        Ok(Columns {
            group: spec.group.unwrap_or_default(),
            kind: Istr::new(&names.kind),
            plural: Istr::new(&names.plural),
            // The API's default.
            singular: Istr::new(names.singular.as_deref().filter(|s| !s.is_empty()).unwrap_or(&lower_case)),
            watch_version: watch_version(&spec.versions),
            scope: match spec.scope.as_deref() {
                Some("Cluster") => CustomResourceScope::Cluster,
                _ => CustomResourceScope::Namespaced,
            },
            established: status.established(),
            health: status.health(),
            printers: Printers::new(
                spec.versions.into_iter().map(|version| (version.name, version.additional_printer_columns)),
            ),
        })
    }

    fn health(columns: &Columns) -> Health {
        columns.health.clone()
    }
}

impl ResourceKind for CustomResourceDefinition {
    type Detail = CustomResourceDefinitionDetail;
    type Placement = ClusterScoped;
    type Filter = CustomResourceDefinitionFilter;
}

/// What definitions can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct CustomResourceDefinitionFilter {
    #[graphql(flatten)]
    common: ResourceFilter,
    /// The API group, such as `cert-manager.io`.
    group: Option<String>,
    scope: Option<CustomResourceScope>,
    /// Whether the API server serves the kind.
    established: Option<bool>,
}

impl Filter<CustomResourceDefinition> for CustomResourceDefinitionFilter {
    fn common(&self) -> &ResourceFilter {
        &self.common
    }

    fn own(&self) -> Option<Matches<CustomResourceDefinition>> {
        let (group, scope, established) = (self.group.clone(), self.scope, self.established);
        (group.is_some() || scope.is_some() || established.is_some()).then(
            || -> Matches<CustomResourceDefinition> {
                Box::new(move |definition| {
                    let columns = &definition.columns;
                    group.as_ref().is_none_or(|group| **group == *columns.group)
                        && scope.is_none_or(|scope| columns.scope == scope)
                        && established.is_none_or(|established| columns.established == established)
                })
            },
        )
    }
}

/// A definition's own fields.
pub struct CustomResourceDefinitionDetail(Arc<resource::Object<CustomResourceDefinition>>);

impl From<Arc<resource::Object<CustomResourceDefinition>>> for CustomResourceDefinitionDetail {
    fn from(object: Arc<resource::Object<CustomResourceDefinition>>) -> Self {
        Self(object)
    }
}

impl CustomResourceDefinitionDetail {
    fn text(&self) -> async_graphql::Result<Text> {
        self.0.part()
    }
}

#[Object]
impl CustomResourceDefinitionDetail {
    /// The objects of the kind, if it is watched.
    async fn instances(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 100, desc = "How many at most.")] limit: i32,
    ) -> async_graphql::Result<Vec<Resource<CustomResource>>> {
        let entry = &self.0.entry;
        let mut found =
            viewer::referrers(ctx, &entry.cluster, &custom::DEFINITION, "", &entry.meta.name).await?;
        found.truncate(usize::try_from(limit).unwrap_or(0));
        Ok(found)
    }

    /// The API group, such as `cert-manager.io`.
    async fn group(&self) -> &str {
        &self.0.entry.columns.group
    }

    async fn scope(&self) -> CustomResourceScope {
        self.0.entry.columns.scope
    }

    /// The names that are wanted.
    async fn names(&self) -> async_graphql::Result<CustomResourceNames> {
        Ok(self.text()?.spec.0.names.0)
    }

    /// The names that are served: those wanted, unless another definition has them; null before any was accepted.
    async fn accepted_names(&self) -> async_graphql::Result<Option<CustomResourceNames>> {
        Ok(Some(self.text()?.status.0.accepted_names.0).filter(|names| !names.plural.is_empty()))
    }

    async fn versions(&self) -> async_graphql::Result<Vec<CustomResourceVersion>> {
        Ok(self.text()?.spec.0.versions.0)
    }

    /// How objects are turned from one version into another: `None`, which changes `apiVersion` only, or `Webhook`.
    async fn conversion_strategy(&self) -> async_graphql::Result<String> {
        Ok(self.text()?.spec.0.conversion.0.strategy.unwrap_or_else(|| "None".to_owned()))
    }

    /// Whether the API server serves the kind.
    async fn established(&self) -> bool {
        self.0.entry.columns.established
    }

    async fn conditions(&self) -> async_graphql::Result<Vec<Condition>> {
        Ok(self.text()?.status.0.conditions.into_iter().map(Into::into).collect())
    }

    /// Every version in which objects were ever stored and may still be.
    async fn stored_versions(&self) -> async_graphql::Result<Vec<String>> {
        Ok(self.text()?.status.0.stored_versions.0)
    }
}

/// What a kind is called.
#[derive(SimpleObject, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct CustomResourceNames {
    kind: String,
    /// The name in URLs.
    plural: String,
    singular: Option<String>,
    list_kind: Option<String>,
    #[serde(deserialize_with = "list")]
    short_names: Vec<String>,
    /// Groups of kinds that `kubectl get` lists together, such as `all`.
    #[serde(deserialize_with = "list")]
    categories: Vec<String>,
}

/// A version in which a kind is there.
#[derive(SimpleObject, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct CustomResourceVersion {
    name: String,
    /// Whether it can be read and written.
    served: bool,
    /// Whether objects are stored in it; so it is with one version.
    storage: bool,
    /// Whether clients are warned of it.
    deprecated: bool,
    /// What clients are told instead of the usual warning.
    deprecation_warning: Option<String>,
    /// What `kubectl get` prints besides the name.
    #[serde(deserialize_with = "list")]
    additional_printer_columns: Vec<CustomResourcePrinterColumn>,
}

/// A column that `kubectl get` prints.
#[derive(SimpleObject, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct CustomResourcePrinterColumn {
    pub name: String,
    /// `integer`, `number`, `string`, `boolean` or `date`.
    #[serde(rename = "type")]
    #[graphql(name = "type")]
    pub kind: String,
    /// How the type is shown, such as `byte`, `int32`, `date-time`, `password`.
    pub format: Option<String>,
    pub description: Option<String>,
    /// Where in the object the value is.
    pub json_path: String,
    /// Above 0 the column is shown with `-o wide` only.
    pub priority: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(object: &str) -> Columns {
        CustomResourceDefinition::columns(object).unwrap()
    }

    #[test]
    fn the_version_to_watch_is_the_stored_one_if_it_is_served() {
        for (versions, expected) in [
            (
                r#"[{"name":"v1alpha1","served":true,"storage":false},{"name":"v1","served":true,"storage":true}]"#,
                Some("v1"),
            ),
            (
                r#"[{"name":"v2","served":false,"storage":true},{"name":"v1","served":true,"storage":false}]"#,
                Some("v1"),
            ),
            (r#"[{"name":"v1","served":false,"storage":true}]"#, None),
            ("null", None),
        ] {
            let established = r#""status":{"conditions":[{"type":"Established","status":"True"}]}"#;
            let columns = columns(&format!(r#"{{"spec":{{"versions":{versions}}},{established}}}"#));
            let version = columns.description().map(|description| description.version);
            assert_eq!(version.as_deref(), expected, "{versions}");
        }
    }

    #[test]
    fn only_what_is_served_is_watched_under_the_names_that_were_accepted() {
        let wanted = r#""spec":{"group":"shop.example","scope":"Cluster","names":{"kind":"Cart","plural":"carts","shortNames":null},
            "versions":[{"name":"v1","served":true,"storage":true}]}"#;
        assert_eq!(columns(&format!("{{{wanted}}}")).description(), None);
        let served = columns(&format!(
            r#"{{{wanted},"status":{{"acceptedNames":{{"kind":"Trolley","plural":"trolleys","singular":"trolley"}},
                "conditions":[{{"type":"Established","status":"True"}}]}}}}"#
        ));
        let description = served.description().unwrap();
        assert_eq!((&*description.group, &*description.version), ("shop.example", "v1"));
        assert_eq!(
            (&*description.kind, &*description.plural, &*description.singular),
            ("Trolley", "trolleys", "trolley")
        );
        assert!(!description.namespaced);
    }
}
