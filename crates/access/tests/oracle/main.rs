//! Access as fleetgraph evaluates it, against the judgement of a real API server, in random worlds of roles and bindings.
//!
//! `ACCESS_SEEDS=100..200` takes other worlds; a failure names its world.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod authorizers;
mod bed;
mod callers;
mod faults;
mod modes;
mod world;

use std::ops::Range;

use access::rbac::Attributes;
use access::{Access, AccessKind};
use cluster_registry::{
    Registry, Settings,
    connection::{Auth, ClusterSpec},
};
use fleetgraph_core::{ClusterId, Kind, Principal, Scope, Verb};
use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kinds::{ClusterRole, Deployment, Namespace, Node, Pod, Secret};
use kube::api::{DeleteParams, DynamicObject, PostParams};
use kube::core::{GroupVersionKind, gvk::ParseGroupVersionError};
use kube::discovery::ApiResource;
use kube::{Api, Client};
use serde_json::json;
use testkit::{ControlPlane, Options};

use world::{NAMES, NAMESPACES, PATHS, RESOURCES, VERBS, World};

fn seeds() -> Range<u64> {
    let given = std::env::var("ACCESS_SEEDS").ok();
    let read = |text: String| {
        let (from, to) = text.split_once("..").unwrap();
        from.parse().unwrap()..to.parse().unwrap()
    };
    given.map_or(1..21, read)
}

/// A control plane with the worlds' namespaces.
async fn plane(name: &str) -> (ControlPlane, Client) {
    let plane = ControlPlane::start(Options::bare(name)).await.unwrap();
    let client = plane.admin_client().await.unwrap();
    for name in NAMESPACES {
        create(&client, json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }))
            .await;
    }
    (plane, client)
}

/// Each question of a world: a resource request of somebody, in a namespace or in none, by name or not.
fn requests() -> Vec<Attributes<'static>> {
    let mut all = Vec::new();
    for (group, resource, subresource, namespaced) in RESOURCES {
        let namespaces: &[&str] = if namespaced { &["north", "south", ""] } else { &["", "north"] };
        for verb in VERBS {
            for namespace in namespaces.iter().copied() {
                for name in ["", "one", "north"] {
                    all.push(Attributes { verb, group, resource, subresource, namespace, name });
                }
            }
        }
    }
    all
}

