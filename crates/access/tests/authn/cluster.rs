//! A real API server: as the issuer of its service accounts' tokens, and as the one that is asked about them.

use std::sync::Arc;
use std::time::Duration;

use access::authn::{
    AuthenticationConfig, Authenticator, ClientCertificate, ClientCertificateConfig, Method, OidcConfig,
    Presented, SignedBy, SystemNames, TokenReviewConfig,
};
use cluster_registry::connection::{Auth, ClusterSpec};
use cluster_registry::{Registry, Settings};
use fleetgraph_core::ClusterId;
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::json;
use testkit::{ControlPlane, Fault, Issuer, Options};

use crate::support::{
    ask, assert_invalid, assert_unavailable, claims, eventually, groups, let_in, only, start,
};

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";

async fn account(plane: &ControlPlane, name: &str) {
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin_client().await.unwrap(), "default");
    let account = serde_json::from_value(json!({ "metadata": { "name": name } })).unwrap();
    accounts.create(&PostParams::default(), &account).await.unwrap();
}

async fn token(plane: &ControlPlane, name: &str, audiences: &[&str]) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin_client().await.unwrap(), "default");
    let audiences = Some(audiences.iter().map(ToString::to_string).collect());
    let request = TokenRequest {
        spec: Some(TokenRequestSpec { audiences, ..TokenRequestSpec::default() }),
        ..TokenRequest::default()
    };
    let answer = accounts.create_token_request(name, &PostParams::default(), &request).await.unwrap();
    answer.status.unwrap().token.unwrap()
}

async fn fleet(plane: &ControlPlane) -> Registry {
    let registry = Registry::new(kinds::kind_set().only(&["namespaces".to_owned()]), Settings::default());
    let kubeconfig = plane.proxied_kubeconfig_file();
    let spec = ClusterSpec::new(ClusterId::new(plane.name()).unwrap(), Auth::kubeconfig(kubeconfig, None));
    registry.add(spec).await.unwrap();
    eventually("there is a connection", async || {
        let cluster = registry.cluster(&fleetgraph_core::Scope::everything(), plane.name());
        cluster.is_some_and(|cluster| cluster.reachable() && cluster.health().is_some())
    })
    .await;
    registry
}

fn reviews(plane: &ControlPlane) -> TokenReviewConfig {
    TokenReviewConfig { cluster: plane.name().to_owned(), ..TokenReviewConfig::default() }
}

