//! The access oracle: whoever may see a part of a cluster is answered as if the rest did not exist.
//!
//! ```text
//!   random rights ─▶ kube-apiserver ── SubjectAccessReview ─▶ what each user may see
//!                          │                                          │
//!          fleetgraph, asked as the user        fleetgraph, asked by anybody, over a cluster
//!                          │                    that holds nothing else (`shadow`)
//!                          └──────── every document, the same answer ────────┘
//! ```
//!
//! The documents are made from the schema, so each root field and each field of each kind is asked for; lists, relations,
//! graphs, searches, counts, facets, completions and errors are compared as whole answers. Single look-ups need `get`.
//!
//! `ORACLE_SEEDS=5..30` takes other worlds; a failure names its world, and `make oracle` goes on to a million.

pub mod documents;
mod live;
mod shadow;
mod strangers;
mod world;

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    net::SocketAddr,
    ops::Range,
    time::{Duration, Instant},
};

use futures::{StreamExt, stream};
use kube::Client;
use serde_json::{Value, json};
use testkit::{ControlPlane, Controllers, Fleet, Issuer, Options};

use self::{
    documents::{Document, Places},
    shadow::Shadow,
    world::{API, Key, Sight, User, Vocabulary, World},
};
use crate::{
    bed::{self, PATIENCE},
    client,
    compare::{self, KINDS},
    every_kind::{
        fixture::Fixture,
        schema::{Kind, Schema},
    },
    server::Server,
};

/// The cluster's id with the rights of callers; those of the shadows are as long, so that nothing else has to change.
const CLUSTER: &str = "oracle-00";
/// The id of a second cluster, with the same rights: it lacks some objects, and has others changed.
const TWIN: &str = "others-00";
/// The namespace in which everybody may do everything.
const OPEN: &str = "open";
const WIDGETS: &str = "/apis/shop.example/v1/widgets";

fn seeds() -> Range<u64> {
    let given = std::env::var("ORACLE_SEEDS").ok();
    let read = |text: String| {
        let (from, to) = text.split_once("..").unwrap();
        from.parse().unwrap()..to.parse().unwrap()
    };
    given.map_or(1..4, read)
}

/// A control plane with the objects, and fleetgraph, which asks callers who they are.
struct Oracle {
    fleet: Fleet,
    client: Client,
    issuer: Issuer,
    server: Server,
    schema: Schema,
    kinds: Vec<Kind>,
    vocabulary: Vocabulary,
    _twin: Shadow,
}

/// What the twin has of an object: all of what says who may see what and where, some of the rest as it is, some of it
/// with another label.
fn twin(key: &Key, mut object: Value) -> Option<Value> {
    let Key { group, resource, name, .. } = key;
    if group == API || ["namespaces", "customresourcedefinitions"].contains(&resource.as_str()) {
        return Some(object);
    }
    let number: u32 = resource.bytes().chain(name.bytes()).map(u32::from).sum();
    match number % 3 {
        0 => None,
        1 => Some(object),
        _ => {
            object["metadata"]["labels"]["shop.example/side"] = "other".into();
            Some(object)
        }
    }
}

/// A cluster that a shadow makes.
fn shadowed(shadow: &Shadow, id: &str) -> String {
    format!(
        "  - id: {id}\n    name: Cluster {CLUSTER}\n    environment: test\n    region: eu-central-1\n    \
         auth_method: token\n    api_server_url: http://{}/{id}\n    service_account_token: none\n    qps: 10000\n    \
         burst: 10000\n",
        shadow.address
    )
}

/// Waits until a server has read all kinds of so many clusters.
async fn read(http: SocketAddr, token: &str, number: usize) {
    client::until_as(http, token, "{ clusters { status { ready } freshness { state } } }", |data| {
        data["clusters"].as_array().is_some_and(|clusters| {
            clusters.len() == number
                && clusters.iter().all(|cluster| {
                    cluster["status"]["ready"] == true
                        && cluster["freshness"].as_array().is_some_and(|all| {
                            all.len() > KINDS.len() && all.iter().all(|one| one["state"] == "LIVE")
                        })
                })
        })
    })
    .await;
}

/// What every program here watches.
fn common() -> String {
    let kinds: Vec<_> = KINDS.iter().map(|(path, _)| path.rsplit('/').next().unwrap()).collect();
    format!(
        "watch_resources: [{}]\nenable_custom_resources: true\n\
         limits: {{max_complexity: 1000000000000, max_related_objects: 100000000, max_selections: 1000000, max_tokens: 1000000, max_document_bytes: 10000000, \
         max_depth: 40, max_root_fields: 10000, max_aliases: 10000, introspection: true}}\n",
        kinds.join(", ")
    )
}

