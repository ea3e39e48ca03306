//! The same tokens, judged by us and by a real API server with the same settings: who is let in, and as whom.
//!
//! Where we differ on purpose we refuse more: names of `system:`, addresses of which it isn't said that they were
//! verified, tokens from the future, keys that are for something else. Those cases are named, and each must still be one.

use std::collections::BTreeSet;

use access::authn::{AuthenticationConfig, Authenticator, OidcConfig, SigningAlgorithm};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use kube::api::PostParams;
use kube::{Api, Client};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use testkit::{ControlPlane, Issuer, Options, SigningKey};

use crate::support::{ask, eventually, oidc, start};

const TOKENS: usize = 400;

/// An issuer, with how both are told to read its tokens.
struct Told {
    issuer: Issuer,
    ours: OidcConfig,
    theirs: Value,
}

fn told(issuer: Issuer, change: impl FnOnce(&mut OidcConfig)) -> Told {
    let mut ours = OidcConfig {
        algorithms: vec![
            SigningAlgorithm::Rs256,
            SigningAlgorithm::Rs512,
            SigningAlgorithm::Ps256,
            SigningAlgorithm::Es256,
            SigningAlgorithm::Es384,
        ],
        ..oidc(&issuer)
    };
    change(&mut ours);
    let prefix = match ours.username_prefix.as_str() {
        "" if ours.username_claim != "email" => format!("{}#", issuer.url()),
        "-" => String::new(),
        prefix => prefix.to_owned(),
    };
    let rules: Vec<_> = ours
        .required_claims
        .iter()
        .map(|(claim, value)| json!({ "claim": claim, "requiredValue": value }))
        .collect();
    let mut theirs = json!({
        "issuer": {
            "url": issuer.url(),
            "certificateAuthority": issuer.ca_pem(),
            "audiences": ours.audiences,
            "audienceMatchPolicy": "MatchAny",
        },
        "claimValidationRules": rules,
        "claimMappings": {
            "username": { "claim": ours.username_claim, "prefix": prefix },
            "groups": { "claim": ours.groups_claim, "prefix": ours.groups_prefix },
        },
    });
    if !ours.uid_claim.is_empty() {
        theirs["claimMappings"]["uid"] = json!({ "claim": ours.uid_claim });
    }
    Told { issuer, ours, theirs }
}

/// Who somebody is, as far as both say it.
#[derive(Debug, PartialEq, Eq)]
struct Who {
    user: String,
    uid: String,
    groups: BTreeSet<String>,
}

async fn theirs(client: &Client, token: &str) -> Option<Who> {
    let review = TokenReview {
        spec: TokenReviewSpec { token: token.to_owned(), ..TokenReviewSpec::default() },
        ..TokenReview::default()
    };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await.unwrap();
    let status = answer.status.unwrap();
    let UserInfo { username, uid, groups, .. } =
        status.user.filter(|_| status.authenticated == Some(true))?;
    let groups = groups.unwrap_or_default().into_iter().filter(|group| !group.is_empty()).collect();
    Some(Who { user: username.unwrap_or_default(), uid: uid.unwrap_or_default(), groups })
}

async fn ours(authenticator: &Authenticator, token: &str) -> Result<Who, String> {
    let identity = ask(authenticator, token).await.map_err(|denied| denied.to_string())?;
    let principal = &identity.principal;
    Ok(Who {
        user: principal.user.to_string(),
        uid: principal.uid.to_string(),
        groups: principal.groups.iter().map(ToString::to_string).collect(),
    })
}

/// What we refuse beyond what an API server refuses.
const STRICTER: [&str; 5] = [
    "`trust_system_names`",
    "its email address is not verified",
    "it was issued in the future",
    "it is not valid yet",
    "no key",
];

/// Whether we mean to refuse what an API server accepts. To it, a null in place of a text is an empty text.
fn is_stricter(why: &str, about: &str) -> bool {
    STRICTER.iter().any(|reason| why.contains(reason))
        || (why.contains("that is a text") && about.contains("null"))
}

fn pick<T: Clone>(random: &mut StdRng, from: &[T]) -> T {
    from[random.random_range(0..from.len())].clone()
}

