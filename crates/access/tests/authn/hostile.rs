//! Whatever bytes somebody sends, nobody comes in by them, and nothing breaks.

use std::sync::LazyLock;

use access::authn::{AuthenticationConfig, Authenticator, Denied, SigningAlgorithm};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{Issuer, SigningKey};
use tokio::runtime::Runtime;

use crate::support::{ask, assert_invalid, claims, oidc, start};

/// An authenticator whose issuer has an elliptic and an RSA key, and tokens by them that hold.
struct Bed {
    runtime: Runtime,
    issuer: Issuer,
    authenticator: Authenticator,
    tokens: Vec<String>,
}

static BED: LazyLock<Bed> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let (issuer, authenticator, tokens) = runtime.block_on(async {
        let issuer = Issuer::start_plain().await.unwrap();
        let rsa = issuer.token(claims("alice")).unwrap();
        issuer.rotate("ES256").await.unwrap();
        let elliptic = issuer.token(claims("alice")).unwrap();
        let mut trusted = oidc(&issuer);
        trusted.algorithms.push(SigningAlgorithm::Ps256);
        let config = AuthenticationConfig { oidc: vec![trusted], ..AuthenticationConfig::default() };
        let authenticator = start(config);
        for token in [&rsa, &elliptic] {
            ask(&authenticator, token).await.unwrap();
        }
        (issuer, authenticator, vec![rsa, elliptic])
    });
    Bed { runtime, issuer, authenticator, tokens }
});

fn refused(token: &str) -> bool {
    let outcome = BED.runtime.block_on(ask(&BED.authenticator, token));
    matches!(outcome, Err(Denied::Invalid(_) | Denied::Unavailable(_)))
}

proptest! {
    #[test]
    fn no_text_is_a_token(text in ".{0,300}") {
        prop_assert!(refused(&text));
    }

    #[test]
    fn no_bytes_in_the_form_of_a_token_are_one(header in any::<Vec<u8>>(), claims in any::<Vec<u8>>(), signature in any::<Vec<u8>>()) {
        let encode = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
        let token = format!("{}.{}.{}", encode(&header), encode(&claims), encode(&signature));
        prop_assert!(refused(&token));
    }

    #[test]
    fn a_valid_token_with_a_changed_byte_is_refused(which in 0..2usize, at in any::<prop::sample::Index>(), byte in 0x21..0x7fu8) {
        let mut token = BED.tokens[which].clone().into_bytes();
        let at = at.index(token.len());
        prop_assume!(token[at] != byte);
        token[at] = byte;
        prop_assert!(refused(std::str::from_utf8(&token).unwrap()));
    }

    #[test]
    fn a_valid_token_that_is_cut_or_grown_is_refused(which in 0..2usize, at in any::<prop::sample::Index>(), more in "[A-Za-z0-9_.=-]{1,8}") {
        let token = &BED.tokens[which];
        let at = at.index(token.len());
        prop_assert!(refused(&token[..at]));
        let grown = format!("{}{more}{}", &token[..at], &token[at..]);
        prop_assert!(refused(&grown));
    }

    #[test]
    fn parts_of_two_valid_tokens_are_no_token(parts in prop::array::uniform3(0..2usize)) {
        prop_assume!(parts[0] != parts[1] || parts[1] != parts[2]);
        let of = |token: usize, part: usize| BED.tokens[token].split('.').nth(part).unwrap();
        let token = [of(parts[0], 0), of(parts[1], 1), of(parts[2], 2)].join(".");
        prop_assert!(refused(&token) || BED.tokens.contains(&token));
    }
}

#[test]
fn what_forgers_try_is_refused() {
    let (issuer, key) = (&BED.issuer, BED.issuer.key());
    let claims = issuer.claims(claims("root"));
    let attacker = SigningKey::generate("ES256", &key.kid).unwrap();
    let own_key =
        json!({ "jwk": attacker.jwk(), "jku": "http://127.0.0.1:1/keys", "x5u": "http://127.0.0.1:1/" });
    let forged = [
        ("no algorithm", key.sign(json!({ "alg": "none" }), &claims).unwrap()),
        ("none, in another case", key.sign(json!({ "alg": "nOnE" }), &claims).unwrap()),
        ("the public key as a secret", key.forge_hmac(key.public_pem().unwrap().as_bytes(), &claims)),
        ("an empty secret", key.forge_hmac(b"", &claims)),
        ("another key of that id", attacker.sign(json!({}), &claims).unwrap()),
        ("a key that it brings along", attacker.sign(own_key, &claims).unwrap()),
        ("an algorithm of another family", attacker.sign(json!({ "alg": "RS256" }), &claims).unwrap()),
        ("an extension that must be understood", key.sign(json!({ "crit": ["exp"] }), &claims).unwrap()),
        ("a key id that is none", key.sign(json!({ "kid": 7 }), &claims).unwrap()),
        ("a path for a key id", key.sign(json!({ "kid": "../../../dev/null" }), &claims).unwrap()),
    ];
    for (what, token) in forged {
        assert!(refused(&token), "{what}: {token}");
    }
    let valid = key.sign(json!({}), &claims).unwrap();
    assert!(refused(&format!(" {valid}")) && refused(&format!("{valid}\n")) && refused(&format!("{valid}.")));
    let unsigned = &valid[..=valid.rfind('.').unwrap()];
    assert!(refused(unsigned));
    BED.runtime.block_on(ask(&BED.authenticator, valid)).unwrap();
}

#[test]
fn a_token_that_is_too_long_is_refused_unread() {
    let mut long = claims("alice");
    long["padding"] = Value::String("x".repeat(16 * 1024));
    let token = BED.issuer.token(long).unwrap();
    assert_invalid(BED.runtime.block_on(ask(&BED.authenticator, token)), "16384 bytes");
}

#[test]
fn no_text_for_operators_repeats_a_token_or_its_claims() {
    let secret =
        json!({ "sub": "s3cret-name", "aud": "s3cret-audience", "groups": ["s3cret-group"], "x": "s3cret" });
    for (name, value) in [
        ("aud", json!("s3cret")),
        ("exp", json!(1)),
        ("nbf", json!(4_000_000_000_u64)),
        ("groups", json!({ "s3cret": 1 })),
        ("groups", json!(["system:s3cret"])),
        ("sub", json!(["s3cret"])),
        ("sub", json!("s3cret\n")),
    ] {
        let mut claims = secret.clone();
        claims["aud"] = json!("fleet");
        claims[name] = value;
        let token = BED.issuer.token(claims).unwrap();
        let denied = BED.runtime.block_on(ask(&BED.authenticator, &token)).unwrap_err();
        let text = format!("{denied} {denied:?}");
        assert!(!text.contains("s3cret"), "{name}: {text}");
        assert!(token.split('.').all(|part| !text.contains(part)), "{name}: {text}");
    }
}
