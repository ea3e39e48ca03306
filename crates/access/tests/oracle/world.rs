//! Random worlds: namespaces, users with groups, roles and bindings that overlap, miss each other and name each other.

use std::sync::Arc;

use access::rbac::{Binding, Policy, Role, RoleRef, Rule, Subject};
use fleetgraph_core::Principal;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

pub const NAMESPACES: [&str; 4] = ["north", "south", "east", "west"];
pub const NAMES: [&str; 4] = ["one", "two", "three", "north"];
const USERS: [&str; 4] =
    ["ann", "ben", "system:serviceaccount:north:robot", "system:serviceaccount:south:robot"];
const GROUPS: [&str; 4] = ["devs", "ops", "system:serviceaccounts:north", "guests"];
pub const VERBS: [&str; 5] = ["get", "list", "watch", "delete", "unmask"];
/// Group, resource, subresource, namespaced.
pub const RESOURCES: [(&str, &str, &str, bool); 10] = [
    ("", "pods", "", true),
    ("", "pods", "log", true),
    ("", "secrets", "", true),
    ("", "namespaces", "", false),
    ("", "nodes", "", false),
    ("apps", "deployments", "", true),
    ("apps", "deployments", "scale", true),
    ("extensions", "deployments", "", true),
    ("rbac.authorization.k8s.io", "clusterroles", "", false),
    ("example.com", "widgets", "status", true),
];
pub const PATHS: [&str; 5] = ["/healthz", "/healthz/etcd", "/metrics", "/", "/version/x"];

/// As the API server has it, and as its objects.
pub struct World {
    pub policy: Policy,
    pub objects: Vec<Value>,
    pub principals: Vec<Principal>,
}

const API: &str = "rbac.authorization.k8s.io";

impl World {
    /// `mark` sets this world's objects apart from others in the same cluster.
    pub fn new(seed: u64, mark: &str) -> Self {
        let random = &mut StdRng::seed_from_u64(seed);
        let (mut roles, mut bindings, mut objects) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..random.random_range(3..9) {
            let namespace = random.random_bool(0.5).then(|| pick(random, &NAMESPACES));
            let rules: Vec<Value> =
                (0..random.random_range(0..4)).map(|_| rule(random, namespace.is_none())).collect();
            let name = format!("{mark}-role-{number}");
            let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
            objects.push(object(kind, namespace, &name, json!({ "rules": rules })));
            roles.push(Role {
                namespace: namespace.map(Arc::from),
                name: name.into(),
                rules: rules.into_iter().map(|rule| serde_json::from_value::<Rule>(rule).unwrap()).collect(),
            });
        }
        for number in 0..random.random_range(3..12) {
            let namespace = random.random_bool(0.6).then(|| pick(random, &NAMESPACES));
            // Some name a role that isn't there.
            let role = format!("{mark}-role-{}", random.random_range(0..10));
            let cluster = namespace.is_none() || random.random_bool(0.5);
            let kind = if cluster { "ClusterRole" } else { "Role" };
            let subjects: Vec<Value> =
                (0..random.random_range(0..4)).map(|_| subject(random, mark)).collect();
            let body =
                json!({ "roleRef": { "apiGroup": API, "kind": kind, "name": role }, "subjects": subjects });
            let name = format!("{mark}-binding-{number}");
            let bound = if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
            objects.push(object(bound, namespace, &name, body));
            let role = Arc::from(role);
            bindings.push(Binding {
                namespace: namespace.map(Arc::from),
                role: if cluster { RoleRef::ClusterRole(role) } else { RoleRef::Role(role) },
                subjects: subjects.iter().map(read).collect(),
            });
        }
        let principals = (0..4)
            .map(|_| {
                let user = marked(pick(random, &USERS), mark);
                let groups =
                    GROUPS.iter().filter(|_| random.random_bool(0.4)).map(|group| marked(group, mark));
                Principal::new(user).in_groups(groups).of_tenants(["default"])
            })
            .collect();
        Self { policy: Policy::new(roles, bindings), objects, principals }
    }
}

fn pick<'a>(random: &mut StdRng, list: &[&'a str]) -> &'a str {
    list.choose(random).unwrap()
}

/// Users and groups of different worlds in one cluster are different; service accounts are what they are called.
fn marked(name: &str, mark: &str) -> String {
    match name.strip_suffix(":robot") {
        Some(of) => format!("{of}:{mark}-robot"),
        None => format!("{mark}-{name}"),
    }
}

fn some<T: Copy + serde::Serialize>(random: &mut StdRng, list: &[T], star: f64) -> Value {
    if random.random_bool(star) {
        return json!(["*"]);
    }
    let count = random.random_range(1..3);
    json!(list.sample(random, count).collect::<Vec<_>>())
}

fn rule(random: &mut StdRng, of_cluster: bool) -> Value {
    if of_cluster && random.random_bool(0.2) {
        let paths = ["/healthz", "/healthz/*", "/metrics", "*", "/version/*"];
        return json!({ "verbs": some(random, &VERBS, 0.2), "nonResourceURLs": some(random, &paths, 0.0) });
    }
    let groups = ["", "apps", "extensions", API, "example.com"];
    let resources = [
        "pods",
        "pods/log",
        "secrets",
        "namespaces",
        "nodes",
        "deployments",
        "deployments/scale",
        "*/scale",
        "*/status",
        "pods/*",
        "clusterroles",
        "widgets",
    ];
    let mut rule = json!({
        "verbs": some(random, &VERBS, 0.2),
        "apiGroups": some(random, &groups, 0.4),
        "resources": some(random, &resources, 0.15),
    });
    if random.random_bool(0.3) {
        rule["resourceNames"] = some(random, &NAMES, 0.0);
    }
    rule
}

fn subject(random: &mut StdRng, mark: &str) -> Value {
    match random.random_range(0..3) {
        0 => json!({ "kind": "User", "apiGroup": API, "name": marked(pick(random, &USERS), mark) }),
        1 => json!({ "kind": "Group", "apiGroup": API, "name": marked(pick(random, &GROUPS), mark) }),
        _ => json!({
            "kind": "ServiceAccount", "name": format!("{mark}-robot"), "namespace": pick(random, &NAMESPACES),
        }),
    }
}

fn read(subject: &Value) -> Subject {
    let text = |field: &str| subject[field].as_str().map(Arc::from);
    match subject["kind"].as_str() {
        Some("User") => Subject::User(text("name").unwrap()),
        Some("Group") => Subject::Group(text("name").unwrap()),
        _ => Subject::ServiceAccount { namespace: text("namespace"), name: text("name").unwrap() },
    }
}

fn object(kind: &str, namespace: Option<&str>, name: &str, body: Value) -> Value {
    let mut object = body;
    object["apiVersion"] = json!(format!("{API}/v1"));
    object["kind"] = json!(kind);
    object["metadata"] = json!({ "name": name });
    if let Some(namespace) = namespace {
        object["metadata"]["namespace"] = json!(namespace);
    }
    object
}
