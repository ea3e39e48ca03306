//! Subscriptions: who may watch an object is told of its changes, and nobody else; from the moment of a revocation, nobody
//! who was told until then.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::world::{API, Key, Sight, User, World};
use super::{CLUSTER, OPEN, Oracle, WIDGETS, enact, resource, seeds, world};
use crate::client::Subscription;
use crate::compare::KINDS;

/// How soon a revocation has to be in force.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_may_watch_an_object_is_told_of_its_changes_and_nobody_else() {
    let oracle = Oracle::start().await;
    let roots = oracle.schema.root_fields("Subscription");
    // Those of clusters are for whoever may know of the cluster, and custom resources are of kinds that a test names.
    let mut covered = BTreeSet::from(["clusterEvents", "customResourceEvents"].map(ToOwned::to_owned));
    let mut compared = 0;
    for seed in seeds().take(2) {
        let world = World::new(seed, &oracle.vocabulary);
        enact(&oracle, &world).await;
        let keys = oracle.keys().await;
        let mut sights = Vec::new();
        for user in &world.users {
            sights.push((user, world::sight(&oracle.client, user, &keys).await));
        }
        for (user, sight) in &sights {
            let widgets = resource(WIDGETS);
            compared += begins_with_what_may_be_watched(
                &oracle,
                "customResourceEvents",
                "customResource",
                widgets,
                user,
                sight,
            )
            .await;
        }
        for kind in &oracle.kinds {
            let root = format!("{}Events", kind.one);
            covered.insert(root.clone());
            covered.insert("resourceEvents".to_owned());
            let (group, plural) = resource(kind.path());
            // Of each place one object, and last one that everybody may see.
            let of = |namespace: &str| {
                keys.iter().find(|key| {
                    key.group == group
                        && key.resource == plural
                        && key.namespace == namespace
                        && key.name != "kube-root-ca.crt"
                })
            };
            let changed: Vec<&Key> = ["shop", "bank", OPEN].into_iter().filter_map(of).collect();
            for (user, sight) in &sights {
                compared +=
                    begins_with_what_may_be_watched(&oracle, &root, &kind.one, (group, plural), user, sight)
                        .await;
            }
            if changed.len() < 3 || plural == "events" {
                continue;
            }
            let open = id(changed[2]);
            let mut streams = Vec::new();
            for (user, sight) in &sights {
                let token = oracle.token(user);
                for (field, more, object) in [
                    (root.as_str(), String::new(), kind.one.as_str()),
                    ("resourceEvents", format!(", resourceType: {plural:?}"), "resource"),
                ] {
                    let query = format!(
                        "subscription {{ {field}(cluster: {CLUSTER:?}, initial: true{more}) {{ type {object} {{ id }} }} }}"
                    );
                    let mut stream = Subscription::start_as(oracle.server.http(), &token, &query).await;
                    // What exists first says that the subscription has begun.
                    stream.until(|event| event[field][object]["id"] == *open).await;
                    streams.push((*user, sight, field.to_owned(), object.to_owned(), stream));
                }
            }
            for key in &changed {
                touch(&oracle, key).await;
            }
            for (user, sight, field, object, mut stream) in streams {
                let expected: Vec<String> =
                    changed.iter().filter(|key| sight.watchable.contains(*key)).map(|key| id(key)).collect();
                let mut told = Vec::new();
                while told.last() != expected.last() {
                    let event = stream.until(|event| event[&field]["type"] == "UPDATED").await;
                    let of = event[&field][&object]["id"].as_str().unwrap().to_owned();
                    if changed.iter().any(|key| id(key) == of) {
                        told.push(of);
                    } else {
                        // Something else changes by itself, such as a lease.
                        assert!(sight.watchable.iter().any(|key| id(key) == of), "{of} is told to {user:?}");
                    }
                }
                assert_eq!(
                    told,
                    expected,
                    "ORACLE_SEEDS={seed}..{}: {field} of {user:?}\n{}",
                    seed + 1,
                    Value::from(world.objects.clone())
                );
                compared += changed.len();
            }
        }
    }
    eprintln!("{compared} comparisons of events with what may be watched");
    let left: Vec<_> = roots.iter().filter(|root| !covered.contains(*root)).collect();
    assert!(left.is_empty(), "nobody subscribes to {left:?}");
}

/// The ids of custom resources begin with their kind.
fn without_kind(id: &str) -> String {
    id.rsplit('/').next().unwrap().to_owned()
}

