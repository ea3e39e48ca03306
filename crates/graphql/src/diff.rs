//! `clusterDiff`: what differs between clusters for objects of the same kind, namespace and name.
//!
//! ```text
//!   objects of a kind in the chosen clusters ─▶ by (namespace, name) ─▶ without what differs anyway
//!     ─▶ equal ones together: the largest group is the norm, the others are outliers, with the paths that differ
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_graphql::{Context, ID, Object, SimpleObject};
use cluster_registry::{AnyEntry, AnyReader, AnyStore, Edge, SharedAny};
use fleetgraph_core::{ClusterId, Error, ErrorCode, LabelSelector};
use kinds::{AnyResource, ErrorExt, Json, Viewer, report, unknown_kind};
use serde_json::Value;
use tracing::Instrument;

use crate::{
    aside,
    graph::{bounded, named},
};

/// The most objects that are compared in one answer.
const MAX_OBJECTS: usize = 20_000;
/// The most differing objects of one answer.
const MAX_DIFFERENCES: usize = 1000;
/// The most paths that are named for one outlier.
const MAX_PATHS: usize = 100;

#[derive(Default)]
pub struct DiffQuery;

#[Object]
impl DiffQuery {
    /// What differs between clusters for objects of the same kind, namespace and name: missing ones, and those whose
    /// wanted state is another. Status, identity and what the API server fills in are not compared, and nothing that is
    /// masked for you.
    async fn cluster_diff(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Ids of the clusters; all if missing.")] clusters: Option<Vec<String>>,
        #[graphql(desc = "Kinds, such as `deployments` or `ConfigMap`.")] kinds: Vec<String>,
        #[graphql(desc = "A label selector in Kubernetes' syntax.")] selector: Option<String>,
        #[graphql(desc = "All namespaces if missing or empty.")] namespaces: Option<Vec<String>>,
        #[graphql(default = 100, desc = "How many differing objects at most; 1000 is the bound.")] first: i32,
    ) -> async_graphql::Result<ClusterDiff> {
        let viewer = Viewer::of(ctx)?;
        let labels = selector.as_deref().map(LabelSelector::parse).transpose().graphql()?;
        let first = bounded("first", first, MAX_DIFFERENCES)?;
        let namespaces = namespaces.into_iter().flatten().collect();
        let wanted = Wanted { labels: labels.unwrap_or_default(), namespaces };
        let (registry, scope) = (viewer.registry.clone(), viewer.scope.clone());
        let compared = aside::run(move |stopped| {
            let reader = registry.read_any(&scope);
            Compared::of(&reader, clusters, &kinds.into_iter().collect(), &wanted, first, stopped)
        });
        let Compared { diff, problems } =
            compared.instrument(tracing::info_span!("graphql.diff")).await?.graphql()?;
        problems.iter().for_each(|problem| report(ctx, problem));
        Ok(diff)
    }
}

/// The answer, and what it may lack.
struct Compared {
    diff: ClusterDiff,
    problems: Vec<Error>,
}

impl Compared {
    fn of(
        reader: &AnyReader<'_>,
        clusters: Option<Vec<String>>,
        kinds: &BTreeSet<String>,
        wanted: &Wanted,
        first: usize,
        stopped: &AtomicBool,
    ) -> Result<Self, Error> {
        let clusters = reader.chosen(clusters.as_deref())?;
        if clusters.len() < 2 || kinds.is_empty() {
            return Err(Error::bad_input("to compare takes two clusters and a kind at least"));
        }
        let mut compared = Self { diff: ClusterDiff::default(), problems: Vec::new() };
        let mut left = MAX_OBJECTS;
        for kind in kinds {
            let sides = sides(reader, &clusters, kind)?;
            let stores = sides.iter().flat_map(|side| &side.stores);
            compared.problems.extend(stores.filter_map(|store| reader.problem(&**store)));
            // A cluster that was never read would seem to lack everything.
            let read = |side: &Side| side.stores.iter().all(|store| store.freshness(true).synced);
            let sides: Vec<Side> = sides.into_iter().filter(read).collect();
            if sides.len() > 1 {
                compared.diff.compare(reader, &sides, wanted, first, &mut left, stopped)?;
            }
        }
        Ok(compared)
    }
}

