//! An issuer's keys through rotation, outage, slowness, and answers that are none.

use std::time::{Duration, SystemTime};

use access::authn::{AuthenticationConfig, Denied, Method, OidcConfig, SigningAlgorithm};
use serde_json::json;
use testkit::{Fault, Issuer, SigningKey};

use crate::support::{
    ask, assert_invalid, assert_unavailable, claims, eventually, groups, oidc, only, start,
};

const NEVER: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_token_says_who_somebody_is_and_until_when() {
    let issuer = Issuer::start().await.unwrap();
    let authenticator = start(only(OidcConfig {
        uid_claim: "sub".to_owned(),
        extra_claims: [("acme.com/team".to_owned(), "team".to_owned())].into(),
        groups_prefix: "oidc:".to_owned(),
        ..oidc(&issuer)
    }));
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    let token = issuer.token(json!({
        "sub": "alice", "aud": ["other", "fleet"], "groups": ["dev", "ops"], "team": "blue", "jti": "7",
        "exp": 4_000_000_000_u64,
    }));
    let identity = ask(&authenticator, token.unwrap()).await.unwrap();
    assert_eq!(&*identity.principal.user, "alice");
    assert_eq!(&*identity.principal.uid, "alice");
    assert_eq!(groups(&identity), ["oidc:dev", "oidc:ops", "system:authenticated"]);
    assert_eq!(identity.principal.extra["acme.com/team"], ["blue"]);
    assert_eq!((identity.method, identity.until), (Method::Oidc, Some(end)));
    assert_eq!(&*identity.credential, format!("{} JTI=7", issuer.url()));
}

#[tokio::test]
async fn a_user_has_the_issuers_url_before_the_name_unless_said_otherwise() {
    let issuer = Issuer::start().await.unwrap();
    let authenticator = start(only(OidcConfig { username_prefix: String::new(), ..oidc(&issuer) }));
    let identity = ask(&authenticator, issuer.token(claims("alice")).unwrap()).await.unwrap();
    assert_eq!(&*identity.principal.user, format!("{}#alice", issuer.url()));
}

#[tokio::test]
async fn a_verified_token_is_answered_without_the_issuer_and_not_beyond_its_end() {
    let issuer = Issuer::start().await.unwrap();
    let authenticator = start(only(oidc(&issuer)));
    let end = SystemTime::now() + Duration::from_secs(3);
    let seconds = end.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let mut short = claims("alice");
    short["exp"] = json!(seconds);
    let short = issuer.token(short).unwrap();
    ask(&authenticator, &short).await.unwrap();
    issuer.fault(Fault::Refuse).await.unwrap();
    eventually("it ends", async || match ask(&authenticator, &short).await {
        Ok(identity) => {
            assert!(SystemTime::now() < identity.until.unwrap() + Duration::from_millis(100));
            false
        }
        denied => {
            assert_invalid(denied, "expired");
            true
        }
    })
    .await;
}

#[tokio::test]
async fn a_new_key_is_learned_from_the_first_token_that_it_signs() {
    let issuer = Issuer::start().await.unwrap();
    let authenticator = start(only(OidcConfig { keys_refresh: NEVER, keys_max_age: NEVER, ..oidc(&issuer) }));
    let old = issuer.token(claims("alice")).unwrap();
    ask(&authenticator, &old).await.unwrap();
    for algorithm in ["RS256", "ES256"] {
        issuer.rotate(algorithm).await.unwrap();
        ask(&authenticator, issuer.token(claims("bob")).unwrap()).await.unwrap();
    }
    ask(&authenticator, issuer.key().sign(json!({ "kid": null }), &issuer.claims(claims("carol"))).unwrap())
        .await
        .unwrap();
    assert_eq!(issuer.asked(issuer.keys_path()), 3, "each look but the first was for a new key");
    ask(&authenticator, &old).await.unwrap();
}