impl Oracle {
    async fn start() -> Self {
        let options = Options {
            controllers: Controllers::Only(vec!["clusterrole-aggregation-controller".to_owned()]),
            ..Options::bare(CLUSTER)
        };
        let fleet = Fleet::start_with(vec![options]).await.unwrap();
        let plane = fleet.plane(CLUSTER).unwrap();
        let client = plane.admin_client().await.unwrap();
        fill(plane).await;
        let issuer = Issuer::start().await.unwrap();
        let twin = Shadow::start(client.clone(), |_, key, object| twin(key, object)).await;
        let config = format!(
            "clusters:\n{}{}{}authentication:\n  oidc:\n    - issuer: {}\n      ca_file: {}\n      audiences: [fleetgraph]\n      \
             username_prefix: '-'\n      groups_claim: groups\n",
            bed::cluster(plane),
            shadowed(&twin, TWIN),
            common(),
            issuer.url(),
            issuer.ca_file().display(),
        );
        let server = Server::configured(&config);
        for object in everything() {
            world::create(&client, &object).await;
        }
        let vocabulary = vocabulary(plane).await;
        let (schema, kinds) = (Schema::default(), Vec::new());
        let mut this = Self { fleet, client, issuer, server, schema, kinds, vocabulary, _twin: twin };
        let boss = this.token(&boss());
        read(this.server.http(), &boss, 2).await;
        this.schema = Schema::ask_as(this.server.http(), &boss).await;
        this.kinds = this.schema.kinds();
        this
    }

    fn plane(&self) -> &ControlPlane {
        self.fleet.plane(CLUSTER).unwrap()
    }

    fn token(&self, user: &User) -> String {
        self.issuer.token(json!({ "sub": user.name, "groups": user.groups, "aud": "fleetgraph" })).unwrap()
    }

    async fn ask(&self, token: &str, query: &str, variables: Value) -> Value {
        client::answer_as(self.server.http(), token, query, variables).await
    }

    /// Every object of the cluster.
    async fn keys(&self) -> BTreeSet<Key> {
        let mut keys = BTreeSet::new();
        for path in KINDS.iter().map(|(path, _)| *path).chain([WIDGETS]) {
            let (group, resource) = resource(path);
            for object in compare::theirs(self.plane(), path).await.values() {
                let text = |field: &str| object["metadata"][field].as_str().unwrap_or("").to_owned();
                let (namespace, name) = (text("namespace"), text("name"));
                keys.insert(Key { group: group.to_owned(), resource: resource.to_owned(), namespace, name });
            }
        }
        keys
    }
}

fn resource(path: &str) -> (&str, &str) {
    let segments: Vec<&str> = path.split('/').collect();
    (if segments[1] == "api" { "" } else { segments[2] }, segments.last().unwrap())
}

/// Who may see everything.
fn boss() -> User {
    User { name: "boss".to_owned(), groups: vec!["bosses".to_owned()] }
}

/// The rights that every world has: of the boss; of everybody in the open namespace, so that everybody is told of something;
/// and of everybody to know of custom resources' definitions, without which a cluster has no custom resources.
fn everything() -> Vec<Value> {
    let binding = |name: &str, role: &str, group: &str| {
        json!({
            "apiVersion": format!("{API}/v1"), "kind": "ClusterRoleBinding", "metadata": { "name": name },
            "roleRef": { "apiGroup": API, "kind": "ClusterRole", "name": role },
            "subjects": [{ "kind": "Group", "apiGroup": API, "name": group }],
        })
    };
    let definitions = json!({
        "apiVersion": format!("{API}/v1"), "kind": "ClusterRole", "metadata": { "name": "definitions" },
        "rules": [{
            "verbs": ["get", "list", "watch"], "apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"],
        }],
    });
    let mut open = binding("open", "cluster-admin", "system:authenticated");
    open["kind"] = "RoleBinding".into();
    open["metadata"]["namespace"] = OPEN.into();
    vec![
        open,
        binding("bosses", "cluster-admin", "bosses"),
        definitions,
        binding("definitions", "definitions", "system:authenticated"),
    ]
}

