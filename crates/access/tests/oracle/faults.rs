//! Authorizers that fail or hang, rights that end, and clusters that are gone.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use access::{AccessKind, Settings};
use cluster_registry::Cluster;
use fleetgraph_core::{ErrorCode, Kind, Scope, Timestamp, Verb};
use futures::future::join_all;
use kinds::Pod;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use testkit::{AuthorizationWebhook, Behaviour, Options, Verdict};

use crate::bed::{Bed, FLEET, binding, caller, eventually, seen};
use crate::create;

/// Revocations take effect within it.
const EFFECT: Duration = Duration::from_secs(5);

/// A webhook that lets some users read pods in the north.
async fn guests(names: &[&str]) -> (AuthorizationWebhook, Arc<Mutex<HashSet<String>>>) {
    let guests = Arc::new(Mutex::new(names.iter().map(ToString::to_string).collect::<HashSet<_>>()));
    let known = Arc::clone(&guests);
    let decide = move |spec: &Value| {
        let attributes = &spec["resourceAttributes"];
        let north = attributes["namespace"] == "north" && attributes["resource"] == "pods";
        let user = spec["user"].as_str().unwrap_or_default();
        if north && known.lock().unwrap().contains(user) { Verdict::Allow } else { Verdict::NoOpinion }
    };
    (AuthorizationWebhook::start(decide).await.unwrap(), guests)
}

async fn bed(name: &str, webhook: &AuthorizationWebhook, settings: Settings) -> Bed {
    let options = webhook.asked_by(Options::bare(name).authorization("Node,RBAC,Webhook"));
    let bed = Bed::start(options, FLEET, settings).await;
    bed.judges_by(AccessKind::Reviews, "webhook").await;
    bed.synced().await;
    bed
}

