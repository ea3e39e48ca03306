//! Two clusters with the same objects and other canaries in one of them, and callers with other rights to unmask.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use testkit::{ControlPlane, Fleet, Issuer, Options};

use crate::{
    bed::{self, PATIENCE},
    client,
    server::Server,
};

pub const CLUSTERS: [&str; 2] = ["pii-one", "pii-two"];
pub const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";
const NAMESPACES: [&str; 2] = ["shop", "bank"];
/// What is marked of the objects of a namespace.
const MARKS: [&str; 8] = ["mail", "labelled", "image", "host", "node", "volume", "spec", "reason"];
/// Of the config maps and the customers: what the keeper may unmask in the shop.
const KEPT: [&str; 4] = ["mail", "labelled", "spec", "reason"];

const RULES: &str = r"pii:
  rules:
    - {kinds: [configmaps], fields: [data.mail]}
    - {kinds: [Deployment], label_selector: 'app=web', fields: [spec.template.spec.containers.image]}
    - {kinds: [services], namespaces: [shop, bank], fields: [spec.externalName]}
    - {kinds: [pods], fields: [spec.nodeName, spec.volumes]}
    - {kinds: [customers.shop.example], fields: [spec.mail, spec.visits, status.conditions]}
";

/// A word that stands in one place only.
pub fn canary(namespace: &str, mark: &str) -> String {
    format!("canary-{namespace}-{mark}")
}

pub fn canaries() -> Vec<String> {
    let of = |namespace| MARKS.map(|mark| canary(namespace, mark));
    // The name of the config map that a volume names is no secret of the config map.
    NAMESPACES
        .iter()
        .flat_map(|namespace| of(*namespace))
        .filter(|canary| !canary.ends_with("volume"))
        .collect()
}

#[derive(Debug, Clone, Copy)]
pub enum Caller {
    /// Everything, by the star.
    Boss,
    /// Sees everything, and may unmask config maps and customers of the shop, and the one config map `named` of the bank.
    Keeper,
    /// Sees everything, and may unmask nothing.
    Reader,
}

impl Caller {
    pub const ALL: [Self; 3] = [Self::Boss, Self::Keeper, Self::Reader];

    pub fn may_see(self, word: &str) -> bool {
        match self {
            Self::Boss => true,
            Self::Keeper => KEPT.iter().any(|mark| word == canary("shop", mark)),
            Self::Reader => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Boss => "boss",
            Self::Keeper => "keeper",
            Self::Reader => "reader",
        }
    }
}

/// fleetgraph over both clusters, with the rules.
pub struct Bed {
    fleet: Fleet,
    issuer: Issuer,
    server: Server,
}

impl Bed {
    pub async fn start() -> Self {
        let fleet = Fleet::start_with(CLUSTERS.map(Options::bare).into()).await.unwrap();
        for plane in fleet.planes() {
            fill(plane).await;
        }
        let issuer = Issuer::start().await.unwrap();
        let clusters: String = fleet.planes().iter().map(bed::cluster).collect();
        let server = Server::configured(&format!(
            "clusters:\n{clusters}enable_custom_resources: true\nwatch_resources: [default, leases]\n{RULES}{}\
             limits: {{max_complexity: 100000000000, max_selections: 1000000, max_tokens: 1000000, max_document_bytes: 10000000, \
             max_depth: 40, max_root_fields: 10000, max_aliases: 10000, introspection: true}}\n",
            authentication(&issuer)
        ));
        let this = Self { fleet, issuer, server };
        this.until_settled().await;
        this
    }

    pub fn http(&self) -> SocketAddr {
        self.server.http()
    }

    pub fn plane(&self) -> &ControlPlane {
        self.fleet.plane(CLUSTERS[0]).unwrap()
    }

    pub fn token(&self, caller: Caller) -> String {
        token(&self.issuer, caller.name())
    }

    pub async fn ask(&self, token: &str, document: &str) -> Value {
        client::answer_as(self.http(), token, document, json!({})).await
    }

    /// Until everything was read, and roles are known to be all that decides.
    async fn until_settled(&self) {
        let token = self.token(Caller::Boss);
        let document = "{ clusters { accessMode { kind } freshness { kind state } }
            customResources(resource: \"customers.shop.example\") { id } }";
        client::until_as(self.http(), &token, document, |data| {
            let clusters = data["clusters"].as_array().cloned().unwrap_or_default();
            clusters.len() == CLUSTERS.len()
                && clusters.iter().all(|cluster| {
                    cluster["accessMode"]["kind"] == "RBAC"
                        && cluster["freshness"].as_array().unwrap().iter().all(|of| of["state"] == "LIVE")
                })
                && data["customResources"].as_array().is_some_and(|all| all.len() == 4)
        })
        .await;
    }
}

pub fn token(issuer: &Issuer, name: &str) -> String {
    issuer.token(json!({ "sub": name, "aud": "fleetgraph" })).unwrap()
}

pub fn authentication(issuer: &Issuer) -> String {
    format!(
        "authentication:\n  oidc:\n    - issuer: {}\n      ca_file: {}\n      audiences: [fleetgraph]\n      username_prefix: '-'\n",
        issuer.url(),
        issuer.ca_file().display()
    )
}

/// Roles and bindings, as `kubectl` makes them.
pub async fn grant(plane: &ControlPlane) {
    let reads = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "reads" },
        "rules": [{ "verbs": ["get", "list", "watch"], "apiGroups": ["*"], "resources": ["*"] }],
    });
    apply(plane, &[reads]).await;
    for arguments in [
        "create clusterrolebinding boss --clusterrole=cluster-admin --user=boss",
        "create clusterrolebinding reads --clusterrole=reads --user=keeper --user=reader",
    ] {
        plane.kubectl(&arguments.split(' ').collect::<Vec<_>>()).await.unwrap();
    }
}

