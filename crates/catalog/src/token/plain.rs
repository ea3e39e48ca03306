//! The text of a token:
//!
//! ```text
//!   fgt_0f3a…_9c41…e07b
//!   │   │     └ 64 hex digits of secret (256 bits) and 8 of checksum
//!   │   └ id, 16 hex digits
//!   └ what secret scanners look for: fgt_[0-9a-f]{16}_[0-9a-f]{72}
//! ```
//!
//! The checksum is the first 32 bits of SHA-256 over all that stands before it. It proves nothing; it tells a typing error
//! without a question to the catalog, and lets a scanner that finds such a text in a repository be sure.
//!
//! What is stored is SHA-256 of the secret. A slow hash (argon2, bcrypt) makes guessing dear where people choose the
//! secret; 256 random bits can't be guessed at any price, so it would only make each request dear.

use std::fmt::Write as _;

use aws_lc_rs::{constant_time, digest, rand};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::TokenId;
use crate::CatalogError;

const PREFIX: &str = "fgt_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
const LENGTH: usize = PREFIX.len() + 2 * ID_BYTES + 1 + 2 * (SECRET_BYTES + CHECKSUM_BYTES);

/// The text of a token that was taken apart: its id, and the hash of its secret.
#[derive(Debug, Clone)]
pub struct PlainToken {
    id: TokenId,
    digest: Vec<u8>,
}

impl PlainToken {
    /// A new token, with its text.
    pub(super) fn generate() -> Result<(Self, SecretString), CatalogError> {
        let mut random = Zeroizing::new([0; ID_BYTES + SECRET_BYTES]);
        rand::fill(&mut *random).map_err(|_| CatalogError::Invalid("no random numbers".to_owned()))?;
        let (id, secret) = random.split_at(ID_BYTES);
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        text.push_str(PREFIX);
        push_hex(&mut text, id);
        text.push('_');
        push_hex(&mut text, secret);
        let checksum = checksum(&text);
        push_hex(&mut text, &checksum);
        let secret = SecretString::from(text.as_str());
        let parsed = Self::parse(&secret).ok_or_else(|| {
            CatalogError::Corrupt("a token that was just made doesn't have the form of one".to_owned())
        })?;
        Ok((parsed, secret))
    }

    /// Takes a text apart; nothing if it isn't a token's, or the checksum is wrong.
    #[must_use]
    pub fn parse(text: &SecretString) -> Option<Self> {
        let text = text.expose_secret();
        if text.len() != LENGTH {
            return None;
        }
        let (id, rest) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let is_hex = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        if id.len() != 2 * ID_BYTES || !id.bytes().chain(rest.bytes()).all(is_hex) {
            return None;
        }
        let (secret, presented) = rest.split_at(2 * SECRET_BYTES);
        let mut expected = String::with_capacity(2 * CHECKSUM_BYTES);
        push_hex(&mut expected, &checksum(&text[..text.len() - 2 * CHECKSUM_BYTES]));
        (presented == expected).then(|| Self {
            id: TokenId::from(id),
            digest: digest::digest(&digest::SHA256, secret.as_bytes()).as_ref().to_vec(),
        })
    }

    #[must_use]
    pub fn id(&self) -> &TokenId {
        &self.id
    }

    pub(super) fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Compares with a stored hash, in a time that doesn't depend on where they differ.
    pub(super) fn matches(&self, stored: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.digest, stored).is_ok()
    }
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // A String takes all that is written to it.
        let _infallible = write!(text, "{byte:02x}");
    }
}

fn checksum(text: &str) -> [u8; CHECKSUM_BYTES] {
    let digest = digest::digest(&digest::SHA256, text.as_bytes());
    let mut first = [0; CHECKSUM_BYTES];
    first.copy_from_slice(&digest.as_ref()[..CHECKSUM_BYTES]);
    first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_that_was_issued_is_read_back() {
        let (made, text) = PlainToken::generate().unwrap();
        let read = PlainToken::parse(&text).unwrap();
        assert_eq!((read.id(), read.digest()), (made.id(), made.digest()));
        assert!(text.expose_secret().starts_with("fgt_") && read.matches(&made.digest));
    }

    #[test]
    fn no_two_tokens_are_alike() {
        let (a, _) = PlainToken::generate().unwrap();
        let (b, _) = PlainToken::generate().unwrap();
        assert!(a.id != b.id && a.digest != b.digest && !a.matches(&b.digest));
    }

    #[test]
    fn every_single_typing_error_is_told() {
        let (_, text) = PlainToken::generate().unwrap();
        let text = text.expose_secret();
        for at in 0..text.len() {
            let mut wrong = text.as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'0' { b'1' } else { b'0' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert!(PlainToken::parse(&wrong.into()).is_none(), "at {at}");
        }
        assert!(PlainToken::parse(&text.to_uppercase().into()).is_none());
        assert!(PlainToken::parse(&format!("{text} ").into()).is_none());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".*", long in "fgt_[0-9a-fé_]{80,100}") {
            prop_assert!(PlainToken::parse(&text.into()).is_none());
            prop_assert!(PlainToken::parse(&long.into()).is_none());
        }
    }
}
