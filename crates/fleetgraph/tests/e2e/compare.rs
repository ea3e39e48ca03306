//! The checker: everything that fleetgraph says of a cluster against everything that its API server says.

use std::{collections::BTreeMap, time::Instant};

use serde_json::Value;
use testkit::ControlPlane;

use crate::{
    bed::{Bed, PATIENCE},
    client,
};

/// The kinds that are compared: path at the API server, and the field of the query root.
const KINDS: &[(&str, &str)] = &[
    ("/api/v1/nodes", "nodes"),
    ("/api/v1/namespaces", "namespaces"),
    ("/api/v1/pods", "pods"),
    ("/api/v1/services", "services"),
    ("/api/v1/resourcequotas", "resourceQuotas"),
    ("/api/v1/events", "events"),
    ("/apis/apps/v1/deployments", "deployments"),
    ("/apis/apps/v1/replicasets", "replicaSets"),
    ("/apis/discovery.k8s.io/v1/endpointslices", "endpointSlices"),
];

type Objects = BTreeMap<String, Value>;

/// Waits until fleetgraph's copy of a cluster is the same as the API server's: each object, whole, none missing, none
/// left over. Returns how many objects were compared.
pub async fn until_equal(bed: &Bed, plane: &ControlPlane) -> usize {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut count = 0;
        let mut differences = Vec::new();
        for (path, field) in KINDS {
            // What the server says may change while we ask: asked first, so that ours can only be newer.
            let theirs = theirs(plane, path).await;
            let ours = ours(bed, plane.name(), field).await;
            count += theirs.len();
            differences.extend(differences_between(field, &theirs, &ours));
        }
        if differences.is_empty() {
            return count;
        }
        assert!(
            Instant::now() < deadline,
            "cluster {} still differs in {} objects: {:#?}",
            plane.name(),
            differences.len(),
            &differences[..differences.len().min(5)]
        );
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

fn differences_between(field: &str, theirs: &Objects, ours: &Objects) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    keys.into_iter()
        .filter_map(|key| match (theirs.get(key), ours.get(key)) {
            (Some(theirs), Some(ours)) if theirs == ours => None,
            (Some(theirs), Some(ours)) => Some(format!("{field} {key} differs: {theirs} against {ours}")),
            (Some(_), None) => Some(format!("{field} {key} is missing")),
            (None, _) => Some(format!("{field} {key} is left over")),
        })
        .collect()
}

async fn ours(bed: &Bed, cluster: &str, field: &str) -> Objects {
    let query = format!("{{ {field}(cluster: {cluster:?}) {{ manifest }} }}");
    // A cluster that is still coming back gives an error beside its rows; the rows decide.
    let mut answer = client::answer(bed.http(), &query, serde_json::json!({})).await;
    let Value::Array(objects) = answer["data"][field].take() else { panic!("{query}: {answer}") };
    objects.into_iter().map(|mut object| keyed(object["manifest"].take())).collect()
}

/// What an API server lists, as fleetgraph keeps it: with kind and version, without `managedFields`.
pub async fn theirs(plane: &ControlPlane, path: &str) -> Objects {
    let mut list = raw(plane, path).await;
    let kind = list["kind"].as_str().unwrap().trim_end_matches("List").to_owned();
    let version = list["apiVersion"].take();
    let Value::Array(objects) = list["items"].take() else { return Objects::new() };
    objects
        .into_iter()
        .map(|mut object| {
            object["kind"] = kind.clone().into();
            object["apiVersion"] = version.clone();
            object["metadata"].as_object_mut().unwrap().remove("managedFields");
            keyed(object)
        })
        .collect()
}

/// An API server's answer to a GET.
pub async fn raw(plane: &ControlPlane, path: &str) -> Value {
    serde_json::from_str(&plane.kubectl(&["get", "--raw", path]).await.unwrap()).unwrap()
}

fn keyed(object: Value) -> (String, Value) {
    let metadata = &object["metadata"];
    let namespace = metadata["namespace"].as_str().unwrap_or("");
    (format!("{namespace}/{}", metadata["name"].as_str().unwrap()), object)
}