struct Wanted {
    labels: LabelSelector,
    namespaces: BTreeSet<String>,
}

/// A cluster, and its stores of a kind: none where it doesn't have the kind, several where only some namespaces are watched.
struct Side {
    cluster: String,
    stores: Vec<Arc<dyn AnyStore>>,
}

fn sides(reader: &AnyReader<'_>, clusters: &[ClusterId], kind: &str) -> Result<Vec<Side>, Error> {
    let of = |cluster: &ClusterId| {
        let stores = named(reader.stores(cluster.as_str()), kind);
        Side { cluster: cluster.to_string(), stores }
    };
    let sides: Vec<Side> = clusters.iter().map(of).collect();
    if sides.iter().all(|side| side.stores.is_empty()) {
        return Err(unknown_kind(kind));
    }
    Ok(sides)
}

/// What differs between clusters.
#[derive(SimpleObject, Default)]
struct ClusterDiff {
    /// How many different objects (by kind, namespace and name) were compared.
    compared: usize,
    /// How many objects were compared without fields that are masked for you in a cluster.
    masked: usize,
    /// Whether there are more than the answer holds.
    truncated: bool,
    /// In the order of kind, namespace and name.
    differences: Vec<ObjectDiff>,
}

impl ClusterDiff {
    fn compare(
        &mut self,
        reader: &AnyReader<'_>,
        sides: &[Side],
        wanted: &Wanted,
        first: usize,
        left: &mut usize,
        stopped: &AtomicBool,
    ) -> Result<(), Error> {
        let mut objects: BTreeMap<(String, String), Vec<(usize, SharedAny)>> = BTreeMap::new();
        let spans = Edge::spans(wanted.namespaces.iter().map(String::as_str));
        let matches = |entry: &dyn AnyEntry| wanted.labels.matches(&entry.meta().labels);
        for (number, side) in sides.iter().enumerate() {
            for (store, (from, to)) in
                side.stores.iter().flat_map(|store| spans.iter().map(move |s| (store, s)))
            {
                let (rows, more) = reader.within(&**store, None, *from, *to, *left, &matches);
                if more {
                    // What isn't looked at would seem to be missing.
                    return Err(Error::bad_input(format!(
                        "more than {MAX_OBJECTS} objects would have to be compared; choose fewer kinds, clusters or \
                         namespaces, or give a selector"
                    )));
                }
                *left -= rows.len();
                for entry in rows.into_iter().filter(|entry| !is_own(&**entry)) {
                    let key = (entry.meta().namespace.to_string(), entry.meta().name.to_string());
                    objects.entry(key).or_default().push((number, entry));
                }
            }
        }
        self.compared += objects.len();
        let masked =
            |found: &&Vec<(usize, SharedAny)>| found.iter().any(|(_, entry)| !entry.masked().is_empty());
        self.masked += objects.values().filter(masked).count();
        let clusters: Vec<String> = sides.iter().map(|side| side.cluster.clone()).collect();
        for ((namespace, name), found) in objects {
            if stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            let Some(difference) = ObjectDiff::of(&clusters, &namespace, &name, found)? else { continue };
            if self.differences.len() == first {
                self.truncated = true;
                return Ok(());
            }
            self.differences.push(difference);
        }
        Ok(())
    }
}

/// An object that is not the same in all clusters.
#[derive(SimpleObject)]
struct ObjectDiff {
    kind: String,
    /// Null for a cluster-scoped object.
    namespace_name: Option<String>,
    name: String,
    /// The clusters that have it as most of them do.
    same: Vec<ID>,
    /// The clusters that don't have it.
    missing: Vec<ID>,
    /// The clusters where it is another.
    outliers: Vec<Outlier>,
}