fn sees(bed: &Bed, scope: &Scope) -> bool {
    scope.allows(&bed.id, &Pod::META, "north", "one")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_right_that_a_webhook_takes_back_ends_within_five_seconds() {
    let (webhook, guests) = guests(&["ann"]).await;
    let bed = bed("revoked", &webhook, Settings::default()).await;
    // As of a subscription, which asks again for each event.
    let scope = bed.scope("ann").to(Verb::Watch);
    assert!(seen(&scope, || sees(&bed, &scope)).await);
    guests.lock().unwrap().clear();
    let revoked = Instant::now();
    while seen(&scope, || sees(&bed, &scope)).await {
        assert!(revoked.elapsed() < EFFECT, "what was revoked is still seen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    guests.lock().unwrap().insert("ann".to_owned());
    let granted = Instant::now();
    while !seen(&scope, || sees(&bed, &scope)).await {
        assert!(granted.elapsed() < EFFECT, "what was granted is not seen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_that_fails_grants_nothing_and_nothing_of_it_is_remembered() {
    let (webhook, _) = guests(&["ann"]).await;
    let settings = Settings { review_ttl: Duration::from_secs(600), ..Settings::default() };
    let bed = bed("failing", &webhook, settings).await;
    create(&bed.client, binding("ben", "fleet")).await;
    webhook.set(Behaviour::Fails);
    let (ann, ben) = (bed.scope("ann"), bed.scope("ben"));
    assert!(!seen(&ann, || sees(&bed, &ann)).await);
    let told = ann.problem(&bed.id).unwrap();
    assert_eq!(told.code, ErrorCode::ClusterUnavailable);
    assert!(!told.message.contains("127.0.0.1"), "callers aren't told of the webhook: {told}");
    // Roles are asked before the webhook.
    eventually_seen(&bed, &ben).await;
    assert!(ben.problem(&bed.id).is_none());
    webhook.set(Behaviour::Answers);
    assert!(seen(&ann, || sees(&bed, &ann)).await);
    assert!(ann.problem(&bed.id).is_none(), "what is over is told no more");
    bed.registry.shut_down().await;
}

async fn eventually_seen(bed: &Bed, scope: &Scope) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !seen(scope, || sees(bed, scope)).await {
        assert!(Instant::now() < deadline, "it is never seen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_again_for_a_webhook_that_hangs() {
    let (webhook, _) = guests(&["ann", "ben"]).await;
    let bed = bed("hanging", &webhook, Settings::default()).await;
    webhook.set(Behaviour::Hangs);
    let (ann, ben) = (bed.scope("ann"), bed.scope("ben"));
    assert!(!seen(&ann, || sees(&bed, &ann)).await);
    assert_eq!(ann.problem(&bed.id).unwrap().code, ErrorCode::ClusterTimeout);
    assert!(!webhook.asked_of("ann").is_empty());
    assert!(!seen(&ben, || sees(&bed, &ben)).await);
    assert_eq!(ben.problem(&bed.id).unwrap().code, ErrorCode::ClusterTimeout);
    assert_eq!(webhook.asked_of("ben"), [] as [Value; 0], "the next one isn't made to wait");
    webhook.set(Behaviour::Answers);
    eventually_seen(&bed, &ben).await;
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_want_the_same_ask_once() {
    let (webhook, _) = guests(&["ann"]).await;
    let settings = Settings {
        review_ttl: Duration::from_secs(600),
        review_patience: Duration::from_secs(60),
        ..Settings::default()
    };
    let bed = bed("crowd", &webhook, settings).await;
    webhook.set(Behaviour::Hangs);
    let scopes: Vec<Scope> = (0..20).map(|_| bed.scope("ann").to(Verb::Get)).collect();
    for scope in &scopes {
        assert!(!sees(&bed, scope));
    }
    let waiting = join_all(scopes.iter().map(Scope::settle));
    let release = async {
        while webhook.asked_of("ann").is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        webhook.set(Behaviour::Answers);
    };
    let (settled, ()) = tokio::join!(waiting, release);
    assert!(settled.into_iter().all(|learned| learned));
    assert!(scopes.iter().all(|scope| sees(&bed, scope)));
    assert_eq!(webhook.asked_of("ann").len(), 1);
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_reviews_than_a_request_may_ask_for_are_told_and_not_asked() {
    let (webhook, _) = guests(&["ann"]).await;
    let settings = Settings { reviews_per_request: 2, ..Settings::default() };
    let bed = bed("many", &webhook, settings).await;
    let scope = bed.scope("ann").to(Verb::Get);
    let look =
        || ["one", "two", "three", "four"].map(|name| scope.allows(&bed.id, &Pod::META, "north", name));
    assert_eq!(look(), [false; 4]);
    assert!(scope.settle().await);
    assert_eq!(look(), [true, true, false, false]);
    assert_eq!(scope.problem(&bed.id).unwrap().code, ErrorCode::ComplexityLimit);
    assert!(scope.settle().await);
    assert_eq!((look(), scope.problem(&bed.id)), ([true; 4], None));
    bed.registry.shut_down().await;
}

/// Changes an object of each of the four kinds, and waits until that was heard: their age counts from then.
async fn say_something(bed: &Bed, cluster: &Cluster) {
    let (now, api) = (Timestamp::now(), "rbac.authorization.k8s.io");
    for (kind, namespace) in
        [("Role", "north"), ("ClusterRole", ""), ("RoleBinding", "north"), ("ClusterRoleBinding", "")]
    {
        let mut object = json!({
            "apiVersion": format!("{api}/v1"), "kind": kind, "metadata": { "name": "word" },
        });
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        if kind.ends_with("Binding") {
            object["roleRef"] = json!({ "apiGroup": api, "kind": "ClusterRole", "name": "word" });
        }
        create(&bed.client, object).await;
    }
    let silent = || {
        let rules = cluster.stores_where(&|kind| kind.group == api).into_iter();
        let silent = rules.filter(|store| store.freshness(true).last_event.is_none_or(|heard| heard < now));
        silent.map(|store| store.kind().plural).collect::<Vec<_>>()
    };
    eventually("all four watches were heard", silent, Vec::is_empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_is_gone_is_judged_by_its_last_rules_for_a_bounded_time() {
    let settings = Settings { max_rules_age: Duration::from_secs(20), ..Settings::default() };
    let bed = Bed::start(Options::bare("gone"), FLEET, settings).await;
    create(&bed.client, binding("ann", "fleet")).await;
    bed.judges_by(AccessKind::Rbac, "").await;
    let scope = bed.scope("ann");
    eventually("the binding is seen", || sees(&bed, &scope), |sees| *sees).await;
    let cluster = bed.registry.cluster(&Scope::everything(), bed.id.as_str()).unwrap();
    say_something(&bed, &cluster).await;
    bed.plane.fault(testkit::Fault::Refuse).await.unwrap();
    eventually("the cluster can't be reached", || cluster.reachable(), |reachable| !reachable).await;
    assert!(sees(&bed, &scope) && scope.problem(&bed.id).is_none(), "its last rules hold for a while");
    eventually("then nothing is granted", || sees(&bed, &scope), |sees| !sees).await;
    assert_eq!(scope.problem(&bed.id).unwrap().code, ErrorCode::ClusterUnavailable);
    assert!(scope.allows_cluster(&bed.id), "and the answer says of which cluster");
    assert!(bed.scope("ben").problem(&bed.id).is_none(), "to those who knew of it");
    bed.plane.heal().await.unwrap();
    eventually("it is back", || sees(&bed, &scope), |sees| *sees).await;

    // What was revoked meanwhile is revoked.
    let bindings: Api<k8s_openapi::api::rbac::v1::ClusterRoleBinding> = Api::all(bed.client.clone());
    bindings.delete("ann", &DeleteParams::default()).await.unwrap();
    eventually("the right ended", || sees(&bed, &scope), |sees| !sees).await;
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubelets_are_reviewed_wherever_they_are() {
    let bed = Bed::start(Options::bare("kubelets"), FLEET, Settings::default()).await;
    bed.judges_by(AccessKind::Rbac, "").await;
    bed.synced().await;
    let kubelet = caller("system:node:one").in_groups(["system:nodes"]);
    let scope = bed.access.scope(kubelet);
    // The Node authorizer gives them nodes and services to list, which no role does.
    for (kind, wanted) in [(kinds::Service::META, true), (kinds::Deployment::META, false)] {
        assert_eq!(seen(&scope, || scope.allows(&bed.id, &kind, "north", "one")).await, wanted, "{kind:?}");
    }
    bed.registry.shut_down().await;
}
