//! Keys that this process holds itself.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use aws_lc_rs::{digest, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::SealError;
use super::format::{NONCE_BYTES, TAG_BYTES};

pub(super) const KEY_BYTES: usize = 32;

/// 32 random bytes, erased when they are dropped.
pub(super) type DataKey = Zeroizing<[u8; KEY_BYTES]>;

pub(super) fn random_key() -> Result<DataKey, SealError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    rand::fill(&mut *key).map_err(|_| SealError::Crypto)?;
    Ok(key)
}

/// Encrypts under a key, with a random nonce.
pub(super) fn encrypt(
    key: &[u8; KEY_BYTES],
    associated: &[u8],
    plain: &[u8],
) -> Result<([u8; NONCE_BYTES], Vec<u8>), SealError> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::Crypto)?;
    // The tag must find room: a buffer that moves leaves the plain text behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(plain.len() + TAG_BYTES));
    buffer.extend_from_slice(plain);
    let nonce =
        key.seal_in_place_append_tag(Aad::from(associated), &mut *buffer).map_err(|_| SealError::Crypto)?;
    Ok((*nonce.as_ref(), std::mem::take(&mut *buffer)))
}

/// Decrypts what [`encrypt`] made. Fails if anything, the associated data included, isn't as it was.
pub(super) fn decrypt(
    key: &[u8; KEY_BYTES],
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    let key = RandomizedNonceKey::new(&AES_256_GCM, key).map_err(|_| SealError::Crypto)?;
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length = key
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(associated), &mut buffer)
        .map_err(|_| SealError::Changed)?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

/// A key-encryption key. Its id is made from the key, so that nobody has to name keys, and no two can be confused.
pub(super) struct LocalKey {
    id: String,
    key: DataKey,
}

impl LocalKey {
    pub(super) fn new(key: DataKey) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(b"fleetgraph key id\n");
        context.update(&*key);
        let digest = context.finish();
        let hex: String = digest.as_ref()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        Self { id: format!("local:{hex}"), key }
    }

    /// Reads a key as `openssl rand -base64 32` writes it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| "a key isn't base64".to_owned())?);
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if bytes.len() != KEY_BYTES {
            return Err(format!("a key has {} bytes, not {KEY_BYTES}", bytes.len()));
        }
        key.copy_from_slice(&bytes);
        Ok(Self::new(key))
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn wrap(&self, data_key: &DataKey) -> Result<Vec<u8>, SealError> {
        let (nonce, ciphertext) = encrypt(&self.key, &self.associated_data(), &**data_key)?;
        Ok([&nonce[..], &ciphertext].concat())
    }

    pub(super) fn unwrap(&self, wrapped: &[u8]) -> Result<DataKey, SealError> {
        let (nonce, ciphertext) = wrapped.split_first_chunk().ok_or(SealError::Changed)?;
        let plain = decrypt(&self.key, nonce, &self.associated_data(), ciphertext)?;
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        if plain.len() != KEY_BYTES {
            return Err(SealError::Changed);
        }
        key.copy_from_slice(&plain);
        Ok(key)
    }

    fn associated_data(&self) -> Vec<u8> {
        [b"fleetgraph data key 1\n", self.id.as_bytes()].concat()
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}