fn asking(registry: &Registry, reviews: TokenReviewConfig) -> Authenticator {
    let config = AuthenticationConfig { token_reviews: vec![reviews], ..AuthenticationConfig::default() };
    Authenticator::start(config, registry, None).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_servers_service_accounts_come_in_by_its_discovery() {
    let plane = ControlPlane::start(Options::bare("issuing")).await.unwrap();
    account(&plane, "robot").await;
    let config = OidcConfig {
        issuer: ISSUER.to_owned(),
        discovery_url: format!("{}/.well-known/openid-configuration", plane.url()),
        audiences: vec!["fleet".to_owned()],
        username_prefix: "-".to_owned(),
        trust_system_names: SystemNames::ServiceAccounts,
        clusters: vec!["issuing".to_owned()],
        keys_least_interval: Duration::from_millis(1),
        ..OidcConfig::default()
    };
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), plane.ca_pem()).unwrap();
    let config = OidcConfig { ca_file: ca.path().to_owned(), ..config };
    let authenticator = start(only(config.clone()));
    let good = token(&plane, "robot", &["fleet"]).await;
    // Strangers may not read it until a cluster's administrator lets them.
    assert_unavailable(ask(&authenticator, &good).await, "403");
    let bindings: Api<ClusterRoleBinding> = Api::all(plane.admin_client().await.unwrap());
    let binding = json!({
        "metadata": { "name": "discovery" },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole",
            "name": "system:service-account-issuer-discovery",
        },
        "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated" }],
    });
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    let identity = let_in(&authenticator, &good).await;
    assert_eq!(&*identity.principal.user, "system:serviceaccount:default:robot");
    assert_eq!(groups(&identity), ["system:authenticated"]);
    assert!(identity.credential.starts_with(&format!("{ISSUER} JTI=")), "{}", identity.credential);
    assert!(identity.until.is_some());
    let clusters = identity.principal.bounds.clusters.as_ref().unwrap();
    assert!(clusters.iter().map(AsRef::as_ref).eq(["issuing"]));

    let other = token(&plane, "robot", &["another"]).await;
    assert_invalid(ask(&authenticator, other).await, "another audience");
    let wary = start(only(OidcConfig { trust_system_names: SystemNames::None, ..config }));
    assert_invalid(ask(&wary, &good).await, "`trust_system_names`");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_asked_whose_a_token_is() {
    let plane = ControlPlane::start(Options::bare("reviewing").token_user("alice", &["dev"])).await.unwrap();
    account(&plane, "robot").await;
    let registry = fleet(&plane).await;
    let authenticator = asking(&registry, reviews(&plane));

    let robot = token(&plane, "robot", &[]).await;
    let identity = ask(&authenticator, &robot).await.unwrap();
    assert_eq!(&*identity.principal.user, "system:serviceaccount:default:robot");
    assert_eq!(
        groups(&identity),
        ["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"]
    );
    assert!(!identity.principal.uid.is_empty());
    assert_eq!(identity.method, Method::TokenReview);
    assert!(identity.until.is_some(), "the token says when it ends");
    assert!(identity.credential.starts_with("JTI="), "{}", identity.credential);
    let clusters = identity.principal.bounds.clusters.as_ref().unwrap();
    assert!(clusters.iter().map(AsRef::as_ref).eq(["reviewing"]), "another cluster's robot is another robot");

    // A token that is no JSON web token, of a user with a name of its own.
    let alice = ask(&authenticator, plane.token("alice").unwrap()).await.unwrap();
    assert_eq!((&*alice.principal.user, alice.until), ("alice", None));
    assert!(alice.credential.starts_with("sha256:"));

    for bad in ["nonsense".to_owned(), token(&plane, "robot", &["another"]).await, format!("{robot}x")] {
        assert_invalid(ask(&authenticator, bad).await, "does not accept a token");
    }
    let for_fleet = TokenReviewConfig { audiences: vec!["fleet".to_owned()], ..reviews(&plane) };
    let by_audience = asking(&registry, for_fleet);
    ask(&by_audience, token(&plane, "robot", &["fleet"]).await).await.unwrap();
    assert_invalid(ask(&by_audience, &robot).await, "does not accept a token");
    let everywhere =
        asking(&registry, TokenReviewConfig { clusters: vec!["*".to_owned()], ..reviews(&plane) });
    assert_eq!(ask(&everywhere, &robot).await.unwrap().principal.bounds.clusters, None);
    let elsewhere = TokenReviewConfig { issuers: vec!["https://another".to_owned()], ..reviews(&plane) };
    assert_invalid(ask(&asking(&registry, elsewhere), &robot).await, "nobody is configured");

    // Whoever is deleted is refused as soon as the answer of before is forgotten.
    let accounts: Api<ServiceAccount> = Api::namespaced(plane.admin_client().await.unwrap(), "default");
    accounts.delete("robot", &DeleteParams::default()).await.unwrap();
    eventually("the deleted account is refused", async || match ask(&authenticator, &robot).await {
        Ok(_) => false,
        denied => {
            assert_invalid(denied, "does not accept a token");
            true
        }
    })
    .await;
    registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_somebody_of_the_same_name_and_groups_as_to_an_api_server() {
    let plane = ControlPlane::start(Options::bare("certified")).await.unwrap();
    let authenticator = start(AuthenticationConfig {
        client_certificates: ClientCertificateConfig {
            ca_file: "clients.pem".into(),
            ..ClientCertificateConfig::default()
        },
        ..AuthenticationConfig::default()
    });
    for (user, of) in [("alice", &["dev", "ops"][..]), ("Zoë Müller", &["Bürö"]), ("a/b@c", &[])] {
        let pair = plane.client_cert(user, of).unwrap();
        let client = plane.client(&pair.clone().into()).await.unwrap();
        let review = Api::all(client).create(&PostParams::default(), &SelfSubjectReview::default()).await;
        let theirs = review.unwrap().status.unwrap().user_info.unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(pair.certificate_pem.as_bytes()).unwrap();
        let certificate = ClientCertificate::from_der(&pem.contents, SignedBy::Clients).unwrap();
        let presented = Presented { certificate: Some(Arc::new(certificate)), ..Presented::default() };
        let ours = authenticator.authenticate(&presented).await.unwrap();
        assert_eq!(theirs.username.as_deref(), Some(&*ours.principal.user));
        assert_eq!(theirs.groups.unwrap(), groups(&ours));
        // The API server names the credential so, too.
        let named = theirs.extra.unwrap();
        assert_eq!(named["authentication.kubernetes.io/credential-id"], [ours.credential.to_string()]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_that_can_not_be_asked_refuses_nobody() {
    let plane = ControlPlane::start(Options::bare("silent").token_user("alice", &[])).await.unwrap();
    let registry = fleet(&plane).await;
    let authenticator = asking(&registry, reviews(&plane));
    let unknown = asking(&registry, TokenReviewConfig { cluster: "none".to_owned(), ..reviews(&plane) });
    let alice = plane.token("alice").unwrap();
    assert_unavailable(ask(&unknown, &alice).await, "cluster none");
    plane.fault(Fault::Refuse).await.unwrap();
    assert_unavailable(ask(&authenticator, &alice).await, "cluster silent");
    plane.heal().await.unwrap();
    eventually("the cluster answers again", async || ask(&authenticator, &alice).await.is_ok()).await;

    // Of two that might accept a token, one that can't be asked leaves it open.
    let config = AuthenticationConfig {
        token_reviews: vec![
            TokenReviewConfig { cluster: "none".to_owned(), ..reviews(&plane) },
            reviews(&plane),
        ],
        ..AuthenticationConfig::default()
    };
    let both = Authenticator::start(config, &registry, None).unwrap();
    ask(&both, &alice).await.unwrap();
    assert_unavailable(ask(&both, "nonsense").await, "cluster none");
    registry.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_configured_issuer_is_never_shown_to_a_cluster() {
    let issuer = Issuer::start().await.unwrap();
    let plane = ControlPlane::start(
        Options::bare("curious")
            .oidc(issuer.url(), "cluster", "sub", "groups")
            .apiserver_arg("--oidc-username-prefix=-")
            .apiserver_arg(&format!("--oidc-ca-file={}", issuer.ca_file().display())),
    )
    .await
    .unwrap();
    let registry = fleet(&plane).await;
    let mut for_cluster = claims("alice");
    for_cluster["aud"] = json!("cluster");
    let token = issuer.token(for_cluster).unwrap();
    let asking_alone = asking(&registry, reviews(&plane));
    let_in(&asking_alone, &token).await;
    for (name, value) in [("exp", json!(1)), ("nbf", json!(4_000_000_000_u64)), ("aud", json!("fleet"))] {
        let mut wrong = claims("alice");
        wrong["aud"] = json!("cluster");
        wrong[name] = value;
        let wrong = issuer.token(wrong).unwrap();
        assert_invalid(ask(&asking_alone, wrong).await, "does not accept a token");
    }
    let config = AuthenticationConfig {
        oidc: vec![crate::support::oidc(&issuer)],
        token_reviews: vec![reviews(&plane)],
        ..AuthenticationConfig::default()
    };
    let both = Authenticator::start(config, &registry, None).unwrap();
    assert_invalid(ask(&both, &token).await, "another audience");
    registry.shut_down().await;
}