async fn fill(plane: &ControlPlane) {
    let version = json!({
        "name": "v1", "served": true, "storage": true,
        "additionalPrinterColumns": [{ "name": "Mail", "type": "string", "jsonPath": ".spec.mail" }],
    });
    let definition = bed::definition("customers", "Customer", [version]);
    apply(plane, &[definition]).await;
    plane.kubectl(&["wait", "--for=condition=Established", "crd/customers.shop.example"]).await.unwrap();
    grant(plane).await;
    for namespace in NAMESPACES {
        plane.kubectl(&["create", "namespace", namespace]).await.unwrap();
        plane.kubectl(&["create", "serviceaccount", "-n", namespace, "default"]).await.unwrap();
        apply(plane, &objects(plane, namespace)).await;
    }
    for arguments in [
        "create role unmasks -n shop --verb=unmask --resource=configmaps --resource=customers.shop.example",
        "create rolebinding unmasks -n shop --role=unmasks --user=keeper",
        "create role named -n bank --verb=unmask --resource=configmaps --resource-name=named",
        "create rolebinding named -n bank --role=named --user=keeper",
    ] {
        plane.kubectl(&arguments.split(' ').collect::<Vec<_>>()).await.unwrap();
    }
}

fn objects(plane: &ControlPlane, namespace: &str) -> Vec<Value> {
    // What is marked differs between the clusters.
    let word = |mark: &str| match plane.name() == CLUSTERS[0] {
        true => canary(namespace, mark),
        false => format!("{}-too", canary(namespace, mark)),
    };
    let object = |api: &str, kind: &str, name: &str, body: Value| {
        let mut object =
            json!({ "apiVersion": api, "kind": kind, "metadata": { "name": name, "namespace": namespace } });
        object.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
        object
    };
    let mut labelled = object("v1", "ConfigMap", "labelled", json!({ "data": { "any": word("labelled") } }));
    labelled["metadata"]["labels"] = json!({ "fleetgraph.dev/pii": "true" });
    let container = json!({ "name": "main", "image": format!("registry.example/{}:1", word("image")) });
    let mut deployment = object(
        "apps/v1",
        "Deployment",
        "marked",
        json!({ "spec": {
            "replicas": 1, "selector": { "matchLabels": { "app": "web" } },
            "template": { "metadata": { "labels": { "app": "web" } }, "spec": { "containers": [container] } },
        } }),
    );
    deployment["metadata"]["labels"] = json!({ "app": "web" });
    // The name is the same in both clusters, since it is that of an object.
    let volume = canary(namespace, "volume");
    vec![
        object(
            "v1",
            "ConfigMap",
            "marked",
            json!({ "data": { "mail": word("mail"), "open": "for everybody" } }),
        ),
        object("v1", "ConfigMap", "named", json!({ "data": { "mail": "nobody's" } })),
        object("v1", "ConfigMap", &volume, json!({ "data": { "open": "for everybody" } })),
        labelled,
        deployment,
        object(
            "v1",
            "Service",
            "marked",
            json!({ "spec": { "type": "ExternalName", "externalName": format!("{}.example", word("host")) } }),
        ),
        object(
            "v1",
            "Pod",
            "marked",
            json!({ "spec": {
                "nodeName": canary(namespace, "node"), "containers": [{ "name": "main", "image": "plain" }],
                "automountServiceAccountToken": false,
                "volumes": [{ "name": "settings", "configMap": { "name": volume } }],
            } }),
        ),
        object(
            "shop.example/v1",
            "Customer",
            "marked",
            json!({
                "spec": { "mail": word("spec"), "visits": 7, "open": "for everybody" },
                "status": { "conditions": [{
                    "type": "Ready", "status": if namespace == "shop" { "False" } else { "True" }, "reason": word("reason"),
                    "message": word("reason"), "lastTransitionTime": "2026-11-21T00:00:00Z",
                }] },
            }),
        ),
    ]
}

pub async fn apply(plane: &ControlPlane, objects: &[Value]) {
    let text = objects.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let deadline = Instant::now() + PATIENCE;
    // A kind that was defined a moment ago may not be served yet.
    while let Err(error) = plane.kubectl(&["apply", "-f", file.path().to_str().unwrap()]).await {
        assert!(Instant::now() < deadline, "{error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
