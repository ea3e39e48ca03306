//! Random rights: users in groups, roles of every shape, bindings of cluster and namespaces; and what of a cluster's
//! objects each user may see, as the API server itself judges.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::{
    Api, Client,
    api::{DynamicObject, PostParams},
    core::{ApiResource, GroupVersionKind},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

pub const API: &str = "rbac.authorization.k8s.io";
const USERS: usize = 8;
const GROUPS: usize = 4;

/// Somebody, and the groups that the token says.
#[derive(Debug, Clone)]
pub struct User {
    pub name: String,
    pub groups: Vec<String>,
}

#[derive(Debug)]
pub struct World {
    pub seed: u64,
    pub users: Vec<User>,
    pub objects: Vec<Value>,
}

/// What of a cluster a world can speak of.
pub struct Vocabulary {
    /// `(group, resource)` of each kind.
    pub resources: Vec<(String, String)>,
    pub namespaces: Vec<String>,
    pub names: Vec<String>,
}

impl World {
    pub fn new(seed: u64, vocabulary: &Vocabulary) -> Self {
        let random = &mut StdRng::seed_from_u64(seed);
        let mark = format!("w{seed}");
        let users: Vec<User> = (0..USERS)
            .map(|number| User {
                name: format!("{mark}-user-{number}"),
                groups: (0..GROUPS)
                    .filter(|_| random.random_bool(0.3))
                    .map(|group| format!("{mark}-group-{group}"))
                    .collect(),
            })
            .collect();
        let mut objects = Vec::new();
        let mut roles: Vec<(String, Option<String>)> = Vec::new();
        for number in 0..10 {
            let namespace = random.random_bool(0.3).then(|| pick(random, &vocabulary.namespaces));
            let rules: Vec<Value> =
                (0..random.random_range(1..4)).map(|_| rule(random, vocabulary)).collect();
            let name = format!("{mark}-role-{number}");
            let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
            let mut role = object(kind, namespace.as_deref(), &name, json!({ "rules": rules }));
            // Some become parts of an aggregated role.
            if namespace.is_none() && random.random_bool(0.4) {
                role["metadata"]["labels"] = json!({ format!("{mark}-part"): "true" });
            }
            objects.push(role);
            roles.push((name, namespace));
        }
        let whole = format!("{mark}-whole");
        let selector =
            json!({ "clusterRoleSelectors": [{ "matchLabels": { format!("{mark}-part"): "true" } }] });
        objects.push(object("ClusterRole", None, &whole, json!({ "aggregationRule": selector })));
        roles.push((whole, None));
        for (number, user) in users.iter().enumerate() {
            for which in 0..random.random_range(1..4) {
                let (role, of) = roles.choose(random).unwrap().clone();
                let namespace = match of {
                    Some(namespace) => Some(namespace),
                    None => random.random_bool(0.6).then(|| pick(random, &vocabulary.namespaces)),
                };
                let role_kind =
                    if objects.iter().any(|o| o["kind"] == "Role" && o["metadata"]["name"] == role) {
                        "Role"
                    } else {
                        "ClusterRole"
                    };
                let subject = if random.random_bool(0.4) {
                    let group = format!("{mark}-group-{}", random.random_range(0..GROUPS));
                    json!({ "kind": "Group", "apiGroup": API, "name": group })
                } else {
                    json!({ "kind": "User", "apiGroup": API, "name": user.name })
                };
                let body = json!({
                    "roleRef": { "apiGroup": API, "kind": role_kind, "name": role }, "subjects": [subject],
                });
                let kind = if namespace.is_some() { "RoleBinding" } else { "ClusterRoleBinding" };
                objects.push(object(
                    kind,
                    namespace.as_deref(),
                    &format!("{mark}-binding-{number}-{which}"),
                    body,
                ));
            }
        }
        Self { seed, users, objects }
    }
}

fn pick(random: &mut StdRng, list: &[String]) -> String {
    list.choose(random).unwrap().clone()
}