/// The fixture of every kind, a second time in another namespace, and custom resources.
async fn fill(plane: &ControlPlane) {
    let fixture = Fixture::read();
    fixture.apply(plane).await;
    fixture.write_statuses(plane).await;
    for name in ["bank", OPEN] {
        let mut text =
            json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }).to_string();
        for object in fixture.objects.iter().filter(|object| object["metadata"]["namespace"] == "shop") {
            let there = format!("\"namespace\":{name:?}");
            let object = unplaced(object.clone());
            write!(text, "\n---\n{}", object.to_string().replace("\"namespace\":\"shop\"", &there)).unwrap();
        }
        apply(plane, &text).await;
    }
    let version = json!({ "name": "v1", "served": true, "storage": true });
    let definition = bed::definition("widgets", "Widget", [version]);
    apply(plane, &definition.to_string()).await;
    let widget = |namespace: &str, name: &str| {
        json!({
            "apiVersion": "shop.example/v1", "kind": "Widget", "metadata": { "name": name, "namespace": namespace },
            "spec": { "size": 3 },
        })
        .to_string()
    };
    let widgets =
        [widget("shop", "web"), widget("shop", "other"), widget("bank", "web"), widget(OPEN, "web")]
            .join("\n---\n");
    apply(plane, &widgets).await;
}

/// Without what only one object of a cluster can have.
fn unplaced(mut object: Value) -> Value {
    if let Some(spec) = object["spec"].as_object_mut().filter(|spec| spec.contains_key("ports")) {
        for key in ["clusterIP", "clusterIPs", "healthCheckNodePort"] {
            spec.remove(key);
        }
        for port in spec["ports"].as_array_mut().into_iter().flatten() {
            port.as_object_mut().unwrap().remove("nodePort");
        }
    }
    object
}

