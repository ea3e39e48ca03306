//! What a cluster serves: the resources that every cluster has, and what its custom resource definitions add.
//!
//! The built-in table is the discovery of a real 1.36 server (`data/resources.json`), in that server's order; the
//! differential test compares the two. `metrics.k8s.io`, which an aggregated server gives, is added to it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::schema::{self, DefId};

/// One resource of one group and version.
#[derive(Debug)]
pub struct Resource {
    /// Empty for the core group.
    pub group: String,
    pub version: String,
    pub kind: String,
    pub list_kind: String,
    pub plural: String,
    pub singular: String,
    pub namespaced: bool,
    pub verbs: Vec<String>,
    pub short_names: Vec<String>,
    pub categories: Vec<String>,
    /// As discovery lists them (`pods/log` has the name `log`).
    pub subresources: Vec<Subresource>,
    pub storage_version_hash: String,
    /// Where its objects are: versions, and both `events`, share one place.
    pub storage: Storage,
    pub(crate) schema: Shape,
}

/// Names the place of a resource's objects, such as `deployments.apps`.
pub type Storage = Arc<str>;

/// What is known of the fields.
#[derive(Debug, Clone)]
pub(crate) enum Shape {
    BuiltIn(DefId),
    /// Of a custom resource: what its definition says.
    Custom(Arc<crate::schema::Custom>),
    /// Reviews and other virtual resources take any fields.
    Open,
}

#[derive(Debug, Clone)]
pub struct Subresource {
    pub name: String,
    /// The discovery entry as it is served.
    pub entry: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupVersion {
    group: String,
    version: String,
    resources: Vec<Value>,
}

/// The built-in groups in the order of `/apis`, each with its versions in order of preference, each with its resources.
pub(crate) struct Catalogue {
    /// Group, versions.
    pub groups: Vec<(String, Vec<String>)>,
    by_path: BTreeMap<(String, String, String), Arc<Resource>>,
}

pub(crate) static BUILT_IN: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut tables: Vec<GroupVersion> = serde_json::from_str(include_str!("../data/resources.json"))
        .unwrap_or_else(|error| unreachable!("the table of resources is part of the program: {error}"));
    tables.push(metrics());
    let mut catalogue = Catalogue { groups: Vec::new(), by_path: BTreeMap::new() };
    for table in tables {
        match catalogue.groups.iter_mut().find(|(group, _)| *group == table.group) {
            Some((_, versions)) => versions.push(table.version.clone()),
            None => catalogue.groups.push((table.group.clone(), vec![table.version.clone()])),
        }
        for resource in read_table(&table) {
            let path = (resource.group.clone(), resource.version.clone(), resource.plural.clone());
            catalogue.by_path.insert(path, Arc::new(resource));
        }
    }
    catalogue
});

impl Catalogue {
    pub fn get(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.by_path.get(&(group.to_owned(), version.to_owned(), plural.to_owned())).cloned()
    }

    /// All resources of a group and version, by plural.
    pub fn of(&self, group: &str, version: &str) -> Vec<Arc<Resource>> {
        self.by_path.values().filter(|r| r.group == group && r.version == version).cloned().collect()
    }

    pub fn all(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.by_path.values()
    }
}

fn metrics() -> GroupVersion {
    let entry = |name: &str, namespaced: bool, kind: &str| json!({"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]});
    GroupVersion {
        group: "metrics.k8s.io".to_owned(),
        version: "v1beta1".to_owned(),
        resources: vec![entry("nodes", false, "NodeMetrics"), entry("pods", true, "PodMetrics")],
    }
}

fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn read_table(table: &GroupVersion) -> Vec<Resource> {
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let mut resources: Vec<Resource> = Vec::new();
    for entry in &table.resources {
        let name = text(entry, "name");
        if name.contains('/') {
            continue;
        }
        let kind = text(entry, "kind");
        let schema =
            schema::BUILT_IN.find(&table.group, &table.version, &kind).map_or(Shape::Open, Shape::BuiltIn);
        resources.push(Resource {
            storage: storage(&table.group, &name),
            group: table.group.clone(),
            version: table.version.clone(),
            list_kind: format!("{kind}List"),
            kind,
            singular: text(entry, "singularName"),
            namespaced: entry["namespaced"] == true,
            verbs: strings(&entry["verbs"]),
            short_names: strings(&entry["shortNames"]),
            categories: strings(&entry["categories"]),
            subresources: Vec::new(),
            storage_version_hash: text(entry, "storageVersionHash"),
            schema,
            plural: name,
        });
    }
    for entry in &table.resources {
        let name = text(entry, "name");
        let Some((parent, sub)) = name.split_once('/') else { continue };
        // What this server does not do, it doesn't offer: no exec, proxies, evictions, tokens.
        if !matches!(sub, "status" | "scale" | "log" | "finalize") {
            continue;
        }
        let sub = Subresource { name: sub.to_owned(), entry: entry.clone() };
        match resources.iter_mut().find(|resource| resource.plural == parent) {
            Some(resource) => resource.subresources.push(sub),
            None => tracing::debug!(%name, "a subresource without its resource is not served"),
        }
    }
    resources
}

/// `events` of both groups are the same objects.
pub(crate) fn storage(group: &str, plural: &str) -> Storage {
    match (group, plural) {
        ("" | "events.k8s.io", "events") => "events".into(),
        ("", _) => plural.into(),
        _ => format!("{plural}.{group}").into(),
    }
}

impl Resource {
    /// A built-in resource, such as `("apps", "v1", "deployments")`.
    pub fn built_in(group: &str, version: &str, plural: &str) -> Option<Arc<Self>> {
        BUILT_IN.get(group, version, plural)
    }

    /// `v1`, or `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|sub| sub.name == name)
    }

    pub fn allows(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }

    pub fn is_custom(&self) -> bool {
        matches!(self.schema, Shape::Custom(_))
    }

    /// The entry of an `APIResourceList`.
    pub(crate) fn entry(&self) -> Value {
        let mut entry = json!({
            "name": self.plural, "singularName": self.singular, "namespaced": self.namespaced, "kind": self.kind,
            "verbs": self.verbs,
        });
        if !self.short_names.is_empty() {
            entry["shortNames"] = json!(self.short_names);
        }
        if !self.categories.is_empty() {
            entry["categories"] = json!(self.categories);
        }
        if !self.storage_version_hash.is_empty() {
            entry["storageVersionHash"] = json!(self.storage_version_hash);
        }
        entry
    }
}