fn rule(random: &mut StdRng, vocabulary: &Vocabulary) -> Value {
    let verbs: &[&str] = match random.random_range(0..6) {
        0 => &["get"],
        1 => &["list"],
        2 => &["get", "list"],
        3 => &["watch", "list"],
        4 => &["*"],
        _ => &["get", "list", "watch"],
    };
    let count = random.random_range(1..12);
    let chosen: Vec<_> = vocabulary.resources.sample(random, count).collect();
    let (groups, resources): (BTreeSet<&str>, BTreeSet<&str>) =
        chosen.iter().map(|(group, resource)| (group.as_str(), resource.as_str())).unzip();
    let star = random.random_bool(0.15);
    let mut rule = json!({
        "verbs": verbs,
        "apiGroups": if random.random_bool(0.3) { json!(["*"]) } else { json!(groups) },
        "resources": if star { json!(["*"]) } else { json!(resources) },
    });
    if random.random_bool(0.25) {
        let count = random.random_range(1..6);
        rule["resourceNames"] = json!(vocabulary.names.sample(random, count).collect::<Vec<_>>());
    }
    rule
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

/// Writes an object of the RBAC API.
pub async fn create(client: &Client, object: &Value) {
    let object: DynamicObject = serde_json::from_value(object.clone()).unwrap();
    let kind = &object.types.as_ref().unwrap().kind;
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(API, "v1", kind));
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    api.create(&PostParams::default(), &object).await.unwrap();
}

/// An object as rights name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub group: String,
    pub resource: String,
    pub namespace: String,
    pub name: String,
}

/// What one user may see.
#[derive(Debug, Default, Clone)]
pub struct Sight {
    /// By list or by get.
    pub visible: BTreeSet<Key>,
    /// By get.
    pub gettable: BTreeSet<Key>,
    /// By watch, of its namespace or by name.
    pub watchable: BTreeSet<Key>,
    /// How often the API server was asked.
    pub reviews: usize,
}

/// Asks the API server for each object whether a user may list, get and watch it.
pub async fn sight(client: &Client, user: &User, keys: &BTreeSet<Key>) -> Sight {
    let mut sight = Sight::default();
    let places: BTreeSet<(&str, &str, &str)> =
        keys.iter().map(|key| (key.group.as_str(), key.resource.as_str(), key.namespace.as_str())).collect();
    let mut questions: Vec<(&str, &str, &str, &str, &str)> = Vec::new();
    for (group, resource, namespace) in &places {
        questions.push(("list", group, resource, namespace, ""));
        questions.push(("watch", group, resource, namespace, ""));
    }
    for key in keys {
        for verb in ["get", "watch"] {
            questions.push((verb, &key.group, &key.resource, &key.namespace, &key.name));
        }
    }
    sight.reviews = questions.len();
    let answers: BTreeMap<_, bool> = stream::iter(questions)
        .map(async |question| {
            let (verb, group, resource, namespace, name) = question;
            // The API server takes the name of a namespace that is asked for by name for the namespace of the request.
            let of_itself = resource == "namespaces" && group.is_empty() && !name.is_empty() && verb == "get";
            let namespace = if of_itself { name } else { namespace };
            (question, allowed(client, user, verb, group, resource, namespace, name).await)
        })
        .buffer_unordered(24)
        .collect()
        .await;
    for key in keys {
        let at = |verb, name| {
            answers[&(verb, key.group.as_str(), key.resource.as_str(), key.namespace.as_str(), name)]
        };
        if at("get", key.name.as_str()) {
            sight.gettable.insert(key.clone());
        }
        if at("get", key.name.as_str()) || at("list", "") {
            sight.visible.insert(key.clone());
        }
        if at("watch", "") || at("watch", key.name.as_str()) {
            sight.watchable.insert(key.clone());
        }
    }
    sight
}

pub async fn allowed(
    client: &Client,
    user: &User,
    verb: &str,
    group: &str,
    resource: &str,
    namespace: &str,
    name: &str,
) -> bool {
    let text = |text: &str| Some(text.to_owned());
    let groups = user.groups.iter().cloned().chain(["system:authenticated".to_owned()]);
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: text(&user.name),
            groups: Some(groups.collect()),
            resource_attributes: Some(ResourceAttributes {
                verb: text(verb),
                group: text(group),
                resource: text(resource),
                namespace: text(namespace),
                name: text(name),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
    answer.status.unwrap().allowed
}