#[tokio::test]
async fn a_key_that_the_issuer_dropped_is_trusted_until_the_next_look_alone() {
    let issuer = Issuer::start().await.unwrap();
    let refresh = Duration::from_millis(20);
    let authenticator = start(only(OidcConfig { keys_refresh: refresh, ..oidc(&issuer) }));
    let old = issuer.key();
    ask(&authenticator, old.sign(json!({}), &issuer.claims(claims("alice"))).unwrap()).await.unwrap();
    issuer.rotate("RS256").await.unwrap();
    issuer.forget_old_keys();
    let mut number = 0;
    eventually("the dropped key signs nothing any more", async || {
        number += 1;
        let token = old.sign(json!({}), &issuer.claims(claims(&format!("user-{number}")))).unwrap();
        match ask(&authenticator, token).await {
            Ok(_) => false,
            denied => {
                assert_invalid(denied, "no key \"key-1\"");
                true
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_flood_of_invented_key_ids_is_no_flood_of_requests() {
    let issuer = Issuer::start().await.unwrap();
    let authenticator = start(only(OidcConfig {
        keys_refresh: NEVER,
        keys_max_age: NEVER,
        keys_least_interval: Duration::from_secs(2),
        ..oidc(&issuer)
    }));
    ask(&authenticator, issuer.token(claims("alice")).unwrap()).await.unwrap();
    let began = std::time::Instant::now();
    let invented = (0..500).map(|number| {
        let token = issuer.key().sign(json!({ "kid": format!("k{number}") }), &issuer.claims(claims("eve")));
        ask(&authenticator, token.unwrap())
    });
    let flood = futures::future::join_all(invented);
    let known = ask(&authenticator, issuer.token(claims("bob")).unwrap());
    let (outcomes, known) = futures::join!(flood, known);
    known.unwrap();
    assert!(outcomes.iter().all(Result::is_err));
    let turned_away =
        outcomes.iter().filter(|outcome| matches!(outcome, Err(Denied::Unavailable(_)))).count();
    assert_eq!(turned_away, 500 - 64, "few wait for the next look");
    // One at the start, and one for each interval since then.
    let intervals = usize::try_from(began.elapsed().as_secs()).unwrap() / 2 + 1;
    assert!(issuer.asked(issuer.keys_path()) <= 1 + intervals, "{}", issuer.asked(issuer.keys_path()));
}

#[tokio::test]
async fn many_first_tokens_wait_for_one_look() {
    let issuer = Issuer::start().await.unwrap();
    issuer.delay(Duration::from_millis(300));
    let authenticator = start(only(OidcConfig { keys_refresh: NEVER, keys_max_age: NEVER, ..oidc(&issuer) }));
    let tokens = (0..50).map(|number| issuer.token(claims(&format!("user-{number}"))).unwrap());
    let asked = futures::future::join_all(tokens.map(|token| ask(&authenticator, token))).await;
    assert!(asked.iter().all(Result::is_ok), "{asked:?}");
    assert_eq!(issuer.asked(issuer.keys_path()), 1);
}

#[tokio::test]
async fn an_issuer_that_is_down_at_the_start_is_waited_for() {
    let issuer = Issuer::start().await.unwrap();
    issuer.fault(Fault::Refuse).await.unwrap();
    let authenticator = start(only(oidc(&issuer)));
    let token = issuer.token(claims("alice")).unwrap();
    assert_unavailable(ask(&authenticator, &token).await, issuer.url());
    issuer.fault(Fault::None).await.unwrap();
    eventually("the issuer is found", async || match ask(&authenticator, &token).await {
        Ok(_) => true,
        Err(denied) => {
            assert!(matches!(denied, Denied::Unavailable(_)), "an outage refuses nobody: {denied}");
            false
        }
    })
    .await;
}

#[tokio::test]
async fn known_keys_outlive_an_outage_by_their_greatest_age() {
    let issuer = Issuer::start().await.unwrap();
    let age = Duration::from_secs(2);
    let authenticator = start(only(OidcConfig {
        keys_refresh: Duration::from_millis(100),
        keys_max_age: age,
        ..oidc(&issuer)
    }));
    ask(&authenticator, issuer.token(claims("alice")).unwrap()).await.unwrap();
    issuer.fault(Fault::Refuse).await.unwrap();
    let stranger = SigningKey::generate("ES256", "new").unwrap();
    let stranger = stranger.sign(json!({}), &issuer.claims(claims("eve"))).unwrap();
    eventually("the outage is seen", async || {
        matches!(ask(&authenticator, &stranger).await, Err(Denied::Unavailable(_)))
    })
    .await;
    ask(&authenticator, issuer.token(claims("bob")).unwrap()).await.unwrap();
    let mut number = 0;
    eventually("the keys are too old", async || {
        number += 1;
        let token = issuer.token(claims(&format!("user-{number}"))).unwrap();
        matches!(ask(&authenticator, token).await, Err(Denied::Unavailable(_)))
    })
    .await;
    issuer.fault(Fault::None).await.unwrap();
    eventually("the issuer is back", async || {
        ask(&authenticator, issuer.token(claims("carol")).unwrap()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn an_issuer_that_says_nothing_is_given_up_in_time() {
    let issuer = Issuer::start().await.unwrap();
    issuer.fault(Fault::Blackhole).await.unwrap();
    let timeout = Duration::from_millis(200);
    let authenticator = start(only(OidcConfig { timeout, ..oidc(&issuer) }));
    assert_unavailable(ask(&authenticator, issuer.token(claims("alice")).unwrap()).await, "no answer within");
}

#[tokio::test]
async fn answers_that_are_no_discovery_document_or_key_set_of_this_issuer_are_not_believed() {
    let issuer = Issuer::start().await.unwrap();
    let elsewhere = Issuer::start_plain().await.unwrap();
    let token = issuer.token(claims("alice")).unwrap();
    let document = |name: &str, value: &str| {
        let mut document = issuer.discovery();
        document[name] = json!(value);
        document.to_string()
    };
    let (discovery, keys) = (issuer.discovery_path(), issuer.keys_path());
    let moved = format!("{}{keys}", elsewhere.url());
    let wrong = [
        (discovery, 500, vec![], "down".to_owned(), "500"),
        (discovery, 200, vec![], "<html>".to_owned(), "something else than a discovery document"),
        (discovery, 302, vec![("location", moved.as_str())], String::new(), "redirects are not followed"),
        (
            discovery,
            200,
            vec![],
            document("issuer", "https://evil.example"),
            "is that of \"https://evil.example\"",
        ),
        (discovery, 200, vec![], document("jwks_uri", "http://10.0.0.1/keys"), "jwks_uri"),
        (discovery, 200, vec![], document("jwks_uri", &moved), "jwks_uri is not https"),
        (discovery, 200, vec![], document("jwks_uri", "file:///etc/passwd"), "jwks_uri"),
        (keys, 307, vec![("location", moved.as_str())], String::new(), "redirects are not followed"),
        (keys, 200, vec![], "{}".to_owned(), "no key set"),
        (keys, 200, vec![], format!("{{\"keys\":[],\"more\":{:?}}}", "x".repeat(600_000)), "length limit"),
    ];
    for (path, status, headers, body, about) in wrong {
        issuer.answer(path, status, &headers, body).unwrap();
        let authenticator = start(only(oidc(&issuer)));
        assert_unavailable(ask(&authenticator, &token).await, about);
        issuer.answer_well();
        eventually("it is believed again", async || ask(&authenticator, &token).await.is_ok()).await;
    }
    assert_eq!(elsewhere.asked(keys), 0, "nobody followed a redirect");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_not_believed() {
    let (issuer, other) = (Issuer::start().await.unwrap(), Issuer::start().await.unwrap());
    for (ca_file, about) in [(other.ca_file(), "certificate"), ("/no/such/file".into(), "ca_file")] {
        let authenticator = start(only(OidcConfig { ca_file, ..oidc(&issuer) }));
        assert_unavailable(ask(&authenticator, issuer.token(claims("alice")).unwrap()).await, about);
    }
}

#[tokio::test]
async fn each_issuer_decides_about_its_own_tokens() {
    let (one, two) = (Issuer::start().await.unwrap(), Issuer::start_plain().await.unwrap());
    let prefix =
        |prefix: &str, issuer: &Issuer| OidcConfig { username_prefix: prefix.to_owned(), ..oidc(issuer) };
    let authenticator = start(AuthenticationConfig {
        oidc: vec![prefix("one:", &one), prefix("two:", &two)],
        ..AuthenticationConfig::default()
    });
    for (issuer, user) in [(&one, "one:alice"), (&two, "two:alice")] {
        let identity = ask(&authenticator, issuer.token(claims("alice")).unwrap()).await.unwrap();
        assert_eq!(&*identity.principal.user, user);
    }
    // Both issuers call their first key `key-1`.
    let mut forged = claims("alice");
    forged["iss"] = json!(two.url());
    assert_invalid(ask(&authenticator, one.token(forged).unwrap()).await, "its signature is wrong");
    for near in
        [format!("{}/", one.url()), one.url().to_uppercase(), one.url().replace("127.0.0.1", "localhost")]
    {
        let mut token = claims("alice");
        token["iss"] = json!(near);
        assert_invalid(ask(&authenticator, one.token(token).unwrap()).await, "nobody is configured");
    }
}

#[tokio::test]
async fn an_algorithm_that_is_not_configured_is_refused_by_whatever_key() {
    let issuer = Issuer::start().await.unwrap();
    let algorithms = vec![SigningAlgorithm::Es256, SigningAlgorithm::EdDsa];
    let authenticator = start(only(OidcConfig { algorithms, ..oidc(&issuer) }));
    assert_invalid(ask(&authenticator, issuer.token(claims("alice")).unwrap()).await, "`algorithms`");
    issuer.rotate("EdDSA").await.unwrap();
    ask(&authenticator, issuer.token(claims("alice")).unwrap()).await.unwrap();
}

#[tokio::test]
async fn tenants_and_bounds_come_from_the_token() {
    let issuer = Issuer::start().await.unwrap();
    let authenticator = start(only(OidcConfig {
        tenants_claim: "orgs".to_owned(),
        tenants_mapping: [("shop-team".to_owned(), vec!["shop".to_owned(), "web".to_owned()])].into(),
        tenants: vec!["all".to_owned()],
        clusters: vec!["prod-eu".to_owned(), "prod-us".to_owned()],
        clusters_claim: "clusters".to_owned(),
        namespaces_claim: "namespaces".to_owned(),
        ..oidc(&issuer)
    }));
    let token = |orgs, clusters, namespaces| {
        let claims = json!({
            "sub": "alice", "aud": "fleet", "orgs": orgs, "clusters": clusters, "namespaces": namespaces,
        });
        issuer.token(claims).unwrap()
    };
    let texts = |texts: &std::collections::BTreeSet<std::sync::Arc<str>>| -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    };
    let of = async |token: String| ask(&authenticator, token).await.unwrap().principal;
    let principal =
        of(token(json!(["shop-team", "unknown"]), json!(["prod-eu", "dev"]), json!("shop"))).await;
    assert_eq!(texts(&principal.tenants), ["all", "shop", "web"]);
    assert_eq!(texts(principal.bounds.clusters.as_ref().unwrap()), ["prod-eu"]);
    assert_eq!(texts(principal.bounds.namespaces.as_ref().unwrap()), ["shop"]);
    let principal = of(token(json!(null), json!("*"), json!("*"))).await;
    assert_eq!(texts(&principal.tenants), ["all"]);
    assert_eq!(texts(principal.bounds.clusters.as_ref().unwrap()), ["prod-eu", "prod-us"]);
    assert_eq!(principal.bounds.namespaces, None);
    let principal = of(token(json!([]), json!([]), json!([]))).await;
    assert!(principal.bounds.clusters.as_ref().unwrap().is_empty());
    let lacking = token(json!([]), json!(null), json!("*"));
    assert_invalid(ask(&authenticator, lacking).await, "no claim \"clusters\"");
}
