//! A control plane, and fleetgraph's account in it, which is no master: it may read, and create reviews.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use access::{Access, AccessKind, AccessMode, Settings};
use cluster_registry::connection::{Auth, ClusterSpec, TlsSpec, Token};
use cluster_registry::{Registry, Settings as RegistrySettings};
use fleetgraph_core::{ClusterId, Principal, Scope};
use k8s_openapi::api::authorization::v1::SubjectAccessReview;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};
use testkit::{ControlPlane, Options};

use crate::world::{NAMES, NAMESPACES};
use crate::{Attributes, create, spec};

/// A start of a program on a busy machine, and the pause before a right that was missing is asked for again.
const PATIENCE: Duration = Duration::from_secs(120);

pub struct Bed {
    pub plane: ControlPlane,
    pub client: Client,
    pub registry: Registry,
    pub access: Arc<Access>,
    pub id: ClusterId,
}

/// What the fleet's account may do.
pub struct Account {
    pub reads_rules: bool,
    pub reviews: bool,
}

pub const FLEET: Account = Account { reads_rules: true, reviews: true };

/// Answers hold for so long that they don't end while they are compared, and nothing is late on a busy machine.
pub fn unhurried() -> Settings {
    Settings {
        review_ttl: Duration::from_secs(600),
        review_patience: Duration::from_secs(30),
        reviews_per_request: 100_000,
        ..Settings::default()
    }
}

impl Account {
    fn role(&self) -> Value {
        let groups = ["", "apps"].into_iter().chain(self.reads_rules.then_some("rbac.authorization.k8s.io"));
        let mut rules = vec![json!({
            "verbs": ["get", "list", "watch"], "apiGroups": groups.collect::<Vec<_>>(), "resources": ["*"],
        })];
        if self.reviews {
            rules.push(json!({
                "verbs": ["create"], "apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"],
            }));
        }
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "fleet" },
            "rules": rules,
        })
    }
}

impl Bed {
    pub async fn start(options: Options, account: Account, settings: Settings) -> Self {
        Self::with(options, account, settings, |spec| spec).await
    }

    pub async fn with(
        options: Options,
        account: Account,
        settings: Settings,
        change: impl FnOnce(ClusterSpec) -> ClusterSpec,
    ) -> Self {
        let plane = ControlPlane::start(options.token_user("fleet", &[])).await.unwrap();
        let client = plane.admin_client().await.unwrap();
        for name in NAMESPACES {
            create(&client, json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }))
                .await;
            for secret in NAMES {
                let metadata = json!({ "name": secret, "namespace": name });
                create(&client, json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata })).await;
            }
        }
        create(&client, account.role()).await;
        create(&client, binding("fleet", "fleet")).await;
        let kinds =
            ["roles", "clusterroles", "rolebindings", "clusterrolebindings", "pods", "secrets", "namespaces"];
        let kinds = kinds::kind_set().only(&kinds.map(ToOwned::to_owned));
        let registry = Registry::new(kinds, RegistrySettings::default());
        let id = ClusterId::new(plane.name()).unwrap();
        let token = Token::Inline(plane.token("fleet").unwrap().into());
        let spec = ClusterSpec {
            tls: TlsSpec { ca_data: Some(plane.ca_pem()), ..TlsSpec::default() },
            qps: 5_000.0,
            burst: 5_000,
            ..ClusterSpec::new(id.clone(), Auth::Token { server: plane.proxied_url(), token })
        };
        let access = Access::new(registry.clone(), settings);
        registry.add(change(spec)).await.unwrap();
        Self { plane, client, registry, access, id }
    }

    pub fn scope(&self, user: &str) -> Scope {
        self.access.scope(caller(user))
    }

    pub fn mode(&self) -> AccessMode {
        self.access.mode(&self.id).unwrap()
    }

    /// Waits until a mode was found, for a reason.
    pub async fn judges_by(&self, kind: AccessKind, reason: &str) {
        eventually(
            &format!("{kind}: {reason}"),
            || self.mode(),
            |mode| mode.kind == kind && mode.reason.contains(reason),
        )
        .await;
    }

    pub async fn synced(&self) {
        let ready = || {
            let cluster = self.registry.cluster(&Scope::everything(), self.id.as_str());
            cluster.is_some_and(|cluster| cluster.ready())
        };
        eventually("all kinds are listed", ready, |ready| *ready).await;
    }

    /// What the API server says.
    pub async fn allows(&self, principal: &Principal, request: &Attributes<'_>) -> bool {
        let spec = spec(principal, Some(request), None);
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let api = Api::all(self.client.clone());
        api.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
    }
}

pub fn caller(user: &str) -> Principal {
    Principal::new(user).of_tenants(["default"])
}

pub fn binding(user: &str, role: &str) -> Value {
    let api = "rbac.authorization.k8s.io";
    json!({
        "apiVersion": format!("{api}/v1"), "kind": "ClusterRoleBinding", "metadata": { "name": user },
        "roleRef": { "apiGroup": api, "kind": "ClusterRole", "name": role },
        "subjects": [{ "kind": "User", "apiGroup": api, "name": user }],
    })
}

/// What is seen when nothing more is to be found out, as a request finds it.
pub async fn seen<T>(scope: &Scope, look: impl Fn() -> T) -> T {
    for _ in 0..8 {
        let seen = look();
        if !scope.settle().await {
            return seen;
        }
    }
    panic!("each time that it was looked, there was something else to find out");
}

pub async fn eventually<T: std::fmt::Debug>(what: &str, look: impl Fn() -> T, holds: impl Fn(&T) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = look();
        if holds(&now) {
            return;
        }
        assert!(Instant::now() < deadline, "never: {what}; it is {now:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A file that an API server reads.
pub fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
    let path = dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}
