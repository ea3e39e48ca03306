//! Changes of objects, which each cluster sees as the caller's. What the API server itself has on record is the proof:
//! fleetgraph's own account could do everything here, and must not.

use std::{fmt::Write as _, time::Duration};

use http_body_util::BodyExt;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use testkit::{ControlPlane, Credentials, Fleet, Issuer, Options};

use crate::{
    bed,
    client::{self, code},
    server::Server,
};

const PATCH: &str = "mutation($id: ID!, $patch: JSON!, $type: PatchType! = MERGE, $dryRun: Boolean! = false) {
    patchResource(id: $id, patch: $patch, type: $type, dryRun: $dryRun) { id uid resourceVersion generation dryRun }
}";
const DELETE: &str = "mutation($id: ID!, $uid: String, $dryRun: Boolean! = false) {
    deleteResource(id: $id, uid: $uid, dryRun: $dryRun) { id uid }
}";
/// What the API server keeps of changes.
const POLICY: &str = r#"{
    "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"],
    "rules": [{
        "level": "Metadata", "verbs": ["update", "patch", "delete", "deletecollection"], "namespaces": ["shop"]
    }, { "level": "None" }]
}"#;

struct Bed {
    fleet: Fleet,
    issuer: Issuer,
    server: Server,
    dir: tempfile::TempDir,
}

impl Bed {
    /// One control plane under four ids: `one`, where fleetgraph's account may do everything; `modest`, where it has what the
    /// manifest gives it; `direct`, which takes callers' tokens; `stripped`, before which something drops what it doesn't
    /// know.
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("policy.json"), POLICY).unwrap();
        let mut options = Options::bare("one");
        options.apiserver_args.push(format!("--audit-policy-file={}/policy.json", dir.path().display()));
        options.apiserver_args.push(format!("--audit-log-path={}/audit.log", dir.path().display()));
        let fleet = Fleet::start_with(vec![options]).await.unwrap();
        let plane = fleet.plane("one").unwrap();
        for arguments in [
            &["create", "namespace", "shop"][..],
            &["create", "serviceaccount", "robot", "-n", "shop"],
            &["create", "configmap", "settings", "-n", "shop", "--from-literal=color=red"],
            &["create", "secret", "generic", "door", "-n", "shop", "--from-literal=key=hush"],
            &["create", "deployment", "cart", "-n", "shop", "--image=cart:1"],
            &[
                "create",
                "role",
                "editor",
                "-n",
                "shop",
                "--verb=get,list,patch,delete",
                "--resource=configmaps,secrets,deployments.apps",
            ],
            &[
                "create",
                "rolebinding",
                "editors",
                "-n",
                "shop",
                "--role=editor",
                "--group=dev",
                "--serviceaccount=shop:robot",
            ],
            &["create", "clusterrole", "reader", "--verb=get,list,watch", "--resource=*.*"],
            &["create", "clusterrolebinding", "readers", "--clusterrole=reader", "--user=bob"],
            &["apply", "-f", concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/rbac.yaml")],
            &[
                "create",
                "clusterrolebinding",
                "impersonation",
                "--clusterrole=fleetgraph-impersonation",
                "--serviceaccount=fleetgraph:fleetgraph",
            ],
        ] {
            plane.kubectl(arguments).await.unwrap();
        }
        let lifetime = Duration::from_secs(3600);
        let modest = plane.service_account_token("fleetgraph", "fleetgraph", lifetime).await.unwrap();
        std::fs::write(dir.path().join("modest"), plane.kubeconfig(&Credentials::Bearer(modest))).unwrap();
        let issuer = Issuer::start().await.unwrap();
        let server = Server::configured(&configuration(plane, &issuer, &stripping(plane).await, &dir));
        let bed = Self { fleet, issuer, server, dir };
        for (token, cluster) in [
            (bed.ann(), "one"),
            (bed.ann(), "modest"),
            (bed.ann(), "stripped"),
            (bed.robot().await, "direct"),
        ] {
            let query = format!(
                "{{ configMap(cluster: {cluster:?}, namespace: \"shop\", name: \"settings\") {{ id }} }}"
            );
            bed.until(&token, &query, |data| data["configMap"]["id"].is_string()).await;
        }
        bed
    }

    fn plane(&self) -> &ControlPlane {
        self.fleet.plane("one").unwrap()
    }

    fn ann(&self) -> String {
        let claims =
            json!({ "sub": "ann", "groups": ["dev"], "id": "u-7", "team": "Shop & Co", "aud": "fleetgraph" });
        self.issuer.token(claims).unwrap()
    }

    fn bob(&self) -> String {
        self.issuer.token(json!({ "sub": "bob", "id": "u-8", "aud": "fleetgraph" })).unwrap()
    }

    async fn robot(&self) -> String {
        self.plane().service_account_token("shop", "robot", Duration::from_secs(3600)).await.unwrap()
    }

    async fn ask(&self, token: &str, query: &str, variables: Value) -> Value {
        client::answer_as(self.server.http(), token, query, variables).await
    }

    async fn until(&self, token: &str, query: &str, wanted: impl Fn(&Value) -> bool) {
        client::until_as(self.server.http(), token, query, wanted).await;
    }

    /// What the API server has on record of changes that came through fleetgraph.
    fn recorded(&self) -> Vec<Value> {
        let log = std::fs::read_to_string(self.dir.path().join("audit.log")).unwrap();
        let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events
            .filter(|event| !event["userAgent"].as_str().unwrap_or_default().starts_with("kubectl"))
            .collect()
    }
}