/// Applies it, again while something that it needs isn't there yet.
async fn apply(plane: &ControlPlane, text: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = plane.kubectl(&["apply", "-f", file.path().to_str().unwrap()]).await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn vocabulary(plane: &ControlPlane) -> Vocabulary {
    let mut names = BTreeSet::new();
    let mut resources = Vec::new();
    for path in KINDS.iter().map(|(path, _)| *path).chain([WIDGETS]) {
        let (group, resource) = resource(path);
        resources.push((group.to_owned(), resource.to_owned()));
        let objects = compare::theirs(plane, path).await;
        let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
        names.extend(objects.values().map(name).filter(|name| !name.starts_with("system:")));
    }
    let namespaces = ["shop", "bank", OPEN, "default", "kube-system"].map(ToOwned::to_owned);
    Vocabulary { resources, namespaces: namespaces.to_vec(), names: names.into_iter().collect() }
}

/// Writes a world's rights, and waits until the API server and fleetgraph both know of them.
async fn enact(oracle: &Oracle, world: &World) {
    for object in &world.objects {
        world::create(&oracle.client, object).await;
    }
    let last = User { name: format!("w{}-last", world.seed), groups: Vec::new() };
    let binding = json!({
        "apiVersion": format!("{API}/v1"), "kind": "ClusterRoleBinding", "metadata": { "name": last.name },
        "roleRef": { "apiGroup": API, "kind": "ClusterRole", "name": "cluster-admin" },
        "subjects": [{ "kind": "User", "apiGroup": API, "name": last.name }],
    });
    // The controller that fills aggregated roles has to have been there.
    let whole = format!("w{}-whole", world.seed);
    let parts: usize = world.objects.iter().filter(|object| object["metadata"]["labels"].is_object()).count();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let role = oracle.plane().kubectl(&["get", "clusterrole", &whole, "-o", "json"]).await.unwrap();
        let role: Value = serde_json::from_str(&role).unwrap();
        if parts == 0 || role["rules"].as_array().is_some_and(|rules| !rules.is_empty()) {
            break;
        }
        assert!(Instant::now() < deadline, "nobody aggregates {whole}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world::create(&oracle.client, &binding).await;
    while !world::allowed(&oracle.client, &last, "list", "", "pods", "", "").await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let known =
        |cluster: &str| format!("clusterRoleBinding(cluster: {cluster:?}, name: {:?}) {{ id }}", last.name);
    let query = format!("{{ here: {} there: {} }}", known(CLUSTER), known(TWIN));
    let both = |data: &Value| data["here"].is_object() && data["there"].is_object();
    client::until_as(oracle.server.http(), &oracle.token(&last), &query, both).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_may_see_a_part_of_a_cluster_is_answered_as_if_the_rest_did_not_exist() {
    let oracle = Oracle::start().await;
    let (mut compared, mut reviews) = (0, 0);
    for seed in seeds() {
        let world = World::new(seed, &oracle.vocabulary);
        enact(&oracle, &world).await;
        let keys = oracle.keys().await;
        let mut sights = Vec::new();
        for user in &world.users {
            let sight = world::sight(&oracle.client, user, &keys).await;
            reviews += sight.reviews;
            sights.push((user, sight));
        }
        compared += same_as_shadows(&oracle, &world, &sights, &keys).await;
        compared += singles(&oracle, &world, &sights, &keys).await;
    }
    eprintln!("{compared} answers compared, by {reviews} access reviews, in worlds {:?}", seeds());
    assert!(compared >= 20_000 || std::env::var("ORACLE_SEEDS").is_ok(), "{compared} are too few");
}

/// All documents, as each user, against a cluster that holds only what the user may see.
async fn same_as_shadows(
    oracle: &Oracle,
    world: &World,
    sights: &[(&User, Sight)],
    keys: &BTreeSet<Key>,
) -> usize {
    let ids = |number: usize| [format!("oracle-{:02}", number + 1), format!("others-{:02}", number + 1)];
    let visible: Vec<BTreeSet<Key>> = sights.iter().map(|(_, sight)| sight.visible.clone()).collect();
    let shadow = Shadow::start(oracle.client.clone(), move |cluster, key, object| {
        let number: usize = cluster[cluster.len() - 2..].parse().unwrap();
        let object = visible[number - 1].contains(key).then_some(object)?;
        if cluster.starts_with("others") { twin(key, object) } else { Some(object) }
    })
    .await;
    let clusters: Vec<String> = (0..sights.len()).flat_map(ids).map(|id| shadowed(&shadow, &id)).collect();
    let reference = Server::configured(&format!("clusters:\n{}{}", clusters.concat(), common()));
    read(reference.http(), "", clusters.len()).await;
    let mut documents = documents::all(&oracle.schema, CLUSTER, TWIN, &places(oracle, keys));
    // The freshness of all clusters is that of each, which is asked for; the others are about fleetgraph itself.
    let others = ["freshness", "_service", "viewer", "apiTokens", "tenants", "connectedClusters", "auditLog"]
        .map(ToOwned::to_owned);
    documents.push(Document { covers: others.to_vec(), text: String::new() });
    let left = documents::not_covered(&oracle.schema, &documents, &oracle.kinds);
    // By `singles`.
    let left: Vec<_> =
        left.into_iter().filter(|field| !["_entities", "customResource"].contains(&field.as_str())).collect();
    assert!(left.is_empty(), "nobody asks for {left:?}: add them to oracle/documents.rs");
    // Two that are refused for the same reason are alike, and show nothing.
    for document in documents.iter().filter(|document| !document.text.is_empty()) {
        let answer = oracle.ask(&oracle.token(&boss()), &document.text, json!({})).await;
        assert!(answer["data"].is_object(), "{} for {}", answer["errors"], document.text);
    }
    let as_each = sights.iter().enumerate().map(async |(number, (user, _))| {
        let token = oracle.token(user);
        let here = oracle.ask(&token, &format!("{{ cluster(id: {CLUSTER:?}) {{ id }} }}"), json!({})).await;
        assert!(here["data"]["cluster"].is_object(), "everybody may see definitions: {here}");
        let mut compared = 0;
        for document in documents.iter().filter(|document| !document.text.is_empty()) {
            let deadline = Instant::now() + Duration::from_secs(20);
            loop {
                let ours = oracle.ask(&token, &document.text, json!({})).await;
                let [id, twin] = ids(number);
                let text = document.text.replace(CLUSTER, &id).replace(TWIN, &twin);
                let theirs = client::answer(reference.http(), &text, json!({})).await;
                let theirs = theirs.to_string().replace(&id, CLUSTER).replace(&twin, TWIN);
                let theirs = serde_json::from_str(&theirs).unwrap();
                match differences(cleaned(ours), cleaned(theirs)) {
                    None => break compared += 1,
                    // A lease is renewed, a probe has another time: what stays different is a fault.
                    Some(_) if Instant::now() < deadline => {
                        tokio::time::sleep(Duration::from_millis(200)).await
                    }
                    Some(difference) => panic!(
                        "ORACLE_SEEDS={}..{}: {user:?} is not answered as if the rest did not exist: {difference}\n{}\n{}",
                        world.seed,
                        world.seed + 1,
                        document.text,
                        Value::from(world.objects.clone())
                    ),
                }
            }
        }
        compared
    });
    stream::iter(as_each).buffer_unordered(4).fold(0, async |all, compared| all + compared).await
}

/// An answer without what differs from one request to the next, and without the kinds of which there is nothing to see:
/// of those that the caller has no rights to, there is no row.
fn cleaned(mut answer: Value) -> Value {
    for clusters in ["/data/cluster", "/data/clusters/0"] {
        if let Some(Value::Array(rows)) = answer.pointer_mut(&format!("{clusters}/freshness")) {
            rows.retain(|row| row["objects"] != 0);
        }
    }
    for error in answer["errors"].as_array_mut().into_iter().flatten() {
        if let Some(extensions) = error["extensions"].as_object_mut() {
            extensions.remove("requestId");
        }
    }
    if answer["errors"].is_null() {
        answer.as_object_mut().unwrap().remove("errors");
    }
    answer
}

/// The first difference, with its path.
fn differences(ours: Value, theirs: Value) -> Option<String> {
    fn walk(path: &str, ours: &Value, theirs: &Value) -> Option<String> {
        match (ours, theirs) {
            (Value::Object(a), Value::Object(b)) => {
                let keys: BTreeSet<_> = a.keys().chain(b.keys()).collect();
                let null = Value::Null;
                keys.into_iter().find_map(|key| {
                    walk(&format!("{path}.{key}"), a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null))
                })
            }
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
                .iter()
                .zip(b)
                .enumerate()
                .find_map(|(number, (a, b))| walk(&format!("{path}[{number}]"), a, b)),
            (a, b) if a == b => None,
            (a, b) => Some(format!("{path}: {a} and not {b}")),
        }
    }
    walk("", &ours, &theirs)
}

/// Where graphs begin: at objects that some users may see and others not.
fn places(oracle: &Oracle, keys: &BTreeSet<Key>) -> Places {
    let mut roots = Vec::new();
    let mut graph_ids = Vec::new();
    for (resource, group) in [
        ("deployments", "apps"),
        ("pods", ""),
        ("services", ""),
        ("statefulsets", "apps"),
        ("ingresses", "networking.k8s.io"),
        ("configmaps", ""),
        ("persistentvolumes", ""),
        ("nodes", ""),
        ("serviceaccounts", ""),
    ] {
        for key in keys.iter().filter(|key| key.resource == resource && key.group == group).take(4) {
            let namespace = (!key.namespace.is_empty()).then(|| key.namespace.clone());
            roots.push((resource.to_owned(), namespace, key.name.clone()));
            let full = if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") };
            graph_ids.push(format!("{full}/{CLUSTER}:{}:{}", key.namespace, key.name));
        }
    }
    Places { namespaces: oracle.vocabulary.namespaces.clone(), roots, graph_ids }
}

/// Single look-ups and entities, of each object: there, whole, exactly when the user may get it.
async fn singles(oracle: &Oracle, world: &World, sights: &[(&User, Sight)], keys: &BTreeSet<Key>) -> usize {
    let mut compared = 0;
    let (custom_group, custom) = resource(WIDGETS);
    let mut kinds: Vec<(&str, &str, Option<&Kind>)> = vec![(custom_group, custom, None)];
    for kind in &oracle.kinds {
        let (group, resource) = resource(kind.path());
        kinds.push((group, resource, Some(kind)));
    }
    for (group, resource, kind) in kinds {
        let of: Vec<&Key> =
            keys.iter().filter(|key| key.group == group && key.resource == resource).collect();
        assert!(!of.is_empty(), "there are no {resource}");
        for (user, sight) in sights {
            let token = oracle.token(user);
            for batch in of.chunks(40) {
                let names: Vec<_> =
                    batch.iter().map(|key| (key.namespace.clone(), key.name.clone())).collect();
                let (text, type_name, before) = match kind {
                    Some(kind) => {
                        (documents::singles(kind, CLUSTER, &names), &*kind.type_name, String::new())
                    }
                    None => {
                        let full = format!("{resource}.{group}");
                        let text = documents::custom_singles(&full, CLUSTER, &names);
                        (text, "CustomResource", format!("{full}/"))
                    }
                };
                let representations: Vec<Value> = names
                    .iter()
                    .map(|(namespace, name)| {
                        json!({ "__typename": type_name, "id": format!("{before}{CLUSTER}:{namespace}:{name}") })
                    })
                    .collect();
                let answer = oracle.ask(&token, &text, json!({ "of": representations })).await;
                for (number, key) in batch.iter().enumerate() {
                    let expected = sight.gettable.contains(key);
                    let shown = |object: &Value| object["uid"].is_string();
                    let single = shown(&answer["data"][format!("o{number}")]);
                    let entity = shown(&answer["data"]["_entities"][number]);
                    assert_eq!(
                        (single, entity),
                        (expected, expected),
                        "ORACLE_SEEDS={}..{}: {key:?} of {user:?}: {}\n{}",
                        world.seed,
                        world.seed + 1,
                        answer["errors"],
                        Value::from(world.objects.clone()),
                    );
                    compared += 2;
                }
            }
        }
    }
    compared
}
