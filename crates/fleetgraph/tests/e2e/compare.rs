//! The checker: everything that fleetgraph says of a cluster against everything that its API server says.

use std::{collections::BTreeMap, time::Instant};

use serde_json::Value;
use testkit::ControlPlane;

use crate::{
    bed::{Bed, PATIENCE},
    client,
};

/// The kinds that are compared: path at the API server, and the field of the query root.
pub const KINDS: &[(&str, &str)] = &[
    ("/api/v1/nodes", "nodes"),
    ("/api/v1/namespaces", "namespaces"),
    ("/api/v1/persistentvolumes", "persistentVolumes"),
    ("/api/v1/pods", "pods"),
    ("/api/v1/services", "services"),
    ("/api/v1/serviceaccounts", "serviceAccounts"),
    ("/api/v1/configmaps", "configMaps"),
    (SECRETS, "secrets"),
    ("/api/v1/persistentvolumeclaims", "persistentVolumeClaims"),
    ("/api/v1/resourcequotas", "resourceQuotas"),
    ("/api/v1/limitranges", "limitRanges"),
    ("/api/v1/events", "events"),
    ("/apis/apps/v1/deployments", "deployments"),
    ("/apis/apps/v1/replicasets", "replicaSets"),
    ("/apis/apps/v1/statefulsets", "statefulSets"),
    ("/apis/apps/v1/daemonsets", "daemonSets"),
    ("/apis/batch/v1/jobs", "jobs"),
    ("/apis/batch/v1/cronjobs", "cronJobs"),
    ("/apis/autoscaling/v2/horizontalpodautoscalers", "horizontalPodAutoscalers"),
    ("/apis/policy/v1/poddisruptionbudgets", "podDisruptionBudgets"),
    ("/apis/networking.k8s.io/v1/ingresses", "ingresses"),
    ("/apis/networking.k8s.io/v1/ingressclasses", "ingressClasses"),
    ("/apis/networking.k8s.io/v1/networkpolicies", "networkPolicies"),
    ("/apis/discovery.k8s.io/v1/endpointslices", "endpointSlices"),
    ("/apis/rbac.authorization.k8s.io/v1/roles", "roles"),
    ("/apis/rbac.authorization.k8s.io/v1/rolebindings", "roleBindings"),
    ("/apis/rbac.authorization.k8s.io/v1/clusterroles", "clusterRoles"),
    ("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "clusterRoleBindings"),
    ("/apis/storage.k8s.io/v1/storageclasses", "storageClasses"),
    ("/apis/scheduling.k8s.io/v1/priorityclasses", "priorityClasses"),
    ("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "customResourceDefinitions"),
    ("/apis/coordination.k8s.io/v1/leases", LEASES),
];

const SECRETS: &str = "/api/v1/secrets";
/// The one kind that isn't watched unless the configuration lists it.
const LEASES: &str = "leases";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

pub type Objects = BTreeMap<String, Value>;

/// Waits until fleetgraph's copy of a cluster is the same as the API server's: each object, whole, none missing, none
/// left over. Returns how many objects were compared.
pub async fn until_equal(bed: &Bed, plane: &ControlPlane) -> usize {
    let deadline = Instant::now() + PATIENCE;
    let leases = format!("{{ cluster(id: {:?}) {{ freshness {{ kind }} }} }}", plane.name());
    let leases = bed.data(&leases).await["cluster"]["freshness"]
        .as_array()
        .is_some_and(|kinds| kinds.iter().any(|freshness| freshness["kind"] == "Lease"));
    loop {
        let mut count = 0;
        let mut differences = Vec::new();
        for (path, field) in KINDS.iter().filter(|(_, field)| leases || *field != LEASES) {
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

/// What an API server lists, as fleetgraph keeps it: with kind and version, without `managedFields`, and of secrets
/// the metadata only, without what `kubectl apply` copied into it.
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
            if path == SECRETS {
                metadata_only(&mut object);
            }
            keyed(object)
        })
        .collect()
}

fn metadata_only(secret: &mut Value) {
    secret
        .as_object_mut()
        .unwrap()
        .retain(|key, _| ["kind", "apiVersion", "metadata"].contains(&key.as_str()));
    if let Some(Value::Object(annotations)) = secret.pointer_mut("/metadata/annotations") {
        annotations.remove(LAST_APPLIED);
    }
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
