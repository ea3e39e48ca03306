//! Configurations and presented credentials, as the tests write them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use access::authn::{
    AuthenticationConfig, Authenticator, ClientCertificate, Denied, Identity, OidcConfig, Presented, SignedBy,
};
use cluster_registry::{Registry, Settings};
use secrecy::SecretString;
use serde_json::{Value, json};
use testkit::Issuer;

pub fn empty_fleet() -> Registry {
    Registry::new(kinds::kind_set(), Settings::default())
}

/// Accepts tokens of an issuer for `fleet`, with names as they are; looks for keys again as soon as a token needs it.
pub fn oidc(issuer: &Issuer) -> OidcConfig {
    OidcConfig {
        issuer: issuer.url().to_owned(),
        audiences: vec!["fleet".to_owned()],
        ca_file: issuer.ca_file(),
        username_prefix: "-".to_owned(),
        groups_claim: "groups".to_owned(),
        keys_least_interval: Duration::from_millis(1),
        ..OidcConfig::default()
    }
}

pub fn only(oidc: OidcConfig) -> AuthenticationConfig {
    AuthenticationConfig { oidc: vec![oidc], ..AuthenticationConfig::default() }
}

pub fn start(config: AuthenticationConfig) -> Authenticator {
    Authenticator::start(config, &empty_fleet(), None).unwrap()
}

pub fn bearer(token: impl Into<String>) -> Presented {
    Presented { bearer: Some(SecretString::from(token.into())), ..Presented::default() }
}

pub async fn ask(authenticator: &Authenticator, token: impl Into<String>) -> Result<Identity, Denied> {
    authenticator.authenticate(&bearer(token)).await
}

/// Claims of somebody who may come in.
pub fn claims(user: &str) -> Value {
    json!({ "sub": user, "aud": "fleet", "groups": ["dev"] })
}

pub fn groups(identity: &Identity) -> Vec<&str> {
    identity.principal.groups.iter().map(AsRef::as_ref).collect()
}

pub fn certificate(common_name: &str, organizations: &[&str], signed_by: SignedBy) -> Arc<ClientCertificate> {
    Arc::new(ClientCertificate {
        signed_by,
        common_name: common_name.to_owned(),
        organizations: organizations.iter().map(ToString::to_string).collect(),
        dns_names: Vec::new(),
        not_after: SystemTime::now() + Duration::from_secs(3600),
        fingerprint: "0123456789abcdef0123456789abcdef".to_owned(),
    })
}

#[track_caller]
pub fn assert_invalid(outcome: Result<Identity, Denied>, about: &str) {
    let Err(Denied::Invalid(why)) = outcome else { panic!("not invalid: {outcome:?}") };
    assert!(why.contains(about), "{why:?} says nothing of {about:?}");
}

#[track_caller]
pub fn assert_unavailable(outcome: Result<Identity, Denied>, about: &str) {
    let Err(Denied::Unavailable(why)) = outcome else { panic!("not unavailable: {outcome:?}") };
    assert!(why.contains(about), "{why:?} says nothing of {about:?}");
}

/// Asks again until somebody is let in.
pub async fn let_in(authenticator: &Authenticator, token: &str) -> Identity {
    let mut last = None;
    for _ in 0..600 {
        match ask(authenticator, token).await {
            Ok(identity) => return identity,
            denied => last = Some(denied),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never let in: {last:?}");
}

/// Asks again until it holds, for as long as a busy machine may need.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..1200 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}
