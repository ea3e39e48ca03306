//! Keys that sign JSON web tokens: right ones, and whatever a forger would try.
//!
//! The signatures are made from the algorithms themselves and not by a library for tokens, so that tests of such a
//! library's use compare it with something else.

use anyhow::{Context, Result, bail};
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512,
    RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// A private key with the id that it is published under.
pub struct SigningKey {
    pub kid: String,
    /// What it signs with, where a token's header says nothing else.
    pub algorithm: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
}

impl SigningKey {
    /// A key for an algorithm of RFC 7518, such as `RS256`, `ES384` or `EdDSA`.
    pub fn generate(algorithm: &str, kid: &str) -> Result<Self> {
        let pair = match algorithm {
            "ES256" => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?),
            "ES384" => Pair::Ec(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING)?),
            "EdDSA" => Pair::Ed(Ed25519KeyPair::generate()?),
            _ if rsa(algorithm).is_some() => Pair::Rsa(Box::new(RsaKeyPair::generate(KeySize::Rsa2048)?)),
            _ => bail!("no key for {algorithm}"),
        };
        Ok(Self { kid: kid.to_owned(), algorithm: algorithm.to_owned(), pair })
    }

    /// The public key as it stands in a key set (RFC 7517).
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (modulus, exponent) = (public.modulus(), public.exponent());
                json!({
                    "kty": "RSA",
                    "n": encode(modulus.big_endian_without_leading_zero()),
                    "e": encode(exponent.big_endian_without_leading_zero()),
                })
            }
            Pair::Ec(pair) => {
                // 4, x, y.
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
            }
            Pair::Ed(pair) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key()) }),
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.algorithm);
        jwk["use"] = json!("sig");
        jwk
    }

    /// The public key as PEM: what a forger signs with who takes it for a shared secret.
    pub fn public_pem(&self) -> Result<String> {
        let der = match &self.pair {
            Pair::Rsa(pair) => pair.public_key().as_der()?.as_ref().to_vec(),
            Pair::Ec(pair) => pair.public_key().as_der()?.as_ref().to_vec(),
            Pair::Ed(pair) => pair.public_key().as_der()?.as_ref().to_vec(),
        };
        Ok(format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der)))
    }

    /// A token with this header and these claims, both as they are, but for `alg` and `kid` where the header lacks
    /// them. An RSA key signs with each algorithm of its family; `none` signs nothing.
    pub fn sign(&self, header: Value, claims: &Value) -> Result<String> {
        let header = self.header(header);
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let algorithm = header["alg"].as_str().unwrap_or(&self.algorithm);
        let signature = self.signature(algorithm, message.as_bytes())?;
        Ok(format!("{message}.{}", encode(signature)))
    }

    /// A token of an HMAC algorithm, with a secret that a forger thinks the other side uses.
    pub fn forge_hmac(&self, secret: &[u8], claims: &Value) -> String {
        let header = self.header(json!({ "alg": "HS256" }));
        let message = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
        format!("{message}.{}", encode(tag))
    }

    fn header(&self, mut header: Value) -> Value {
        for (name, value) in [("alg", &self.algorithm), ("kid", &self.kid)] {
            if header.get(name).is_none() {
                header[name] = json!(value);
            }
        }
        without_nulls(header)
    }

    fn signature(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>> {
        let random = SystemRandom::new();
        if algorithm.eq_ignore_ascii_case("none") {
            return Ok(Vec::new());
        }
        Ok(match &self.pair {
            Pair::Rsa(pair) => {
                let encoding = rsa(algorithm)
                    .or_else(|| rsa(&self.algorithm))
                    .with_context(|| format!("{algorithm} by an RSA key"))?;
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature)?;
                signature
            }
            Pair::Ec(pair) => pair.sign(&random, message)?.as_ref().to_vec(),
            Pair::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        })
    }
}

fn rsa(algorithm: &str) -> Option<&'static dyn RsaEncoding> {
    Some(match algorithm {
        "RS256" => &RSA_PKCS1_SHA256,
        "RS384" => &RSA_PKCS1_SHA384,
        "RS512" => &RSA_PKCS1_SHA512,
        "PS256" => &RSA_PSS_SHA256,
        "PS384" => &RSA_PSS_SHA384,
        "PS512" => &RSA_PSS_SHA512,
        _ => return None,
    })
}

/// Takes out what a test gave as null in order to leave it out.
pub(crate) fn without_nulls(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
