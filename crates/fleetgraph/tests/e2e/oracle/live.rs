//! Subscriptions: who may watch an object is told of its changes, and nobody else; from the moment of a revocation, nobody
//! who was told until then.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::world::{API, Key, User, World};
use super::{CLUSTER, OPEN, Oracle, WIDGETS, enact, resource, seeds, world};
use crate::client::Subscription;
use crate::compare::KINDS;

/// How soon a revocation has to be in force.
const REVOKED_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_may_watch_an_object_is_told_of_its_changes_and_nobody_else() {
    let oracle = Oracle::start().await;
    let roots = oracle.schema.root_fields("Subscription");
    let mut covered = BTreeSet::from(["clusterEvents".to_owned()]);
    let mut compared = 0;
    for seed in seeds().take(2) {
        let world = World::new(seed, &oracle.vocabulary);
        enact(&oracle, &world).await;
        let keys = oracle.keys().await;
        let mut sights = Vec::new();
        for user in &world.users {
            sights.push((user, world::sight(&oracle.client, user, &keys).await));
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
            if changed.len() < 3 || plural == "events" {
                continue;
            }
            let mut streams = Vec::new();
            for (user, sight) in &sights {
                let token = oracle.token(user);
                let fields = "{ kind resource { id } }";
                for (field, arguments) in [
                    (root.as_str(), format!("cluster: {CLUSTER:?}")),
                    ("resourceEvents", format!("cluster: {CLUSTER:?}, resourceType: {plural:?}")),
                ] {
                    let fields = if field == "resourceEvents" {
                        fields.to_owned()
                    } else {
                        format!("{{ {} {{ id }} }}", kind.one)
                    };
                    let query = format!("subscription {{ {field}({arguments}) {fields} }}");
                    let stream = Subscription::start_as(oracle.server.http(), &token, &query).await;
                    streams.push((*user, sight, field.to_owned(), stream));
                }
            }
            for key in &changed {
                touch(&oracle, key).await;
            }
            for (user, sight, field, mut stream) in streams {
                let expected: Vec<String> =
                    changed.iter().filter(|key| sight.watchable.contains(*key)).map(|key| id(key)).collect();
                let mut told = Vec::new();
                while told.last() != expected.last() {
                    let event = stream.next().await;
                    told.push(told_of(&event[&field]).unwrap_or_else(|| panic!("{event}")));
                }
                assert_eq!(
                    told,
                    expected,
                    "ORACLE_SEEDS={seed}..{}: {field} of {user:?}\n{:#?}",
                    seed + 1,
                    world.objects
                );
                compared += changed.len();
            }
        }
    }
    eprintln!("{compared} comparisons of changes with what may be watched");
    let left: Vec<_> = roots.iter().filter(|root| !covered.contains(*root)).collect();
    eprintln!("not subscribed to here, since no object of theirs lies in each namespace: {left:?}");
}

fn id(key: &Key) -> String {
    format!("{CLUSTER}:{}:{}", key.namespace, key.name)
}

/// The id of the object that an event tells of.
fn told_of(event: &Value) -> Option<String> {
    let object = event.as_object()?.values().find(|value| value["id"].is_string())?;
    Some(object["id"].as_str()?.to_owned())
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
    let query = format!("subscription {{ podEvents(cluster: {CLUSTER:?}) {{ pod {{ id }} }} }}");
    let mut stream = Subscription::start_as(oracle.server.http(), &token, &query).await;
    let key = |namespace: &str| Key {
        group: String::new(),
        resource: "pods".to_owned(),
        namespace: namespace.to_owned(),
        name: "plain".to_owned(),
    };
    let (hidden, open) = (key("shop"), key(OPEN));
    // One round: whether a change of the first is told before that of the second, which always is.
    let mut round = async || {
        touch(&oracle, &hidden).await;
        touch(&oracle, &open).await;
        let mut told = false;
        loop {
            let event = stream.next().await;
            match told_of(&event["podEvents"]).unwrap() {
                id if id == self::id(&hidden) => told = true,
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