/// An object that is not as most clusters have it.
#[derive(SimpleObject)]
struct Outlier {
    cluster_id: ID,
    resource: Option<AnyResource>,
    /// What differs, in the order of the paths; 100 at most.
    paths: Vec<PathDiff>,
}

/// A place where two objects differ.
#[derive(SimpleObject)]
struct PathDiff {
    /// Such as `spec.template.spec.containers[0].image`.
    path: String,
    /// What most clusters have; null where they have nothing.
    norm: Option<Json>,
    /// What this cluster has; null where it has nothing.
    value: Option<Json>,
}

impl ObjectDiff {
    fn of(
        clusters: &[String],
        namespace: &str,
        name: &str,
        found: Vec<(usize, SharedAny)>,
    ) -> Result<Option<Self>, Error> {
        let mut groups: Vec<(Value, Vec<(usize, SharedAny)>)> = Vec::new();
        let kind = found.first().map_or("", |(_, entry)| entry.kind().kind).to_owned();
        let has: BTreeSet<usize> = found.iter().map(|(number, _)| *number).collect();
        for (number, entry) in found {
            let mut value: Value = read(&*entry)?;
            normalise(&mut value);
            match groups.iter_mut().find(|(known, _)| *known == value) {
                Some((_, members)) => members.push((number, entry)),
                None => groups.push((value, vec![(number, entry)])),
            }
        }
        // The largest group is the norm; between equals, the one of the first cluster.
        groups.sort_by_key(|(_, members)| std::cmp::Reverse(members.len()));
        let missing: Vec<ID> = (0..clusters.len())
            .filter(|number| !has.contains(number))
            .map(|number| ID(clusters[number].clone()))
            .collect();
        if groups.len() <= 1 && missing.is_empty() {
            return Ok(None);
        }
        let mut groups = groups.into_iter();
        let Some((norm, same)) = groups.next() else { return Ok(None) };
        let mut outliers = Vec::new();
        for (value, members) in groups {
            for (number, entry) in members {
                let mut paths = Vec::new();
                differ(&norm, &value, &mut String::new(), &mut paths);
                outliers.push((
                    number,
                    Outlier {
                        cluster_id: ID(clusters[number].clone()),
                        resource: AnyResource::from_any(entry),
                        paths,
                    },
                ));
            }
        }
        outliers.sort_by_key(|(number, _)| *number);
        Ok(Some(Self {
            kind,
            namespace_name: Some(namespace.to_owned()).filter(|namespace| !namespace.is_empty()),
            name: name.to_owned(),
            same: same.into_iter().map(|(number, _)| ID(clusters[number].clone())).collect(),
            missing,
            outliers: outliers.into_iter().map(|(_, outlier)| outlier).collect(),
        }))
    }
}

/// Whether an object is each cluster's own by its nature: the authority that the controller manager publishes in every
/// namespace, and the API server's own service.
fn is_own(entry: &dyn AnyEntry) -> bool {
    let (kind, meta) = (entry.kind(), entry.meta());
    (kind.is_resource("configmaps") && *meta.name == *"kube-root-ca.crt")
        || (*meta.namespace == *"default" && *meta.name == *"kubernetes")
            && (kind.is_resource("services") || kind.is_resource("endpointslices.discovery.k8s.io"))
}

/// Annotations that controllers and tools write for themselves.
const NOT_COMPARED: [&str; 8] = [
    "pv.kubernetes.io/bind-completed",
    "pv.kubernetes.io/bound-by-controller",
    "volume.kubernetes.io/selected-node",
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "control-plane.alpha.kubernetes.io/leader",
];

