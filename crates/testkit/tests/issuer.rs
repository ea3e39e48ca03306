//! The issuer, as a real API server judges it.

use std::time::Duration;

use anyhow::{Context, Result};
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, UserInfo};
use kube::Api;
use kube::api::PostParams;
use serde_json::json;
use testkit::{ControlPlane, Credentials, Issuer, Options};

async fn who(plane: &ControlPlane, token: String) -> Result<UserInfo> {
    let client = plane.client(&Credentials::Bearer(token)).await?;
    let review = Api::all(client).create(&PostParams::default(), &SelfSubjectReview::default()).await?;
    review.status.and_then(|status| status.user_info).context("a review without a user")
}

/// An API server learns the issuer's keys some time after it is ready.
async fn who_at_last(plane: &ControlPlane, token: &str) -> UserInfo {
    for _ in 0..600 {
        if let Ok(user) = who(plane, token.to_owned()).await {
            return user;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the API server never accepted the issuer's token");
}

#[tokio::test]
async fn an_api_server_takes_its_tokens_for_the_users_and_groups_that_a_test_wants() {
    let issuer = Issuer::start().await.unwrap();
    let options = Options::bare("issued")
        .oidc(issuer.url(), "fleet", "sub", "groups")
        .apiserver_arg("--oidc-username-prefix=-")
        .apiserver_arg(&format!("--oidc-ca-file={}", issuer.ca_file().display()));
    let plane = ControlPlane::start(options).await.unwrap();
    let claims = json!({ "sub": "alice", "groups": ["dev", "ops"], "aud": "fleet" });
    let user = who_at_last(&plane, &issuer.token(claims.clone()).unwrap()).await;
    assert_eq!(user.username.as_deref(), Some("alice"));
    assert_eq!(user.groups.unwrap(), ["dev", "ops", "system:authenticated"]);

    let refused = [
        issuer.token(json!({ "sub": "alice", "aud": "another" })).unwrap(),
        issuer.token(json!({ "sub": "alice", "aud": "fleet", "exp": 1 })).unwrap(),
        issuer.token(json!({ "sub": null, "aud": "fleet" })).unwrap(),
        issuer.key().sign(json!({ "alg": "none" }), &issuer.claims(claims.clone())).unwrap(),
        issuer
            .key()
            .forge_hmac(issuer.key().public_pem().unwrap().as_bytes(), &issuer.claims(claims.clone())),
    ];
    for token in refused {
        assert!(who(&plane, token.clone()).await.is_err(), "{token}");
    }

    let asked = issuer.asked(issuer.keys_path());
    issuer.rotate("RS256").await.unwrap();
    assert_eq!(who_at_last(&plane, &issuer.token(claims).unwrap()).await.username.as_deref(), Some("alice"));
    assert!(issuer.asked(issuer.keys_path()) > asked, "the new key was asked for");
}

#[tokio::test]
async fn each_kind_of_key_is_published_as_what_it_is() {
    let issuer = Issuer::start_plain().await.unwrap();
    for (algorithm, kty) in [("PS384", "RSA"), ("ES256", "EC"), ("ES384", "EC"), ("EdDSA", "OKP")] {
        let key = issuer.rotate(algorithm).await.unwrap();
        assert_eq!(issuer.key().kid, key.kid, "signed with the newest");
        let set = issuer.jwks();
        let newest = set["keys"].as_array().unwrap().last().unwrap();
        assert_eq!((newest["kty"].as_str(), newest["alg"].as_str()), (Some(kty), Some(algorithm)));
    }
    assert_eq!(issuer.jwks()["keys"].as_array().unwrap().len(), 5);
    issuer.forget_old_keys();
    assert_eq!(issuer.jwks()["keys"].as_array().unwrap().len(), 1);
}
