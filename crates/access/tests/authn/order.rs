//! Exactly one credential decides, and nothing weaker is looked at after one that is invalid.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use access::authn::{
    ApiTokens, AuthenticationConfig, Authenticator, ClientCertificate, ClientCertificateConfig, Denied,
    Identity, Method, Presented, SignedBy, SystemNames, TrustedProxyConfig,
};
use fleetgraph_core::Principal;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::json;
use testkit::{CertificateAuthority, Issuer};

use crate::support::{ask, assert_invalid, certificate, claims, empty_fleet, groups, oidc, start};

fn config() -> AuthenticationConfig {
    AuthenticationConfig {
        client_certificates: ClientCertificateConfig {
            ca_file: "clients.pem".into(),
            ..ClientCertificateConfig::default()
        },
        trusted_proxy: TrustedProxyConfig {
            ca_file: "proxy.pem".into(),
            allowed_names: vec!["front".to_owned()],
            ..TrustedProxyConfig::default()
        },
        ..AuthenticationConfig::default()
    }
}

fn headers(pairs: &[(&str, &str)]) -> Arc<HeaderMap> {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())
    };
    Arc::new(pairs.iter().map(pair).collect())
}

const ALICE: [(&str, &str); 2] = [("x-remote-user", "alice"), ("x-remote-group", "dev")];

fn proxied(by: (&str, SignedBy), pairs: &[(&str, &str)]) -> Presented {
    Presented { bearer: None, certificate: Some(certificate(by.0, &[], by.1)), headers: headers(pairs) }
}

#[tokio::test]
async fn nothing_proves_nothing() {
    let authenticator = start(config());
    assert_eq!(authenticator.authenticate(&Presented::default()).await, Err(Denied::Missing));
    let alone = Presented { headers: headers(&ALICE), ..Presented::default() };
    assert_eq!(authenticator.authenticate(&alone).await, Err(Denied::Missing), "headers alone prove nothing");
}

#[tokio::test]
async fn the_proxy_speaks_for_others_and_nobody_else_does() {
    let authenticator = start(config());
    let identity = authenticator.authenticate(&proxied(("front", SignedBy::Proxy), &ALICE)).await.unwrap();
    assert_eq!((&*identity.principal.user, identity.method), ("alice", Method::TrustedHeaders));
    assert_eq!(groups(&identity), ["dev", "system:authenticated"]);
    assert_eq!(&*identity.credential, "proxy front");

    let client = authenticator.authenticate(&proxied(("front", SignedBy::Clients), &ALICE)).await.unwrap();
    assert_eq!((&*client.principal.user, client.method), ("front", Method::ClientCertificate));
    assert_eq!(groups(&client), ["system:authenticated"], "its headers mean nothing");

    let other = authenticator.authenticate(&proxied(("back", SignedBy::Proxy), &ALICE)).await;
    assert_invalid(other, "not signed by an authority of clients");
    let silent = authenticator.authenticate(&proxied(("front", SignedBy::Proxy), &[])).await;
    assert_eq!(silent, Err(Denied::Missing), "the proxy is nobody itself");
    let masters = [("x-remote-user", "alice"), ("x-remote-group", "system:masters")];
    assert_invalid(
        authenticator.authenticate(&proxied(("front", SignedBy::Proxy), &masters)).await,
        "system:",
    );
}

#[tokio::test]
async fn a_token_besides_the_proxys_headers_is_refused() {
    let issuer = Issuer::start_plain().await.unwrap();
    let authenticator = start(AuthenticationConfig { oidc: vec![oidc(&issuer)], ..config() });
    let token = issuer.token(claims("bob")).unwrap();
    ask(&authenticator, &token).await.unwrap();
    let with =
        |presented: Presented| Presented { bearer: Some(SecretString::from(token.clone())), ..presented };
    let both = authenticator.authenticate(&with(proxied(("front", SignedBy::Proxy), &ALICE))).await;
    assert_invalid(both, "there is a bearer token, too");
    for by in [("front", SignedBy::Clients), ("back", SignedBy::Proxy)] {
        let ignored = authenticator.authenticate(&with(proxied(by, &ALICE))).await.unwrap();
        assert_eq!(&*ignored.principal.user, "bob", "from {by:?} the headers mean nothing");
    }
}

