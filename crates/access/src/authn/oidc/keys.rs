//! An issuer's keys, and whether one of them has signed a token.
//!
//! A key verifies only what it was made for: RSA, elliptic curve and Edwards keys each their own algorithms, a key with
//! `alg` that one, and a key for encryption none. Secrets (`kty: oct`) are never keys here, nor is a public key ever
//! taken for one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::Value;

use super::token::Unverified;
use crate::authn::SigningAlgorithm;

/// No issuer has as many. Tokens without `kid` are tried with each.
const MOST_KEYS: usize = 64;
/// Shorter moduli are refused by the crypto library, too. In bytes.
const SHORTEST_MODULUS: usize = 256;

/// The keys of an issuer that can be used.
#[derive(Default)]
pub(super) struct KeySet(Vec<Key>);

struct Key {
    kid: String,
    algorithm: Option<String>,
    family: Family,
    key: DecodingKey,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// What the keys say of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Signed,
    /// Keys that it could be signed with did not sign it.
    Forged,
    /// There is no key that it could be signed with.
    NoKey,
}

/// A key as RFC 7517 writes it. Whatever else it has isn't read.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    kid: String,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    crv: String,
    #[serde(default)]
    n: String,
    #[serde(default)]
    e: String,
    #[serde(default)]
    x: String,
    #[serde(default)]
    y: String,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// Reads a key set. Keys that are of no use here are left out, as RFC 7517 asks.
    ///
    /// # Errors
    /// When it is no key set.
    pub(super) fn read(json: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(json).map_err(|_| "it is no key set".to_owned())?;
        if document.keys.len() > MOST_KEYS {
            return Err(format!("it has more than {MOST_KEYS} keys"));
        }
        Ok(Self(document.keys.into_iter().filter_map(read).collect()))
    }

    /// Whether one of these keys has signed a token, by an algorithm that is allowed.
    pub(super) fn verdict(&self, token: &Unverified<'_>, algorithm: SigningAlgorithm) -> Verdict {
        let (family, known) = algorithm.parts();
        let fits = |key: &&Key| {
            key.family == family
                && key.algorithm.as_ref().is_none_or(|algorithm| *algorithm == token.header.alg)
                && token.header.kid.as_ref().is_none_or(|kid| *kid == key.kid)
        };
        let mut verdict = Verdict::NoKey;
        for key in self.0.iter().filter(fits) {
            let signed = crypto::verify(token.signature, token.message.as_bytes(), &key.key, known);
            if signed.unwrap_or(false) {
                return Verdict::Signed;
            }
            verdict = Verdict::Forged;
        }
        verdict
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl SigningAlgorithm {
    /// The algorithm of that name in a token's header.
    pub(super) fn named(name: &str) -> Option<Self> {
        serde_json::from_value(Value::String(name.to_owned())).ok()
    }

    const fn parts(self) -> (Family, Algorithm) {
        match self {
            Self::Rs256 => (Family::Rsa, Algorithm::RS256),
            Self::Rs384 => (Family::Rsa, Algorithm::RS384),
            Self::Rs512 => (Family::Rsa, Algorithm::RS512),
            Self::Ps256 => (Family::Rsa, Algorithm::PS256),
            Self::Ps384 => (Family::Rsa, Algorithm::PS384),
            Self::Ps512 => (Family::Rsa, Algorithm::PS512),
            Self::Es256 => (Family::P256, Algorithm::ES256),
            Self::Es384 => (Family::P384, Algorithm::ES384),
            Self::EdDsa => (Family::Ed25519, Algorithm::EdDSA),
        }
    }
}

fn read(value: Value) -> Option<Key> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let signs = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
        && jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
    if !signs {
        return None;
    }
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let long = |text: &str, length: usize| bytes(text).is_some_and(|bytes| bytes.len() == length);
    let (family, key) = match (jwk.kty.as_str(), jwk.crv.as_str()) {
        ("RSA", _) => {
            let modulus = bytes(&jwk.n)?;
            let exponent = bytes(&jwk.e)?;
            let leading = modulus.iter().take_while(|byte| **byte == 0).count();
            if modulus.len() - leading < SHORTEST_MODULUS {
                return None;
            }
            // Some issuers write a zero in front, which the crypto library does not take.
            (Family::Rsa, DecodingKey::from_rsa_raw_components(&modulus[leading..], &exponent))
        }
        ("EC", "P-256") if long(&jwk.x, 32) && long(&jwk.y, 32) => {
            (Family::P256, DecodingKey::from_ec_components(&jwk.x, &jwk.y).ok()?)
        }
        ("EC", "P-384") if long(&jwk.x, 48) && long(&jwk.y, 48) => {
            (Family::P384, DecodingKey::from_ec_components(&jwk.x, &jwk.y).ok()?)
        }
        ("OKP", "Ed25519") if long(&jwk.x, 32) => {
            (Family::Ed25519, DecodingKey::from_ed_components(&jwk.x).ok()?)
        }
        _ => return None,
    };
    Some(Key { kid: jwk.kid, algorithm: jwk.alg, family, key })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use testkit::SigningKey;

    use super::*;

    const ALL: [&str; 9] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"];

    fn set(keys: &[Value]) -> KeySet {
        KeySet::read(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    fn verdict(set: &KeySet, token: &str) -> Verdict {
        let token = Unverified::parse(token).unwrap();
        SigningAlgorithm::named(&token.header.alg).map_or(Verdict::Forged, |named| set.verdict(&token, named))
    }

    #[test]
    fn each_algorithm_verifies_its_own_signature_and_no_other() {
        for algorithm in ALL {
            let (key, other) = (
                SigningKey::generate(algorithm, "k").unwrap(),
                SigningKey::generate(algorithm, "k").unwrap(),
            );
            let token = key.sign(json!({}), &json!({ "sub": "alice" })).unwrap();
            assert_eq!(verdict(&set(&[key.jwk()]), &token), Verdict::Signed, "{algorithm}");
            assert_eq!(verdict(&set(&[other.jwk()]), &token), Verdict::Forged, "{algorithm}");
            assert_eq!(
                verdict(&set(&[other.jwk(), key.jwk()]), &token),
                Verdict::Signed,
                "two keys of one id"
            );
        }
    }

    #[test]
    fn a_public_key_is_never_taken_for_a_secret() {
        let key = SigningKey::generate("RS256", "k").unwrap();
        let claims = json!({ "sub": "root" });
        let keys = [key.jwk(), json!({ "kty": "oct", "kid": "k", "k": "c2VjcmV0", "alg": "HS256" })];
        for forged in [
            key.forge_hmac(key.public_pem().unwrap().as_bytes(), &claims),
            key.forge_hmac(b"secret", &claims),
            key.sign(json!({ "alg": "none" }), &claims).unwrap(),
            key.sign(json!({ "alg": "None" }), &claims).unwrap(),
        ] {
            assert_eq!(verdict(&set(&keys), &forged), Verdict::Forged, "{forged}");
        }
        assert_eq!(set(&keys).len(), 1, "a secret is no key");
    }

    #[test]
    fn a_key_signs_only_what_it_says_that_it_is_for() {
        let key = SigningKey::generate("RS256", "k").unwrap();
        let claims = json!({ "sub": "alice" });
        let token = key.sign(json!({}), &claims).unwrap();
        let with = |name: &str, value: Value| {
            let mut jwk = key.jwk();
            jwk[name] = value;
            set(&[jwk])
        };
        assert_eq!(verdict(&with("use", json!("enc")), &token), Verdict::NoKey);
        assert_eq!(verdict(&with("key_ops", json!(["encrypt"])), &token), Verdict::NoKey);
        assert_eq!(verdict(&with("key_ops", json!(["verify"])), &token), Verdict::Signed);
        assert_eq!(verdict(&with("alg", json!("PS256")), &token), Verdict::NoKey);
        assert_eq!(verdict(&with("alg", Value::Null), &token), Verdict::Signed);
        assert_eq!(verdict(&with("kid", json!("another")), &token), Verdict::NoKey);
        assert_eq!(verdict(&with("n", json!("AQAB")), &token), Verdict::NoKey, "a short modulus");
        assert_eq!(verdict(&with("kty", json!("EC")), &token), Verdict::NoKey);
        let pss = key.sign(json!({ "alg": "PS256" }), &claims).unwrap();
        assert_eq!(verdict(&with("alg", Value::Null), &pss), Verdict::Signed, "one key, two algorithms");
        assert_eq!(verdict(&set(&[key.jwk()]), &pss), Verdict::NoKey, "but it says which");
        let nameless = key.sign(json!({ "kid": null }), &claims).unwrap();
        assert_eq!(verdict(&set(&[key.jwk()]), &nameless), Verdict::Signed);
    }

    #[test]
    fn what_is_no_key_set_is_refused_and_odd_keys_are_left_out() {
        assert!(KeySet::read(b"<html>").is_err());
        assert!(KeySet::read(b"{}").is_err());
        let many: Vec<_> = (0..65).map(|_| json!({})).collect();
        assert!(KeySet::read(json!({ "keys": many }).to_string().as_bytes()).is_err());
        let odd = [
            json!(1),
            json!({}),
            json!({ "kty": "OKP", "crv": "X25519", "x": "AA" }),
            json!({ "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }),
        ];
        assert_eq!(set(&odd).len(), 0);
    }

    proptest! {
        #[test]
        fn a_token_with_any_byte_changed_is_not_signed(at in any::<prop::sample::Index>(), byte in any::<u8>(), algorithm in 0..2usize) {
            let (key, token) = signed(algorithm);
            let mut bytes = token.as_bytes().to_vec();
            let at = at.index(bytes.len());
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
            let Some(parsed) = Unverified::parse(&text) else { return Ok(()) };
            let Some(named) = SigningAlgorithm::named(&parsed.header.alg) else { return Ok(()) };
            prop_assert_ne!(key.verdict(&parsed, named), Verdict::Signed);
        }

        #[test]
        fn no_bytes_make_reading_a_key_set_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = KeySet::read(&bytes);
        }
    }

    fn signed(algorithm: usize) -> &'static (KeySet, String) {
        static SIGNED: std::sync::LazyLock<Vec<(KeySet, String)>> = std::sync::LazyLock::new(|| {
            ["ES256", "EdDSA"]
                .map(|algorithm| {
                    let key = SigningKey::generate(algorithm, "k").unwrap();
                    let token = key.sign(json!({}), &json!({ "iss": "https://a", "sub": "alice" })).unwrap();
                    (set(&[key.jwk()]), token)
                })
                .into()
        });
        &SIGNED[algorithm]
    }
}