/// What exists is told first: exactly what may be watched, and then a change of it.
async fn begins_with_what_may_be_watched(
    oracle: &Oracle,
    root: &str,
    object: &str,
    (group, plural): (&str, &str),
    user: &User,
    sight: &Sight,
) -> usize {
    let of_kind: Vec<&Key> =
        sight.watchable.iter().filter(|key| key.group == group && key.resource == plural).collect();
    let Some(first) = of_kind.iter().find(|key| key.resource != "events" && !key.name.starts_with("kube"))
    else {
        return 0;
    };
    let only = if root == "customResourceEvents" {
        format!(", resource: \"{plural}.{group}\"")
    } else {
        String::new()
    };
    let query = format!(
        "subscription {{ {root}(cluster: {CLUSTER:?}, initial: true{only}) {{ type {object} {{ id }} }} }}"
    );
    let mut stream = Subscription::start_as(oracle.server.http(), &oracle.token(user), &query).await;
    let expected: BTreeSet<String> = of_kind.iter().map(|key| id(key)).collect();
    let mut told = BTreeSet::new();
    while told.len() < expected.len() {
        let event = stream.next().await;
        told.insert(without_kind(event[root][object]["id"].as_str().unwrap()));
    }
    assert_eq!(told, expected, "{root} of {user:?}");
    touch(oracle, first).await;
    let next = stream.until(|event| event[root]["type"] == "UPDATED").await;
    let next = without_kind(next[root][object]["id"].as_str().unwrap());
    assert!(expected.contains(&next), "{next} is told to {user:?}");
    expected.len()
}

fn id(key: &Key) -> String {
    format!("{CLUSTER}:{}:{}", key.namespace, key.name)
}

/// Changes an object so that every watch tells of it.
async fn touch(oracle: &Oracle, key: &Key) {
    let path = KINDS
        .iter()
        .map(|(path, _)| *path)
        .chain([WIDGETS])
        .find(|path| resource(path) == (&*key.group, &*key.resource));
    let (base, plural) = path.unwrap().rsplit_once('/').unwrap();
    let url = if key.namespace.is_empty() {
        format!("{base}/{plural}/{}", key.name)
    } else {
        format!("{base}/namespaces/{}/{plural}/{}", key.namespace, key.name)
    };
    let stamp =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos().to_string();
    let patch = json!({ "metadata": { "annotations": { "touched": stamp } } });
    let request = http::Request::patch(url)
        .header("content-type", "application/merge-patch+json")
        .body(serde_json::to_vec(&patch).unwrap())
        .unwrap();
    oracle.client.request_text(request).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_revoked_is_no_longer_told_within_five_seconds() {
    let oracle = Oracle::start().await;
    let ann = User { name: "ann".to_owned(), groups: Vec::new() };
    let role = |name: &str| {
        json!({
            "apiVersion": format!("{API}/v1"), "kind": "RoleBinding", "metadata": { "name": name, "namespace": "shop" },
            "roleRef": { "apiGroup": API, "kind": "ClusterRole", "name": "cluster-admin" },
            "subjects": [{ "kind": "User", "apiGroup": API, "name": "ann" }],
        })
    };
    let token = oracle.token(&ann);
    let query =
        format!("subscription {{ podEvents(cluster: {CLUSTER:?}, initial: true) {{ type pod {{ id }} }} }}");
    let mut stream = Subscription::start_as(oracle.server.http(), &token, &query).await;
    let key = |namespace: &str| Key {
        group: String::new(),
        resource: "pods".to_owned(),
        namespace: namespace.to_owned(),
        name: "plain".to_owned(),
    };
    let (hidden, open) = (key("shop"), key(OPEN));
    stream.until(|event| event["podEvents"]["pod"]["id"] == *id(&open)).await;
    // One round: whether a change of the first is told before that of the second, which always is.
    let mut round = async || {
        touch(&oracle, &hidden).await;
        touch(&oracle, &open).await;
        let mut told = false;
        loop {
            let event = stream.until(|event| event["podEvents"]["type"] == "UPDATED").await;
            match event["podEvents"]["pod"]["id"].as_str() {
                Some(pod) if pod == id(&hidden) => told = true,
                _ => break told,
            }
        }
    };
    assert!(!round().await, "nothing was granted yet");
    for turn in 0..3 {
        world::create(&oracle.client, &role(&format!("turn-{turn}"))).await;
        let granted = Instant::now();
        while !round().await {
            assert!(granted.elapsed() < REVOKED_WITHIN, "what was granted is never told");
        }
        oracle
            .plane()
            .kubectl(&["delete", "rolebinding", "-n", "shop", &format!("turn-{turn}")])
            .await
            .unwrap();
        let revoked = Instant::now();
        while round().await {
            assert!(revoked.elapsed() < REVOKED_WITHIN, "what was revoked is still told");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stream_ends_soon_after_its_token() {
    let oracle = Oracle::start().await;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({ "sub": "boss", "groups": ["bosses"], "aud": "fleetgraph", "exp": now + 3 });
    let token = oracle.issuer.token(claims).unwrap();
    let query = format!("subscription {{ podEvents(cluster: {CLUSTER:?}) {{ pod {{ id }} }} }}");
    let stream = Subscription::start_as(oracle.server.http(), &token, &query).await;
    let (code, reason) = stream.closed().await;
    assert_eq!(code, 4403, "{reason}");
    assert!(reason.contains("no longer valid"), "{reason}");
    let left = now + 3 + 5;
    let ended = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(ended <= left, "{} s late", ended - now - 3);
}