fn configuration(plane: &ControlPlane, issuer: &Issuer, stripping: &str, dir: &tempfile::TempDir) -> String {
    let mut config = format!("clusters:\n{}", bed::cluster(plane));
    write!(
        config,
        "  - id: direct\n    write_as: token\n    auth_method: kubeconfig\n    kubeconfig_path: {}\n  \
         - id: modest\n    auth_method: kubeconfig\n    kubeconfig_path: {}/modest\n  \
         - id: stripped\n    auth_method: token\n    service_account_token: anything\n    api_server_url: {stripping}\n\
         enable_mutations: true\ncatalog:\n  directory: {}/catalog\n\
         authentication:\n  admins:\n    users: [ann]\n  oidc:\n    - issuer: {}\n      ca_file: {}\n      \
         audiences: [fleetgraph]\n      groups_claim: groups\n      username_prefix: '-'\n      uid_claim: id\n      \
         extra_claims:\n        example.com/team: team\n      tenants: [default]\n  \
         token_reviews:\n    - cluster: one\n      clusters: [one, direct]\n      tenants: [default]\n",
        plane.kubeconfig_file().display(),
        dir.path().display(),
        dir.path().display(),
        issuer.url(),
        issuer.ca_file().display(),
    )
    .unwrap();
    config
}

/// A gateway that asks the API server by credentials of its own, which may do everything, and drops what it doesn't know.
async fn stripping(plane: &ControlPlane) -> String {
    let client = plane.admin_client().await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { return };
            let client = client.clone();
            let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
                let client = client.clone();
                async move {
                    let names: Vec<_> = request.headers().keys().cloned().collect();
                    for name in names.iter().filter(|name| {
                        name.as_str().starts_with("impersonate-") || *name == hyper::header::AUTHORIZATION
                    }) {
                        request.headers_mut().remove(name);
                    }
                    let (parts, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes().to_vec();
                    client.send(hyper::Request::from_parts(parts, body.into())).await
                }
            });
            tokio::spawn(
                hyper_util::server::conn::auto::Builder::new(TokioExecutor::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .into_owned(),
            );
        }
    });
    format!("http://{address}")
}

