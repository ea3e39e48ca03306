//! Random worlds in which roles and bindings are not all that decides: what a caller is shown is what the API server
//! would let the same caller list, watch, or get by its name.

use std::hash::{DefaultHasher, Hash, Hasher};

use access::AccessKind;
use access::rbac::Attributes;
use cluster_registry::Query;
use fleetgraph_core::{Kind, KindMeta, Principal, Scope, Verb};
use futures::{StreamExt, stream};
use kinds::{Deployment, Namespace, Node, Pod, Secret};
use serde_json::{Value, json};
use testkit::{AuthorizationWebhook, Options, Verdict};

use crate::bed::{Account, Bed, FLEET, file, seen, unhurried};
use crate::world::{NAMES, NAMESPACES, World};
use crate::{create, settled};

const KINDS: [KindMeta; 5] = [Pod::META, Secret::META, Namespace::META, Node::META, Deployment::META];

/// A webhook that throws dice, the same each time for the same request, and lets the roles decide for those who run
/// the cluster and the test.
fn dice(spec: &Value) -> Verdict {
    let user = spec["user"].as_str().unwrap_or_default();
    if !user.starts_with('w') && !user.contains("robot") {
        return Verdict::NoOpinion;
    }
    let mut hasher = DefaultHasher::new();
    let attributes = &spec["resourceAttributes"];
    let part = |field: &str| attributes[field].as_str().unwrap_or_default().to_owned();
    (user, spec["groups"].to_string()).hash(&mut hasher);
    ["verb", "group", "resource", "namespace", "name"].map(part).hash(&mut hasher);
    match hasher.finish() % 10 {
        0..3 => Verdict::Allow,
        3..5 => Verdict::Deny,
        _ => Verdict::NoOpinion,
    }
}

async fn worlds(bed: &Bed, seeds: std::ops::Range<u64>) -> Vec<World> {
    let worlds: Vec<World> = seeds.map(|seed| World::new(seed, &format!("w{seed}"))).collect();
    for world in &worlds {
        stream::iter(&world.objects)
            .for_each_concurrent(8, |object| create(&bed.client, object.clone()))
            .await;
    }
    settled(&bed.client).await;
    worlds
}

/// Everything that may be asked of a kind in the worlds, by one verb, as the API server answers it.
struct Theirs {
    everywhere: bool,
    namespaces: Vec<bool>,
    /// By namespace, then by name.
    names: Vec<Vec<bool>>,
}

fn places(kind: &KindMeta) -> &'static [&'static str] {
    if kind.namespaced { &NAMESPACES } else { &[""] }
}

async fn theirs(bed: &Bed, principal: &Principal, kind: &KindMeta, many: &str, one: &str) -> Theirs {
    let ask = async |verb, namespace, name| {
        let (group, resource) = (kind.group, kind.plural);
        bed.allows(principal, &Attributes { verb, group, resource, subresource: "", namespace, name }).await
    };
    let (mut namespaces, mut names) = (Vec::new(), Vec::new());
    for namespace in places(kind) {
        namespaces.push(kind.namespaced && ask(many, *namespace, "").await);
        let within = |name: &'static str| {
            let in_itself = kind.plural == "namespaces" && ["get", "unmask"].contains(&one);
            if in_itself { name } else { namespace }
        };
        names.push(stream::iter(NAMES).then(|name| ask(one, within(name), name)).collect().await);
    }
    Theirs { everywhere: ask(many, "", "").await, namespaces, names }
}

/// Compares one caller's sight of a kind; gives how many decisions that were.
async fn compare(bed: &Bed, world: &World, principal: &Principal, kind: &KindMeta, readable: bool) -> usize {
    let rights = world.policy.rights(principal);
    let scope = bed.access.scope(principal.clone());
    let mut compared = 0;
    for (verb, many, one) in [
        (Verb::Get, "", "get"),
        (Verb::List, "list", "get"),
        (Verb::Watch, "watch", "watch"),
        (Verb::Unmask, "unmask", "unmask"),
    ] {
        let theirs = theirs(bed, principal, kind, if many.is_empty() { "list" } else { many }, one).await;
        let scope = scope.to(verb);
        // What roles say of names is asked in lists, too.
        let named = rights.extent(one, kind.group, kind.plural, kind.namespaced);
        let rows = seen(&scope, || {
            let view = scope.view(&bed.id, kind);
            places(kind).iter().map(|at| NAMES.map(|name| view.has(at, name))).collect::<Vec<_>>()
        })
        .await;
        let single = seen(&scope, || {
            let allows = |at, name| scope.allows(&bed.id, kind, at, name);
            places(kind).iter().map(|at| NAMES.map(|name| allows(at, name))).collect::<Vec<_>>()
        })
        .await;
        for (row, namespace) in places(kind).iter().enumerate() {
            for (column, name) in NAMES.iter().enumerate() {
                let listed = verb != Verb::Get && (theirs.everywhere || theirs.namespaces[row]);
                let had = theirs.names[row][column];
                let what = format!("{verb:?} {} {namespace}/{name} of {principal:?}", kind.plural);
                assert_eq!(single[row][column], listed || had, "one: {what}");
                let mentioned = verb == Verb::Get || (readable && named.has(namespace, name));
                assert_eq!(rows[row][column], listed || (mentioned && had), "row: {what}");
                compared += 2;
            }
        }
    }
    compared
}