/// A token that is right, or wrong in one or a few ways.
fn token(random: &mut StdRng, told: &[Told], strangers: &[SigningKey]) -> (String, String) {
    let Told { issuer, .. } = &told[random.random_range(0..told.len())];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut claims = issuer.claims(json!({
        "sub": pick(random, &["alice", "bob", "Zoë Müller", "a/b:c#d", "x@y.example"]),
        "email": "alice@example.com",
        "email_verified": true,
        "aud": "fleet",
        "org": "acme",
        "id": "0a1b",
        "jti": format!("{:x}", random.random::<u64>()),
        "groups": pick(random, &[json!(["dev", "ops"]), json!("dev"), json!([]), json!(["dev", "dev", ""])]),
    }));
    let odd = [
        ("aud", json!("another")),
        ("aud", json!(["another", "fleet"])),
        ("aud", json!(["second"])),
        ("aud", json!([])),
        ("aud", json!(7)),
        ("aud", json!(null)),
        ("exp", json!(now - 1)),
        ("exp", json!(now + 60)),
        ("exp", json!((now + 60) as f64 + 0.5)),
        ("exp", json!("tomorrow")),
        ("exp", json!(null)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("nbf", json!(now - 5)),
        ("nbf", json!(now + 30)),
        ("nbf", json!(now + 3600)),
        ("nbf", json!(null)),
        ("iat", json!(now + 3600)),
        ("iat", json!(null)),
        ("sub", json!(null)),
        ("sub", json!(7)),
        ("sub", json!(["alice"])),
        ("sub", json!("system:admin")),
        ("sub", json!("system:serviceaccount:a:b")),
        ("email", json!(null)),
        ("email", json!("Alice@EXAMPLE.com")),
        ("email_verified", json!(false)),
        ("email_verified", json!("true")),
        ("email_verified", json!(1)),
        ("email_verified", json!(null)),
        ("groups", json!(null)),
        ("groups", json!({ "a": 1 })),
        ("groups", json!([1])),
        ("groups", json!(["dev", null])),
        ("groups", json!(7)),
        ("groups", json!(["system:masters"])),
        ("groups", json!(["sýstem:masters", " ops "])),
        ("org", json!("other")),
        ("org", json!(["acme"])),
        ("org", json!(null)),
        ("id", json!(null)),
        ("id", json!(12)),
        ("iss", json!("https://another.example")),
        ("iss", json!(format!("{}/", issuer.url()))),
        ("iss", json!(null)),
        ("roles", json!(["admin"])),
    ];
    let mut what = Vec::new();
    for _ in 0..pick(random, &[0, 1, 1, 1, 2, 3]) {
        let (name, value) = pick(random, &odd);
        what.push(format!("{name}={value}"));
        if random.random_bool(0.2) || !value.is_null() {
            claims[name] = value;
        } else {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    let key = issuer.key();
    let stranger = &strangers[random.random_range(0..strangers.len())];
    let (how, token) = match random.random_range(0..16) {
        0 => ("alg none", key.sign(json!({ "alg": "none" }), &claims)),
        1 => ("hmac", Ok(key.forge_hmac(key.public_pem().unwrap().as_bytes(), &claims))),
        2 => ("a stranger's key", stranger.sign(json!({ "kid": key.kid }), &claims)),
        3 => ("an unknown kid", key.sign(json!({ "kid": "unknown" }), &claims)),
        4 => ("no kid", key.sign(json!({ "kid": null }), &claims)),
        5 => ("critical", key.sign(json!({ "crit": ["x"], "x": 1 }), &claims)),
        6 => ("typ", key.sign(json!({ "typ": "at+jwt" }), &claims)),
        7 => {
            let mut token = key.sign(json!({}), &claims).unwrap();
            let last = token.pop().unwrap();
            let before = token.pop().unwrap();
            token.push(if before == 'A' { 'B' } else { 'A' });
            token.push(last);
            ("a changed signature", Ok(token))
        }
        _ => ("signed well", key.sign(json!({}), &claims)),
    };
    (token.unwrap(), format!("{how}; {}; {claims}", what.join(", ")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_api_server_lets_the_same_people_in_under_the_same_names() {
    let seed = std::env::var("AUTHN_SEED").ok().map_or(7, |seed| seed.parse().unwrap());
    let mut issuers = Vec::new();
    for algorithm in ["RS256", "ES256", "PS256", "ES384"] {
        let issuer = Issuer::start().await.unwrap();
        issuer.rotate(algorithm).await.unwrap();
        issuers.push(issuer);
    }
    let mut issuers = issuers.into_iter();
    let mut next = || issuers.next().unwrap();
    let told = [
        told(next(), |ours| ours.username_prefix.clear()),
        told(next(), |ours| {
            ours.username_claim = "email".to_owned();
            ours.username_prefix.clear();
            ours.groups_prefix = "oidc:".to_owned();
            ours.audiences.push("second".to_owned());
        }),
        told(next(), |ours| {
            ours.username_prefix = "corp:".to_owned();
            ours.uid_claim = "id".to_owned();
            ours.required_claims = [("org".to_owned(), "acme".to_owned())].into();
        }),
        told(next(), |ours| ours.groups_prefix = "sys".to_owned()),
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    let document = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": told.iter().map(|told| &told.theirs).collect::<Vec<_>>(),
    });
    std::fs::write(file.path(), document.to_string()).unwrap();
    let options =
        Options::bare("judge").apiserver_arg(&format!("--authentication-config={}", file.path().display()));
    let plane = ControlPlane::start(options).await.unwrap();
    let client = plane.admin_client().await.unwrap();
    let authenticator = start(AuthenticationConfig {
        oidc: told.iter().map(|told| told.ours.clone()).collect(),
        ..AuthenticationConfig::default()
    });
    for Told { issuer, .. } in &told {
        let claims = json!({
            "sub": "first", "email": "first@example.com", "email_verified": true, "aud": "fleet", "org": "acme", "id": "1",
        });
        let token = issuer.token(claims).unwrap();
        eventually("the API server knows the issuer", async || theirs(&client, &token).await.is_some()).await;
    }

    let mut random = StdRng::seed_from_u64(seed);
    let strangers = ["RS256", "ES256"].map(|algorithm| SigningKey::generate(algorithm, "s").unwrap());
    let (mut accepted, mut refused, mut stricter) = (0, 0, 0);
    for number in 0..TOKENS {
        let (token, about) = token(&mut random, &told, &strangers);
        let about = format!("AUTHN_SEED={seed}, token {number}: {about}");
        match (ours(&authenticator, &token).await, theirs(&client, &token).await) {
            (Ok(ours), Some(theirs)) => {
                assert_eq!(ours, theirs, "{about}");
                accepted += 1;
            }
            (Ok(ours), None) => panic!("we let in whom the API server refuses, as {ours:?}; {about}"),
            (Err(_), None) => refused += 1,
            (Err(why), Some(theirs)) => {
                assert!(is_stricter(&why, &about), "{why}, but {theirs:?}; {about}");
                stricter += 1;
            }
        }
    }
    eprintln!("{accepted} accepted by both, {refused} refused by both, {stricter} refused by us alone");
    assert!(
        accepted >= TOKENS / 8 && refused >= TOKENS / 4 && stricter <= TOKENS / 10,
        "the tokens are varied"
    );
}