#[tokio::test]
async fn an_invalid_token_is_not_made_good_by_a_certificate() {
    let issuer = Issuer::start_plain().await.unwrap();
    let authenticator = start(AuthenticationConfig { oidc: vec![oidc(&issuer)], ..config() });
    let alice = Some(certificate("alice", &["dev"], SignedBy::Clients));
    let present = |token: String| Presented {
        bearer: Some(SecretString::from(token)),
        certificate: alice.clone(),
        headers: Arc::default(),
    };
    let mut expired = claims("bob");
    expired["exp"] = json!(1);
    for token in
        [issuer.token(expired).unwrap(), "nonsense".to_owned(), String::new(), "fgt_unknown".to_owned()]
    {
        let outcome = authenticator.authenticate(&present(token.clone())).await;
        assert!(matches!(outcome, Err(Denied::Invalid(_))), "{token}: {outcome:?}");
    }
    let both = authenticator.authenticate(&present(issuer.token(claims("bob")).unwrap())).await.unwrap();
    assert_eq!(&*both.principal.user, "bob", "what the request says counts before what the connection says");
    let alone = Presented { certificate: alice, ..Presented::default() };
    assert_eq!(&*authenticator.authenticate(&alone).await.unwrap().principal.user, "alice");
}

#[tokio::test]
async fn a_real_certificate_is_read_as_its_subject_and_ends_with_it() {
    let authority = CertificateAuthority::new("clients").unwrap();
    let read = |user: &str, groups: &[&str], valid: Duration| {
        let pem = authority.client_certificate(user, groups, valid).unwrap().certificate_pem;
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
        Presented {
            certificate: Some(Arc::new(
                ClientCertificate::from_der(&pem.contents, SignedBy::Clients).unwrap(),
            )),
            ..Presented::default()
        }
    };
    let hour = Duration::from_secs(3600);
    let authenticator = start(config());
    let identity = authenticator.authenticate(&read("alice", &["dev", "ops"], hour)).await.unwrap();
    assert_eq!(groups(&identity), ["dev", "ops", "system:authenticated"]);
    let left = identity.until.unwrap().duration_since(SystemTime::now()).unwrap();
    assert!(left <= hour && left > hour / 2);
    assert!(identity.credential.starts_with("X509SHA256="));

    for (user, groups) in [("", &[][..]), ("alice", &["system:masters"]), ("system:admin", &[])] {
        let refused = authenticator.authenticate(&read(user, groups, hour)).await;
        assert!(matches!(refused, Err(Denied::Invalid(_))), "{user} {groups:?}: {refused:?}");
    }
    let mut trusting = config();
    trusting.client_certificates.trust_system_names = SystemNames::All;
    let root = start(trusting).authenticate(&read("root", &["system:masters"], hour)).await.unwrap();
    assert_eq!(groups(&root), ["system:masters", "system:authenticated"]);

    let expired = Presented {
        certificate: Some(Arc::new(ClientCertificate {
            not_after: SystemTime::now() - Duration::from_secs(1),
            ..ClientCertificate::clone(&certificate("alice", &[], SignedBy::Clients))
        })),
        ..Presented::default()
    };
    assert_invalid(authenticator.authenticate(&expired).await, "expired");
    let unconfigured = start(AuthenticationConfig::default());
    let refused = unconfigured.authenticate(&read("alice", &[], hour)).await;
    assert_invalid(refused, "not signed by an authority of clients");
}

/// Knows one token of each kind, and counts how often it was asked.
#[derive(Default)]
struct Known {
    asked: AtomicUsize,
}

impl ApiTokens for Known {
    fn verify<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<Identity>, Denied>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let identity = |group: &str, until| Identity {
            principal: Arc::new(Principal::new("robot").in_groups([group])),
            until,
            method: Method::ApiToken,
            credential: "token 1".into(),
        };
        let answer = match token {
            "fgt_good" => Ok(Some(identity("robots", None))),
            "fgt_over" => Ok(Some(identity("robots", Some(SystemTime::UNIX_EPOCH)))),
            "fgt_root" => Ok(Some(identity("system:masters", None))),
            "fgt_later" => Err(Denied::Unavailable("the catalog doesn't answer".to_owned())),
            _ => Ok(None),
        };
        Box::pin(async { answer })
    }
}