/// All callers of some worlds; and the secrets that a read of the registry gives them.
async fn judge(bed: &Bed, seeds: std::ops::Range<u64>, readable: bool) {
    bed.synced_or_forbidden().await;
    let mut compared = 0;
    for world in &worlds(bed, seeds).await {
        for principal in &world.principals {
            for kind in &KINDS {
                compared += compare(bed, world, principal, kind, readable).await;
            }
            read(bed, &bed.access.scope(principal.clone())).await;
        }
    }
    assert!(compared >= 1_000, "{compared}");
    bed.registry.clone().shut_down().await;
}

/// The rows of a read, its count and its single look-ups are those of the scope.
async fn read(bed: &Bed, scope: &Scope) {
    let all = bed.registry.read::<Secret>(&Scope::everything()).select(&Query::default()).unwrap().rows;
    let all: Vec<_> = all.into_iter().filter(|row| NAMESPACES.contains(&&*row.meta.namespace)).collect();
    assert_eq!(all.len(), NAMESPACES.len() * NAMES.len());
    let namespaces: Vec<String> = NAMESPACES.map(ToOwned::to_owned).to_vec();
    let rows = || {
        let query = Query { namespaces: namespaces.clone(), ..Query::default() };
        bed.registry.read::<Secret>(scope).select(&query).unwrap().rows
    };
    let rows = seen(scope, rows).await;
    let view = scope.view(&bed.id, &Secret::META);
    let wanted: Vec<String> =
        all.iter().filter(|row| view.has(&row.meta.namespace, &row.meta.name)).map(|row| row.id()).collect();
    assert_eq!(rows.iter().map(|row| row.id()).collect::<Vec<_>>(), wanted);
    for row in &all {
        let (namespace, name) = (&*row.meta.namespace, &*row.meta.name);
        let found =
            seen(scope, || bed.registry.read::<Secret>(scope).get(bed.id.as_str(), namespace, name)).await;
        assert_eq!(
            found.is_some(),
            scope.allows(&bed.id, &Secret::META, namespace, name),
            "{namespace}/{name}"
        );
    }
}

impl Bed {
    async fn synced_or_forbidden(&self) {
        self.judges_by(AccessKind::Reviews, "").await;
        self.synced().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_webhook_that_denies_before_roles_allow() {
    let webhook = AuthorizationWebhook::start(dice).await.unwrap();
    let options = webhook.asked_by(Options::bare("webhook-first").authorization("Webhook,RBAC"));
    let bed = Bed::start(options, FLEET, unhurried()).await;
    bed.judges_by(AccessKind::Reviews, "webhook").await;
    judge(&bed, 1..4, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_webhook_that_is_asked_last() {
    let webhook = AuthorizationWebhook::start(dice).await.unwrap();
    let options = webhook.asked_by(Options::bare("webhook-last").authorization("Node,RBAC,Webhook"));
    let bed = Bed::start(options, FLEET, unhurried()).await;
    bed.judges_by(AccessKind::Reviews, "webhook").await;
    judge(&bed, 4..7, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_a_policy_file() {
    let dir = tempfile::tempdir().unwrap();
    let policies = [
        json!({ "group": "system:authenticated", "namespace": "north", "resource": "events", "readonly": true }),
        json!({ "user": "w7-ann", "namespace": "south", "resource": "secrets", "readonly": true }),
        json!({ "group": "w7-devs", "namespace": "*", "resource": "pods", "apiGroup": "*" }),
        json!({ "user": "w8-ben", "namespace": "east", "resource": "*", "apiGroup": "*" }),
        json!({ "group": "w8-ops", "namespace": "*", "resource": "namespaces" }),
        json!({ "group": "system:authenticated", "namespace": "default", "resource": "events", "readonly": true }),
    ];
    let lines = policies.map(|spec| {
        json!({ "apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": spec }).to_string()
    });
    let policy = file(&dir, "policy.jsonl", &lines.join("\n"));
    let options = Options::bare("policies")
        .authorization("Node,RBAC,ABAC")
        .apiserver_arg(&format!("--authorization-policy-file={}", policy.display()));
    let bed = Bed::start(options, FLEET, unhurried()).await;
    bed.judges_by(AccessKind::Reviews, "something beside roles and bindings grants").await;
    judge(&bed, 7..9, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_everything_is_allowed() {
    let options = Options::bare("anything").authorization("RBAC,AlwaysAllow");
    let bed = Bed::start(options, FLEET, unhurried()).await;
    bed.judges_by(AccessKind::Reviews, "a user whom nobody gave any right").await;
    judge(&bed, 9..11, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_fleetgraph_may_not_read_the_roles() {
    let account = Account { reads_rules: false, reviews: true };
    let bed = Bed::start(Options::bare("unreadable"), account, unhurried()).await;
    bed.judges_by(AccessKind::Reviews, "does not let fleetgraph list and watch").await;
    judge(&bed, 11..13, false).await;
}