/// Leaves what a person or a tool wants of the object.
fn normalise(object: &mut Value) {
    let Value::Object(fields) = object else { return };
    fields.remove("status");
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.retain(|key, _| matches!(key.as_str(), "name" | "namespace" | "labels" | "annotations"));
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.retain(|key, _| !NOT_COMPARED.contains(&key.as_str()));
        }
        metadata.retain(|_, value| value.as_object().is_none_or(|map| !map.is_empty()));
    }
    // A job's selector and labels are its own uid.
    if fields.get("kind").is_some_and(|kind| kind == "Job") {
        if let Some(Value::Object(spec)) = fields.get_mut("spec") {
            spec.remove("selector");
            if let Some(Value::Object(labels)) =
                spec.get_mut("template").and_then(|t| t.pointer_mut("/metadata/labels"))
            {
                labels.retain(|key, _| !key.ends_with("controller-uid"));
            }
        }
        if let Some(Value::Object(labels)) = fields.get_mut("metadata").and_then(|m| m.get_mut("labels")) {
            labels.retain(|key, _| !key.ends_with("controller-uid"));
        }
    }
    // What each API server assigns.
    if let Some(Value::Object(spec)) = fields.get_mut("spec") {
        for key in ["clusterIP", "clusterIPs", "nodeName", "volumeName", "healthCheckNodePort"] {
            spec.remove(key);
        }
        if let Some(Value::Array(ports)) = spec.get_mut("ports") {
            for port in ports.iter_mut().filter_map(Value::as_object_mut) {
                port.remove("nodePort");
            }
        }
    }
    fields.remove("secrets");
}

fn differ(norm: &Value, value: &Value, path: &mut String, paths: &mut Vec<PathDiff>) {
    if norm == value || paths.len() >= MAX_PATHS {
        return;
    }
    let length = path.len();
    match (norm, value) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let plain = key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if !plain {
                    path.push_str(&format!("[{}]", Value::from(key.as_str())));
                } else if path.is_empty() {
                    path.push_str(key);
                } else {
                    path.push_str(&format!(".{key}"));
                }
                differ(a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null), path, paths);
                path.truncate(length);
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for index in 0..a.len().max(b.len()) {
                path.push_str(&format!("[{index}]"));
                differ(
                    a.get(index).unwrap_or(&Value::Null),
                    b.get(index).unwrap_or(&Value::Null),
                    path,
                    paths,
                );
                path.truncate(length);
            }
        }
        (norm, value) => paths.push(PathDiff { path: path.clone(), norm: json(norm), value: json(value) }),
    }
}

fn json(value: &Value) -> Option<Json> {
    (!value.is_null()).then(|| value.clone().into())
}

fn read(entry: &dyn AnyEntry) -> Result<Value, Error> {
    let unreadable = |error: &dyn std::error::Error| {
        let message = format!("{} {} can't be read: {error}", entry.kind().kind, entry.meta().name);
        Error::new(ErrorCode::MalformedObject, message)
    };
    let text = entry.json().map_err(|error| unreadable(&error))?;
    serde_json::from_str(&text).map_err(|error| unreadable(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_api_server_fills_in_is_not_compared() {
        let object = |uid: &str, ip: &str, port: u16, image: &str| {
            let mut value = json!({
                "metadata": {"name": "cart", "uid": uid, "resourceVersion": uid, "generation": 3,
                    "annotations": {"deployment.kubernetes.io/revision": uid}},
                "spec": {"clusterIP": ip, "ports": [{"port": 80, "nodePort": port}], "image": image},
                "status": {"uid": uid},
            });
            normalise(&mut value);
            value
        };
        assert_eq!(object("a", "10.0.0.1", 30001, "x"), object("b", "10.0.0.2", 30002, "x"));
        assert_ne!(object("a", "10.0.0.1", 30001, "x"), object("b", "10.0.0.2", 30002, "y"));
    }

    #[test]
    fn differences_are_named_by_their_paths() {
        let mut paths = Vec::new();
        let norm = json!({"spec": {"containers": [{"image": "a"}], "replicas": 2, "a/b": 1}});
        let value = json!({"spec": {"containers": [{"image": "b"}, {"image": "c"}], "a/b": 2}});
        differ(&norm, &value, &mut String::new(), &mut paths);
        let found: Vec<&str> = paths.iter().map(|path| path.path.as_str()).collect();
        assert_eq!(
            found,
            ["spec[\"a/b\"]", "spec.containers[0].image", "spec.containers[1]", "spec.replicas"]
        );
    }
}