/// The manifest, asked of the API server.
async fn reads_what_it_serves_and_nothing_else(plane: &ControlPlane) {
    let may = async |verb: &str, resource: &str| {
        let (resource, of) = resource.split_once('/').unwrap_or((resource, ""));
        let (account, of) =
            ("--as=system:serviceaccount:fleetgraph:fleetgraph", format!("--subresource={of}"));
        plane.kubectl(&["auth", "can-i", verb, resource, account, "--all-namespaces", &of]).await.is_ok()
    };
    for name in kinds::kind_names() {
        for verb in ["get", "list", "watch"] {
            assert!(may(verb, name).await, "{verb} {name}");
        }
    }
    for (verb, resource) in [
        ("get", "pods/exec"),
        ("get", "pods/log"),
        ("get", "nodes/proxy"),
        ("get", "services/proxy"),
        ("create", "pods"),
        ("patch", "deployments.apps"),
        ("delete", "configmaps"),
        ("escalate", "clusterroles"),
    ] {
        assert!(!may(verb, resource).await, "{verb} {resource}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_the_callers_own_in_the_clusters_eyes_and_by_the_callers_rights() {
    let bed = Bed::start().await;
    let (ann, bob, robot) = (bed.ann(), bed.bob(), bed.robot().await);

    reads_what_it_serves_and_nothing_else(bed.plane()).await;

    // Those who may.
    let settings = "configmaps/one:shop:settings";
    let blue = json!({ "data": { "color": "blue" } });
    let patched = bed.ask(&ann, PATCH, json!({ "id": settings, "patch": blue })).await;
    let version =
        patched["data"]["patchResource"]["resourceVersion"].as_str().unwrap_or_else(|| panic!("{patched}"));
    bed.until(
        &ann,
        "{ configMap(cluster: \"one\", namespace: \"shop\", name: \"settings\") { resourceVersion } }",
        |data| data["configMap"]["resourceVersion"] == version,
    )
    .await;
    let scale = json!([{ "op": "replace", "path": "/spec/replicas", "value": 3 }]);
    let cart = json!({ "id": "deployments.apps/one:shop:cart", "patch": scale, "type": "JSON" });
    let scaled = bed.ask(&ann, PATCH, cart).await;
    assert_eq!(scaled["data"]["patchResource"]["generation"], 2, "{scaled}");
    let image = json!({ "spec": { "template": { "spec": { "containers": [{ "name": "cart", "image": "cart:2" }] } } } });
    let cart =
        json!({ "id": "deployments.apps/direct:shop:cart", "patch": image, "type": "STRATEGIC_MERGE" });
    let rolled = bed.ask(&robot, PATCH, cart).await;
    assert_eq!(rolled["data"]["patchResource"]["generation"], 3, "{rolled}");
    let shown = bed.plane().kubectl(&[
        "get",
        "deploy",
        "cart",
        "-n",
        "shop",
        "-o",
        "jsonpath={.spec.replicas} {..image}",
    ]);
    assert_eq!(shown.await.unwrap(), "3 cart:2");
    let door = json!({ "metadata": { "annotations": { "note": "painted blue" } } });
    let noted = bed.ask(&ann, PATCH, json!({ "id": "secrets/modest:shop:door", "patch": door })).await;
    assert!(noted["data"]["patchResource"]["resourceVersion"].is_string(), "{noted}");
    let dry = bed.ask(&ann, DELETE, json!({ "id": settings, "dryRun": true })).await;
    assert!(dry["data"]["deleteResource"]["id"].is_string(), "{dry}");
    let other = bed.ask(&ann, DELETE, json!({ "id": settings, "uid": "another" })).await;
    assert_eq!(code(&other), "CONFLICT", "{other}");
    let uid = &patched["data"]["patchResource"]["uid"];
    let deleted = bed.ask(&ann, DELETE, json!({ "id": settings, "uid": uid })).await;
    assert_eq!(deleted["data"]["deleteResource"]["uid"], *uid, "{deleted}");

    // Those who may not, though fleetgraph's account may.
    let cart = "deployments.apps/one:shop:cart";
    for (query, variables) in [
        (PATCH, json!({ "id": cart, "patch": { "spec": { "replicas": 9 } } })),
        (PATCH, json!({ "id": cart, "patch": { "spec": { "replicas": 9 } }, "dryRun": true })),
        (DELETE, json!({ "id": cart })),
    ] {
        let refused = bed.ask(&bob, query, variables).await;
        assert_eq!(code(&refused), "FORBIDDEN", "{refused}");
        assert!(refused.to_string().contains("bob"), "the cluster's own words: {refused}");
    }
    // A token that the cluster doesn't know is not replaced by a credential that it does.
    let unknown = bed.ask(&bob, DELETE, json!({ "id": "deployments.apps/direct:shop:cart" })).await;
    assert_eq!(code(&unknown), "FORBIDDEN", "{unknown}");
    // What stands before the API server makes the caller somebody else.
    let stripped = bed.ask(&ann, DELETE, json!({ "id": "deployments.apps/stripped:shop:cart" })).await;
    assert_eq!(code(&stripped), "CLUSTER_CONFIG", "{stripped}");

    // What the API server repeats of a secret is not told.
    let wrong = json!({ "id": "secrets/one:shop:door", "patch": { "data": { "key": "hush hush" } } });
    let refused = bed.ask(&ann, PATCH, wrong).await;
    assert_eq!(code(&refused), "BAD_USER_INPUT", "{refused}");
    assert!(!refused.to_string().contains("hush"), "{refused}");

    // Nor is a value carried out of it, or guessed.
    for operation in [
        json!({ "op": "copy", "from": "/data/key", "path": "/metadata/annotations/key" }),
        json!({ "op": "move", "from": "/data/key", "path": "/metadata/annotations/key" }),
        json!({ "op": "test", "path": "/data/key", "value": "aHVzaA==" }),
    ] {
        let wrong =
            json!({ "id": "secrets/one:shop:door", "patch": [operation], "type": "JSON", "dryRun": true });
        let refused = bed.ask(&ann, PATCH, wrong).await;
        assert_eq!(code(&refused), "BAD_USER_INPUT", "{refused}");
        assert!(refused.to_string().contains("`add`"), "before it is sent: {refused}");
    }

    let events = bed.recorded();
    let done: Vec<_> = events.iter().filter(|event| event["responseStatus"]["code"] == 200).collect();
    assert_eq!(done.len(), 6, "{done:#?}");
    for event in &events {
        if event["user"]["username"] == "system:serviceaccount:shop:robot" {
            assert!(event["impersonatedUser"].is_null(), "{event}");
            continue;
        }
        let known = &event["impersonatedUser"];
        assert!(["ann", "bob"].iter().any(|name| known["username"] == *name), "{event}");
        if known["username"] == "ann" {
            assert_eq!(
                (&known["uid"], &known["groups"]),
                (&json!("u-7"), &json!(["dev", "system:authenticated"]))
            );
            assert_eq!(known["extra"], json!({ "example.com/team": ["Shop & Co"] }), "{event}");
        }
    }
    assert!(events.iter().any(|event| event["user"]["username"] == "system:serviceaccount:shop:robot"));

    // All of it is on fleetgraph's own record, without values.
    let audit = bed.ask(&ann, "{ auditLog { action outcome user object code details } }", json!({})).await;
    let records = audit["data"]["auditLog"].as_array().unwrap();
    for (action, outcome, user, object) in [
        ("patchResource", "INTENT", "ann", settings),
        ("patchResource", "SUCCESS", "ann", settings),
        ("deleteResource", "SUCCESS", "ann", settings),
        ("deleteResource", "FAILURE", "bob", cart),
        ("patchResource", "SUCCESS", "system:serviceaccount:shop:robot", "deployments.apps/direct:shop:cart"),
    ] {
        assert!(
            records.iter().any(|record| record["action"] == action
                && record["outcome"] == outcome
                && record["user"] == user
                && record["object"] == object),
            "no {action} {outcome} by {user} of {object} in {audit}"
        );
    }
    let of_the_door = |outcome: &str| {
        let door =
            |record: &&Value| record["object"] == "secrets/one:shop:door" && record["outcome"] == outcome;
        records.iter().filter(door).count()
    };
    assert_eq!((of_the_door("INTENT"), of_the_door("FAILURE")), (1, 4), "three were not even tried: {audit}");
    for word in ["hush", "blue"] {
        assert!(!audit.to_string().contains(word) && !bed.server.log().contains(word), "{word}");
    }
}