#[test]
fn all_objects_at_once_are_those_that_are_allowed_one_by_one() {
    for seed in 0..400 {
        let world = World::new(seed, "w");
        for principal in &world.principals {
            let rights = world.policy.rights(principal);
            for (group, resource, _, namespaced) in RESOURCES {
                for verb in VERBS {
                    let extent = rights.extent(verb, group, resource, namespaced);
                    let allow = |namespace, name| {
                        rights.allow(&Attributes { verb, group, resource, subresource: "", namespace, name })
                    };
                    let namespaces: &[&str] = if namespaced { &NAMESPACES } else { &[""] };
                    for namespace in namespaces {
                        assert_eq!(
                            extent.has_all_of(namespace),
                            allow(namespace, ""),
                            "{seed} {principal:?}"
                        );
                        for name in NAMES {
                            // An object of a path that names a namespace is in it.
                            let path =
                                resource == "namespaces" && ["get", "delete", "unmask"].contains(&verb);
                            let within = if path { name } else { namespace };
                            assert_eq!(
                                extent.has(namespace, name),
                                allow(within, name),
                                "world {seed}: {verb} {resource} {namespace}/{name} of {principal:?}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_judgement_is_that_of_a_real_api_server() {
    let (_plane, client) = plane("access").await;
    let worlds: Vec<(u64, World)> =
        seeds().map(|seed| (seed, World::new(seed, &format!("w{seed}")))).collect();
    for (_, world) in &worlds {
        stream::iter(&world.objects).for_each_concurrent(8, |object| create(&client, object.clone())).await;
    }
    // The authorizer hears of roles a moment after they are written.
    settled(&client).await;
    let mut compared = 0;
    for (seed, world) in &worlds {
        compared += compare(&client, *seed, world).await;
    }
    eprintln!("{compared} judgements in {} worlds", worlds.len());
    assert!(compared >= 20_000 || std::env::var("ACCESS_SEEDS").is_ok());
}

/// The same by way of the registry's copies of roles and bindings, as requests take it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scope_follows_the_roles_and_bindings_of_its_cluster() {
    let (plane, client) = plane("scopes").await;
    let kinds = ["roles", "clusterroles", "rolebindings", "clusterrolebindings", "pods"];
    let kinds = kinds::kind_set().only(&kinds.map(ToOwned::to_owned));
    let registry = Registry::new(kinds, Settings::default());
    let id = ClusterId::new(plane.name()).unwrap();
    let spec = ClusterSpec::new(id.clone(), Auth::kubeconfig(plane.kubeconfig_file(), None));
    registry.add(spec).await.unwrap();
    let access = Access::new(registry.clone(), access::Settings::default());

    let worlds: Vec<World> = (1..31).map(|seed| World::new(seed, &format!("w{seed}"))).collect();
    // Scopes of before hear of what comes later: these are asked while their rights are written.
    let scopes: Vec<Scope> = worlds.iter().map(|world| access.scope(world.principals[0].clone())).collect();
    for (world, scope) in worlds.iter().zip(&scopes) {
        assert!(!scope.allows(&id, &Pod::META, "north", "one"), "nothing is granted yet");
        stream::iter(&world.objects).for_each_concurrent(8, |object| create(&client, object.clone())).await;
    }
    settled(&client).await;
    let last = access.scope(Principal::new("last").of_tenants(["default"]));
    let sees = || last.allows(&id, &Pod::META, "north", "one");
    let rbac = || access.mode(&id).is_some_and(|mode| mode.kind == AccessKind::Rbac);
    until("roles and bindings are known to decide", &rbac).await;
    until("the last binding is seen", &sees).await;

    for (world, first) in worlds.iter().zip(&scopes) {
        for (number, principal) in world.principals.iter().enumerate() {
            let scope = if number == 0 { first.clone() } else { access.scope(principal.clone()) };
            let rights = world.policy.rights(principal);
            for kind in
                [Pod::META, Secret::META, Namespace::META, Node::META, Deployment::META, ClusterRole::META]
            {
                let of = |verb| rights.extent(verb, kind.group, kind.plural, kind.namespaced);
                let get = of("get");
                let listed = of("list");
                for namespace in if kind.namespaced { &NAMESPACES[..] } else { &[""] } {
                    for name in NAMES {
                        let allows = |verb| scope.to(verb).allows(&id, &kind, namespace, name);
                        assert_eq!(allows(Verb::Get), get.has(namespace, name), "{kind:?} of {principal:?}");
                        assert_eq!(
                            allows(Verb::Watch),
                            of("watch").has(namespace, name),
                            "{kind:?} of {principal:?}"
                        );
                        assert_eq!(
                            allows(Verb::Unmask),
                            of("unmask").has(namespace, name),
                            "{kind:?} of {principal:?}"
                        );
                        let visible = get.has(namespace, name) || listed.has_all_of(namespace);
                        assert_eq!(allows(Verb::List), visible, "{kind:?} of {principal:?}");
                    }
                }
            }
        }
    }

    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    bindings.delete("last", &DeleteParams::default()).await.unwrap();
    until("what was revoked is gone", &|| !sees()).await;
    assert!(!last.allows_cluster(&id), "who may see nothing of a cluster is not told of it");
    registry.shut_down().await;
}

/// Within five seconds, as revocations take effect.
async fn until(what: &str, holds: &(impl Fn() -> bool + ?Sized)) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("never: {what}");
}

async fn compare(client: &Client, seed: u64, world: &World) -> usize {
    let mut asked = Vec::new();
    for principal in &world.principals {
        let rights = world.policy.rights(principal);
        for request in requests() {
            asked.push((
                rights.allow(&request),
                spec(principal, Some(&request), None),
                format!("{request:?}"),
            ));
        }
        for path in PATHS {
            asked.push((
                rights.allow_path("get", path),
                spec(principal, None, Some(path)),
                format!("get {path}"),
            ));
        }
    }
    let count = asked.len();
    stream::iter(asked)
        .map(Ok)
        .try_for_each_concurrent(16, async |(ours, spec, what)| {
            let review = SubjectAccessReview { spec: spec.clone(), ..SubjectAccessReview::default() };
            let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
            let theirs = answer.status.unwrap().allowed;
            if ours == theirs { Ok(()) } else { Err(format!("{theirs}, not {ours}: {what} of {spec:?}")) }
        })
        .await
        .unwrap_or_else(|wrong| panic!("ACCESS_SEEDS={seed}..{}: {wrong}\n{:#?}", seed + 1, world.objects));
    count
}

fn spec(
    principal: &Principal,
    request: Option<&Attributes<'_>>,
    path: Option<&str>,
) -> SubjectAccessReviewSpec {
    let text = |text: &str| Some(text.to_owned());
    SubjectAccessReviewSpec {
        user: text(&principal.user),
        groups: Some(principal.groups.iter().map(ToString::to_string).collect()),
        resource_attributes: request.map(|request| ResourceAttributes {
            verb: text(request.verb),
            group: text(request.group),
            resource: text(request.resource),
            subresource: text(request.subresource),
            namespace: text(request.namespace),
            name: text(request.name),
            ..ResourceAttributes::default()
        }),
        non_resource_attributes: path
            .map(|path| NonResourceAttributes { path: text(path), verb: text("get") }),
        ..SubjectAccessReviewSpec::default()
    }
}

async fn create(client: &Client, object: serde_json::Value) {
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    let types = object.types.as_ref().unwrap();
    let gvk: Result<GroupVersionKind, ParseGroupVersionError> = types.try_into();
    let resource = ApiResource::from_gvk(&gvk.unwrap());
    let api: Api<DynamicObject> = match &object.metadata.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    api.create(&PostParams::default(), &object).await.unwrap();
}

/// Waits until the authorizer knows of a role and a binding that are written last.
async fn settled(client: &Client) {
    create(client, json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "last" },
        "rules": [{ "verbs": ["list"], "apiGroups": [""], "resources": ["pods"] }],
    })).await;
    let subject = json!({ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "last" });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "last" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "last" },
        "subjects": [subject],
    });
    create(client, binding).await;
    let principal = Principal::new("last");
    let request =
        Attributes { verb: "list", group: "", resource: "pods", subresource: "", namespace: "", name: "" };
    for _ in 0..200 {
        let review = SubjectAccessReview {
            spec: spec(&principal, Some(&request), None),
            ..SubjectAccessReview::default()
        };
        let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
        if answer.status.is_some_and(|status| status.allowed) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the authorizer hears of no binding");
}
