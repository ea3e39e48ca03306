//! Tenants, bounds, and callers that are remembered.

use std::collections::BTreeSet;
use std::sync::Arc;

use access::{AccessKind, Settings};
use cluster_registry::Query;
use cluster_registry::connection::ClusterSpec;
use fleetgraph_core::{Kind, Principal, Scope, Verb};
use kinds::{Namespace, Node, Pod, Secret};
use testkit::{AuthorizationWebhook, Options, Verdict};

use crate::bed::{Bed, FLEET, binding, caller, eventually, seen};
use crate::create;

fn bound(names: &[&str]) -> Option<Arc<BTreeSet<Arc<str>>>> {
    Some(Arc::new(names.iter().map(|name| Arc::from(*name)).collect()))
}

fn secrets(bed: &Bed, scope: &Scope) -> BTreeSet<String> {
    let rows = bed.registry.read::<Secret>(scope).select(&Query::default()).unwrap().rows;
    rows.iter().map(|row| format!("{}/{}", &*row.meta.namespace, row.meta.name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_and_bounds_cut_whatever_rules_give() {
    let tenant = |spec| ClusterSpec { tenant: Arc::from("blue"), ..spec };
    let bed = Bed::with(Options::bare("tenants"), FLEET, Settings::default(), tenant).await;
    create(&bed.client, binding("ann", "fleet")).await;
    bed.judges_by(AccessKind::Rbac, "").await;
    bed.synced().await;
    let ann = Principal::new("ann").of_tenants(["red", "blue"]);
    let whole = bed.access.scope(ann.clone());
    eventually("the binding is seen", || whole.allows_cluster(&bed.id), |sees| *sees).await;
    let all = secrets(&bed, &whole);
    assert!(all.contains("north/one") && whole.view(&bed.id, &Node::META).is_all());

    let mut other = Principal::new("ann").of_tenants(["red", "default"]);
    other.admin = true;
    let mut bounded = ann.clone();
    bounded.bounds.clusters = bound(&["elsewhere"]);
    for outside in [other, bounded] {
        let scope = bed.access.scope(outside);
        assert!(!scope.allows_cluster(&bed.id));
        assert!(bed.registry.clusters(&scope).is_empty() && secrets(&bed, &scope).is_empty());
        assert!(!scope.to(Verb::Get).allows(&bed.id, &Pod::META, "north", "one"));
    }

    let mut north = ann.clone();
    north.bounds.namespaces = bound(&["north", "nowhere"]);
    let scope = bed.access.scope(north);
    let here: BTreeSet<String> = all.iter().filter(|name| name.starts_with("north/")).cloned().collect();
    assert_eq!(secrets(&bed, &scope), here);
    let allows = |kind, namespace: &str, name: &str| scope.allows(&bed.id, &kind, namespace, name);
    assert!(allows(Namespace::META, "", "north") && !allows(Namespace::META, "", "south"));
    assert!(!allows(Node::META, "", "north"));
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bounds_cut_what_a_webhook_allows_and_are_not_asked_beyond() {
    let guest = |spec: &serde_json::Value| match spec["user"].as_str() {
        Some("ann") => Verdict::Allow,
        _ => Verdict::NoOpinion,
    };
    let webhook = AuthorizationWebhook::start(guest).await.unwrap();
    let options = webhook.asked_by(Options::bare("bounded").authorization("Node,RBAC,Webhook"));
    let bed = Bed::start(options, FLEET, Settings::default()).await;
    bed.judges_by(AccessKind::Reviews, "webhook").await;
    bed.synced().await;
    let mut north = caller("ann");
    north.bounds.namespaces = bound(&["north"]);
    let scope = bed.access.scope(north);
    let rows = seen(&scope, || secrets(&bed, &scope)).await;
    assert!(!rows.is_empty() && rows.iter().all(|row| row.starts_with("north/")), "{rows:?}");
    for (kind, namespace, name, wanted) in [
        (Pod::META, "south", "one", false),
        (Node::META, "", "one", false),
        (Namespace::META, "", "south", false),
        (Namespace::META, "", "north", true),
        (Pod::META, "north", "one", true),
    ] {
        let one = seen(&scope, || scope.allows(&bed.id, &kind, namespace, name)).await;
        assert_eq!(one, wanted, "{} {namespace}/{name}", kind.plural);
    }
    let asked = webhook.asked_of("ann");
    assert!(asked.iter().all(|spec| spec["resourceAttributes"]["namespace"] != "south"), "{asked:?}");
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_request_of_a_caller_finds_what_the_last_one_found_out() {
    let guest = |spec: &serde_json::Value| match spec["user"].as_str() {
        Some("ann") if spec["resourceAttributes"]["namespace"] == "north" => Verdict::Allow,
        _ => Verdict::NoOpinion,
    };
    let webhook = AuthorizationWebhook::start(guest).await.unwrap();
    let options = webhook.asked_by(Options::bare("again").authorization("Node,RBAC,Webhook"));
    let settings = Settings { review_ttl: std::time::Duration::from_secs(600), ..Settings::default() };
    let bed = Bed::start(options, FLEET, settings).await;
    bed.judges_by(AccessKind::Reviews, "webhook").await;
    bed.synced().await;
    let first = bed.scope("ann");
    let rows = seen(&first, || secrets(&bed, &first)).await;
    assert!(rows.contains("north/one") && !rows.contains("south/one"));
    let asked = webhook.asked_of("ann").len();
    let second = bed.scope("ann");
    assert_eq!(secrets(&bed, &second), rows);
    assert!(!second.settle().await);
    assert_eq!(webhook.asked_of("ann").len(), asked);
    // Another attribute is another caller.
    let other = bed.access.scope(caller("ann").in_groups(["devs"]));
    assert!(secrets(&bed, &other).is_empty());
    assert_eq!(seen(&other, || secrets(&bed, &other)).await, rows);
    assert!(webhook.asked_of("ann").len() > asked);
    bed.registry.shut_down().await;
}
