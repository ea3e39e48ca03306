//! Who decides in a cluster is found out, and again when it changes.

use std::time::Duration;

use access::{AccessKind, Settings};
use cluster_registry::connection::{AccessRule, ClusterSpec};
use fleetgraph_core::{ClusterId, Kind, Scope, Verb};
use kinds::Pod;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use testkit::{AuthorizationWebhook, Options, Verdict};

use crate::bed::{Account, Bed, FLEET, binding, caller, eventually, file, seen};
use crate::create;

fn config(authorizers: &[Value]) -> String {
    let kind = "AuthorizationConfiguration";
    json!({ "apiVersion": "apiserver.config.k8s.io/v1", "kind": kind, "authorizers": authorizers })
        .to_string()
}

fn rbac() -> Value {
    json!({ "type": "RBAC", "name": "rbac" })
}

/// Puts a file into another's place at once: half a configuration is none.
fn replace(path: &std::path::Path, text: &str) {
    let next = path.with_extension("next");
    std::fs::write(&next, text).unwrap();
    std::fs::rename(next, path).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorizer_that_comes_while_the_server_runs_is_found_and_so_is_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let webhook = AuthorizationWebhook::start(|_| Verdict::NoOpinion).await.unwrap();
    let file = file(&dir, "authorizers.json", &config(&[rbac()]));
    let settings = Settings { recheck: Duration::from_secs(1), ..Settings::default() };
    let bed = Bed::start(Options::bare("reload").authorization_config(&file), FLEET, settings).await;
    bed.judges_by(AccessKind::Rbac, "and no others").await;
    replace(&file, &config(&[webhook.authorizer(), rbac()]));
    bed.judges_by(AccessKind::Reviews, "webhook").await;
    replace(&file, &config(&[rbac()]));
    bed.judges_by(AccessKind::Rbac, "and no others").await;
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_grant_nothing_until_it_is_known_that_they_decide() {
    let no_guest = |spec: &Value| if spec["user"] == "ann" { Verdict::Deny } else { Verdict::NoOpinion };
    let webhook = AuthorizationWebhook::start(no_guest).await.unwrap();
    let options = webhook.asked_by(Options::bare("first").authorization("Webhook,RBAC"));
    let bed = Bed::start(options, FLEET, Settings::default()).await;
    create(&bed.client, binding("ann", "fleet")).await;
    bed.judges_by(AccessKind::Reviews, "webhook").await;
    // The same cluster again and again, so that its rules are known before and after it was looked at.
    let cluster = bed.registry.cluster(&Scope::everything(), bed.id.as_str()).unwrap();
    for number in 0..10 {
        let id = ClusterId::new(&format!("again-{number}")).unwrap();
        let spec = ClusterSpec { id: id.clone(), ..ClusterSpec::clone(cluster.spec()) };
        let again = bed.registry.add(spec).await.unwrap();
        let scope = bed.scope("ann");
        let looked_at = || bed.access.mode(&id).is_some_and(|mode| mode.reason.contains("webhook"));
        while !(again.ready() && looked_at()) {
            assert!(!scope.allows(&id, &Pod::META, "north", "one"), "{:?}", bed.access.mode(&id));
            tokio::task::yield_now().await;
        }
        bed.registry.remove(&id).await;
    }
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_with_other_authorizers_is_looked_at_again() {
    let dir = tempfile::tempdir().unwrap();
    let webhook = AuthorizationWebhook::start(|_| Verdict::NoOpinion).await.unwrap();
    let file = file(&dir, "authorizers.json", &config(&[rbac()]));
    // Only what broke is looked at again.
    let settings = Settings { recheck: Duration::from_secs(3_600), ..Settings::default() };
    let bed = Bed::start(Options::bare("restart").authorization_config(&file), FLEET, settings).await;
    bed.judges_by(AccessKind::Rbac, "and no others").await;
    replace(&file, &config(&[rbac(), webhook.authorizer()]));
    bed.plane.restart_apiserver().await.unwrap();
    bed.judges_by(AccessKind::Reviews, "webhook").await;
    bed.registry.shut_down().await;
}

/// Nothing that concerns fleetgraph's own account shows such a policy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_file_that_names_somebody_else_is_found_when_that_one_calls() {
    let dir = tempfile::tempdir().unwrap();
    let spec =
        json!({ "user": "cara", "namespace": "*", "resource": "pods", "apiGroup": "*", "readonly": true });
    let line =
        json!({ "apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": spec });
    let policy = file(&dir, "policy.jsonl", &line.to_string());
    let options = Options::bare("elsewhere")
        .authorization("Node,RBAC,ABAC")
        .apiserver_arg(&format!("--authorization-policy-file={}", policy.display()));
    let settings = Settings { recheck: Duration::from_secs(1), ..Settings::default() };
    let bed = Bed::start(options, FLEET, settings).await;
    create(&bed.client, binding("ann", "fleet")).await;
    bed.judges_by(AccessKind::Rbac, "").await;
    bed.synced().await;
    let (ann, cara) = (bed.scope("ann"), bed.scope("cara"));
    let sees = |scope: &Scope| scope.allows(&bed.id, &Pod::META, "north", "one");
    eventually("the binding is seen", || sees(&ann), |sees| *sees).await;
    assert!(!sees(&cara));
    bed.judges_by(AccessKind::Reviews, "allows a caller to list pods").await;
    for scope in [&cara, &ann] {
        assert!(seen(scope, || sees(scope)).await);
    }
    bed.registry.shut_down().await;
}

/// `kube-apiserver` makes its roles and bindings wherever it runs; here nothing reads them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_that_nobody_evaluates_grant_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let policy = json!({ "user": "fleet", "namespace": "*", "resource": "*", "apiGroup": "*", "nonResourcePath": "*" });
    let line =
        json!({ "apiVersion": "abac.authorization.kubernetes.io/v1beta1", "kind": "Policy", "spec": policy });
    let policy = file(&dir, "policy.jsonl", &line.to_string());
    let options = Options::bare("ignored")
        .authorization("ABAC")
        .apiserver_arg(&format!("--authorization-policy-file={}", policy.display()));
    let bed = Bed::start(options, FLEET, Settings::default()).await;
    create(&bed.client, binding("ann", "fleet")).await;
    bed.synced().await;
    bed.judges_by(AccessKind::Reviews, "something beside roles and bindings grants").await;
    let scope = bed.scope("ann");
    assert!(!seen(&scope, || scope.allows(&bed.id, &Pod::META, "north", "one")).await);
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_review_roles_alone_can_decide() {
    let account = Account { reads_rules: true, reviews: false };
    let bed = Bed::start(Options::bare("modest"), account, Settings::default()).await;
    create(&bed.client, binding("ann", "fleet")).await;
    bed.judges_by(AccessKind::Rbac, "and no others").await;
    let scope = bed.scope("ann");
    let sees = || scope.allows(&bed.id, &Pod::META, "north", "one");
    eventually("the binding is seen", sees, |sees| *sees).await;
    // What the Node authorizer grants a kubelet can't be asked.
    let kubelet = caller("system:node:one").in_groups(["system:nodes"]);
    let scope = bed.access.scope(kubelet).to(Verb::Get);
    assert!(!seen(&scope, || scope.allows(&bed.id, &Pod::META, "north", "one")).await);
    assert!(scope.problem(&bed.id).is_some());
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_neither_roles_nor_reviews_can_be_had_nothing_is_granted_until_they_can() {
    let account = Account { reads_rules: false, reviews: false };
    let bed = Bed::start(Options::bare("blind"), account, Settings::default()).await;
    create(&bed.client, binding("ann", "fleet")).await;
    bed.judges_by(AccessKind::Nothing, "may not create SubjectAccessReviews").await;
    let scope = bed.scope("ann");
    assert!(!seen(&scope, || scope.allows(&bed.id, &Pod::META, "north", "one")).await);
    assert!(!scope.allows_cluster(&bed.id), "nor is anybody told of the cluster");

    let roles: Api<k8s_openapi::api::rbac::v1::ClusterRole> = Api::all(bed.client.clone());
    let rules = json!([{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }]);
    let patch = Patch::Merge(json!({ "rules": rules }));
    roles.patch("fleet", &PatchParams::default(), &patch).await.unwrap();
    bed.judges_by(AccessKind::Rbac, "and no others").await;
    let sees = || scope.allows(&bed.id, &Pod::META, "north", "one");
    eventually("the roles are seen", sees, |sees| *sees).await;
    bed.registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_configuration_can_say_how_to_judge() {
    let forced = |access| move |spec| ClusterSpec { access, ..spec };
    let webhook = AuthorizationWebhook::start(|_| Verdict::NoOpinion).await.unwrap();
    let options = webhook.asked_by(Options::bare("forced").authorization("Node,RBAC,Webhook"));
    let bed = Bed::with(options, FLEET, Settings::default(), forced(AccessRule::Rbac)).await;
    create(&bed.client, binding("ann", "fleet")).await;
    assert_eq!(bed.mode().kind, AccessKind::Rbac);
    let scope = bed.scope("ann");
    let sees = || scope.allows(&bed.id, &Pod::META, "north", "one");
    eventually("the binding is seen without a review", sees, |sees| *sees).await;
    assert!(!scope.settle().await && webhook.asked_of("ann").is_empty());

    // The same cluster under another name.
    let spec = bed.registry.cluster(&Scope::everything(), bed.id.as_str()).unwrap();
    let other = ClusterId::new("asked").unwrap();
    let spec =
        ClusterSpec { id: other.clone(), access: AccessRule::Reviews, ..ClusterSpec::clone(spec.spec()) };
    bed.registry.add(spec).await.unwrap();
    assert_eq!(bed.access.mode(&other).unwrap().kind, AccessKind::Reviews);
    let look = || seen(&scope, || scope.allows(&other, &Pod::META, "north", "one"));
    while !look().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bed.registry.shut_down().await;
}
