//! Sealing and opening with the configured keys.

use std::sync::Arc;

use secrecy::SecretSlice;

use super::format::{Parts, Place};
use super::local::{self, DataKey, LocalKey};
use super::{KeySource, SealError};

/// Seals and opens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Sealer {
    keys: Arc<[LocalKey]>,
}

/// A sealed value, and the id of the key that wraps its data key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub bytes: Vec<u8>,
    pub key_id: String,
}

impl Sealer {
    /// Reads all keys. The first one of all seals.
    ///
    /// # Errors
    /// When a source can't be read, or holds something else.
    pub fn new(sources: &[KeySource]) -> Result<Self, SealError> {
        let mut keys = Vec::new();
        for source in sources {
            keys.extend(source.read()?);
        }
        Ok(Self { keys: keys.into() })
    }

    /// A key of this process alone, for a catalog in memory.
    ///
    /// # Errors
    /// When there are no random numbers.
    pub fn ephemeral() -> Result<Self, SealError> {
        Ok(Self { keys: Arc::new([LocalKey::new(local::random_key()?)]) })
    }

    /// No key: nothing can be sealed or opened, and all else works.
    #[must_use]
    pub fn without_keys() -> Self {
        Self { keys: Arc::new([]) }
    }

    /// The id of the key that seals.
    ///
    /// # Errors
    /// When there is none.
    pub async fn key_id(&self) -> Result<String, SealError> {
        Ok(self.first()?.id().to_owned())
    }

    /// # Errors
    /// When there is no key.
    pub async fn seal(&self, place: &Place<'_>, plain: &[u8]) -> Result<Sealed, SealError> {
        let data_key = local::random_key()?;
        let (nonce, ciphertext) = local::encrypt(&data_key, &place.associated_data(), plain)?;
        let (key_id, wrapped) = self.wrap(&data_key).await?;
        let bytes = Parts::new(place, &key_id, &wrapped, &nonce, &ciphertext).encode()?;
        Ok(Sealed { bytes, key_id })
    }

    /// # Errors
    /// When the value isn't one that was sealed for this place, or its key is unknown.
    pub async fn open(&self, place: &Place<'_>, sealed: &[u8]) -> Result<SecretSlice<u8>, SealError> {
        let parts = Parts::decode(sealed)?;
        if !parts.is_at(place) {
            return Err(SealError::WrongPlace);
        }
        let data_key = self.unwrap(&parts).await?;
        let plain = local::decrypt(&data_key, parts.nonce, &place.associated_data(), parts.ciphertext)?;
        Ok(SecretSlice::from(plain.to_vec()))
    }

    /// Wraps the data key of a sealed value with the first key. Nothing if it is wrapped so already.
    ///
    /// # Errors
    /// As [`Sealer::open`].
    pub async fn rewrap(&self, sealed: &[u8]) -> Result<Option<Sealed>, SealError> {
        let parts = Parts::decode(sealed)?;
        if parts.key_id == self.key_id().await? {
            return Ok(None);
        }
        let (key_id, wrapped) = self.wrap(&self.unwrap(&parts).await?).await?;
        let bytes = parts.wrapped_by(&key_id, &wrapped).encode()?;
        Ok(Some(Sealed { bytes, key_id }))
    }

    fn first(&self) -> Result<&LocalKey, SealError> {
        self.keys.first().ok_or(SealError::NoKey)
    }

    async fn wrap(&self, data_key: &DataKey) -> Result<(String, Vec<u8>), SealError> {
        let key = self.first()?;
        Ok((key.id().to_owned(), key.wrap(data_key)?))
    }

    async fn unwrap(&self, parts: &Parts<'_>) -> Result<DataKey, SealError> {
        let key = self.keys.iter().find(|key| key.id() == parts.key_id);
        key.ok_or_else(|| SealError::UnknownKey(parts.key_id.to_owned()))?.unwrap(parts.wrapped)
    }
}
