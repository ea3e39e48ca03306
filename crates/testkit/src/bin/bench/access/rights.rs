//! The roles and bindings of the callers, as many and of as many shapes as clusters of several teams have.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use serde_json::{Value, json};

use super::callers::{BOUND, EVERYWHERE, ONE_NAMESPACE, OVERLAPPING};
use crate::cluster::Pods;

pub const API: &str = "rbac.authorization.k8s.io";
/// Lists what the questions are about.
pub const READER: &str = "bench-reader";
const GROUPS: usize = 20;
const NAMED_PODS: usize = 10;
const WORKERS: usize = 8;

pub struct Rights {
    /// In order.
    pub namespaces: Vec<String>,
    /// All that were written, whomever they bind.
    pub bindings: usize,
    /// Of the caller with overlapping bindings: through these alone everything may be seen.
    pub groups: Vec<String>,
}

/// An object of the RBAC API, and the path that it is created at.
struct Written {
    path: String,
    object: Value,
}

pub async fn write(client: &Client, pods: &Pods) -> Result<Rights> {
    let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pod in pods.values() {
        named.entry(&pod.namespace).or_default().push(&pod.name);
    }
    let namespaces: Vec<String> = named.keys().map(|namespace| (*namespace).to_owned()).collect();
    let groups: Vec<String> = (0..GROUPS).map(|number| format!("bench-group-{number}")).collect();

    let mut all = common();
    all.push(cluster_binding("everywhere", READER, &user(EVERYWHERE)));
    let one = namespaces.first().context("there are namespaces")?;
    all.push(binding(one, "one-namespace", READER, &user(ONE_NAMESPACE)));
    for (number, (namespace, pods)) in named.iter().enumerate() {
        all.push(binding(namespace, "bound", READER, &user(BOUND)));
        all.push(binding(namespace, "overlapping", READER, &user(OVERLAPPING)));
        all.extend(overlapping(namespace, pods, &group_of(&groups, number)));
    }
    let bindings = all.iter().filter(|written| written.path.ends_with("bindings")).count();
    // Bindings may come before their roles.
    stream::iter(&all)
        .map(|written| create(client, written))
        .buffer_unordered(WORKERS)
        .try_collect::<()>()
        .await?;
    Ok(Rights { namespaces, bindings, groups })
}

/// Roles for all clusters, and the right to see nodes, which everybody has: walks go there.
fn common() -> Vec<Written> {
    let read = json!(["get", "list", "watch"]);
    let rule = |groups: Value, resources: Value, verbs: &Value| json!([{ "apiGroups": groups, "resources": resources, "verbs": verbs }]);
    let of_pods = json!(["pods", "services", "deployments", "replicasets"]);
    vec![
        cluster_role(READER, rule(json!(["", "apps"]), of_pods, &read)),
        cluster_role("bench-pods", rule(json!([""]), json!(["pods"]), &read)),
        cluster_role(
            "bench-writer",
            rule(json!(["apps"]), json!(["*"]), &json!(["create", "patch", "delete"])),
        ),
        cluster_role("bench-nodes", rule(json!([""]), json!(["nodes"]), &read)),
        cluster_binding("nodes", "bench-nodes", &group("system:authenticated")),
    ]
}

/// Ten more bindings for each namespace, and what they refer to: whole roles and narrower ones through groups, roles for
/// single pods, rights that show nothing, and one for pods of these names in whatever namespace.
fn overlapping(namespace: &str, pods: &[&str], group_of: &impl Fn(usize) -> Value) -> Vec<Written> {
    let few: BTreeSet<&str> = pods.iter().copied().take(NAMED_PODS).collect();
    let rules = json!([{ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": few }]);
    let anywhere = format!("bench-named-{namespace}");
    let mut named = binding(namespace, "named", "named", &user(OVERLAPPING));
    named.object["roleRef"]["kind"] = json!("Role");
    let mut named_of_group = binding(namespace, "named-of-group", "named", &group_of(0));
    named_of_group.object["roleRef"]["kind"] = json!("Role");
    vec![
        Written {
            path: format!("/apis/{API}/v1/namespaces/{namespace}/roles"),
            object: json!({ "metadata": { "name": "named" }, "rules": rules }),
        },
        cluster_role(&anywhere, rules),
        binding(namespace, "reader-1", READER, &group_of(0)),
        binding(namespace, "reader-2", READER, &group_of(1)),
        binding(namespace, "reader-3", READER, &group_of(2)),
        binding(namespace, "pods-1", "bench-pods", &group_of(0)),
        binding(namespace, "pods-2", "bench-pods", &group_of(3)),
        binding(namespace, "pods-3", "bench-pods", &user(OVERLAPPING)),
        named,
        named_of_group,
        binding(namespace, "writer", "bench-writer", &user(OVERLAPPING)),
        cluster_binding(&format!("named-{namespace}"), &anywhere, &user(OVERLAPPING)),
    ]
}

fn group_of(groups: &[String], number: usize) -> impl Fn(usize) -> Value {
    move |offset| group(&groups[(number + offset) % groups.len()])
}

fn cluster_role(name: &str, rules: Value) -> Written {
    Written {
        path: format!("/apis/{API}/v1/clusterroles"),
        object: json!({ "metadata": { "name": name }, "rules": rules }),
    }
}

fn cluster_binding(name: &str, role: &str, subject: &Value) -> Written {
    Written {
        path: format!("/apis/{API}/v1/clusterrolebindings"),
        object: bound(&format!("bench-{name}"), role, subject),
    }
}

fn binding(namespace: &str, name: &str, role: &str, subject: &Value) -> Written {
    Written { path: bindings_of(namespace), object: bound(name, role, subject) }
}

pub fn bindings_of(namespace: &str) -> String {
    format!("/apis/{API}/v1/namespaces/{namespace}/rolebindings")
}

/// A binding of a role for all clusters.
pub fn bound(name: &str, role: &str, subject: &Value) -> Value {
    json!({
        "metadata": { "name": name },
        "roleRef": { "apiGroup": API, "kind": "ClusterRole", "name": role },
        "subjects": [subject],
    })
}

pub fn user(name: &str) -> Value {
    json!({ "kind": "User", "apiGroup": API, "name": name })
}

fn group(name: &str) -> Value {
    json!({ "kind": "Group", "apiGroup": API, "name": name })
}

async fn create(client: &Client, Written { path, object }: &Written) -> Result<()> {
    post(client, path, object).await.map(drop)
}

pub async fn post(client: &Client, path: &str, object: &Value) -> Result<Value> {
    let request = http::Request::post(path)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(serde_json::to_vec(object)?)?;
    client.request(request).await.with_context(|| format!("creating {object} at {path}"))
}