#[tokio::test]
async fn api_tokens_go_to_their_own_judge_and_nowhere_else() {
    let known = Arc::new(Known::default());
    let judge: Arc<dyn ApiTokens> = Arc::clone(&known) as _;
    let authenticator = Authenticator::start(config(), &empty_fleet(), Some(judge)).unwrap();
    let identity = ask(&authenticator, "fgt_good").await.unwrap();
    assert_eq!((&*identity.principal.user, identity.method), ("robot", Method::ApiToken));
    ask(&authenticator, "fgt_good").await.unwrap();
    assert_eq!(known.asked.load(Ordering::Relaxed), 1, "an answer is used for a moment");
    for (token, about) in
        [("fgt_bad", "doesn't hold"), ("fgt_over", "expired"), ("fgt_root", "system:masters")]
    {
        assert_invalid(ask(&authenticator, token).await, about);
    }
    let later = Err(Denied::Unavailable("the catalog doesn't answer".to_owned()));
    assert_eq!(ask(&authenticator, "fgt_later").await, later);
    assert_eq!(ask(&authenticator, "fgt_later").await, later);
    assert_eq!(known.asked.load(Ordering::Relaxed), 6, "that it can't be told now is not kept");
    for other in ["fgt", "FGT_good", "xfgt_good"] {
        assert_invalid(ask(&authenticator, other).await, "nobody is configured");
    }
    assert_eq!(known.asked.load(Ordering::Relaxed), 6, "other tokens are not shown to it");
}

#[test]
fn a_configuration_that_can_not_work_says_so_by_key() {
    let faults = |json: serde_json::Value| -> Vec<String> {
        let config: AuthenticationConfig = serde_json::from_value(json).unwrap();
        config.check().into_iter().map(|(key, _)| key).collect()
    };
    assert!(faults(json!({})).is_empty());
    let good = json!({ "issuer": "https://a", "audiences": ["x"] });
    assert!(faults(json!({ "oidc": [good.clone()] })).is_empty());
    assert_eq!(faults(json!({ "oidc": [{}] })), ["oidc[0].issuer", "oidc[0].audiences"]);
    assert_eq!(faults(json!({ "oidc": [good.clone(), good.clone()] })), ["oidc[1].issuer"]);
    let with = |name: &str, value: serde_json::Value| {
        let mut issuer = good.clone();
        issuer[name] = value;
        faults(json!({ "oidc": [issuer] }))
    };
    for (name, value) in [
        ("issuer", json!("http://a.example")),
        ("discovery_url", json!("http://a.example")),
        ("algorithms", json!([])),
        ("clock_skew", json!("6m")),
        ("username_claim", json!("")),
        ("keys_refresh", json!("2h")),
        ("timeout", json!("0s")),
        ("extra_claims", json!({ "Team": "team" })),
        ("tenants_mapping", json!({ "a": ["b"] })),
        ("clusters", json!(["a:b"])),
        ("tenants", json!([""])),
    ] {
        let found = with(name, value.clone());
        assert!(
            !found.is_empty() && found.iter().all(|key| key.starts_with("oidc[0].")),
            "{name} {value}: {found:?}"
        );
    }
    let proxy = |json| faults(json!({ "trusted_proxy": json }));
    assert_eq!(proxy(json!({ "ca_file": "a" })), ["trusted_proxy.allowed_names"]);
    assert_eq!(proxy(json!({ "allowed_names": ["a"] })), ["trusted_proxy.ca_file"]);
    let same = json!({ "ca_file": "a", "allowed_names": ["a"], "group_header": "x-remote-user" });
    assert_eq!(proxy(same), ["trusted_proxy.group_header"]);
    let shared = json!({
        "trusted_proxy": { "ca_file": "a", "allowed_names": ["a"] }, "client_certificates": { "ca_file": "a" },
    });
    assert_eq!(faults(shared), ["trusted_proxy.ca_file"]);
    let twice =
        json!({ "oidc": [good], "token_reviews": [{ "cluster": "c", "issuers": ["https://a"] }, {}] });
    assert_eq!(faults(twice), ["token_reviews[0].issuers", "token_reviews[1].cluster"]);
    assert_eq!(
        faults(json!({ "tenants": [{}], "admins": { "users": [""] } })),
        ["tenants[0].name", "admins.users"]
    );
    for algorithm in ["none", "HS256", "RS1"] {
        let issuer = json!({ "oidc": [{ "algorithms": [algorithm] }] });
        assert!(serde_json::from_value::<AuthenticationConfig>(issuer).is_err(), "{algorithm}");
    }
    assert!(
        serde_json::from_value::<AuthenticationConfig>(json!({ "oidc": [{ "issuer_url": "a" }] })).is_err()
    );
}
