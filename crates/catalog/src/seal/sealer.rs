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

    /// Whether anything can be sealed.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.keys.is_empty()
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

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const PLACE: Place<'static> = Place { table: "clusters", row: "prod", tenant: "shop" };

    fn sealer(keys: &[u8]) -> Sealer {
        Sealer { keys: keys.iter().map(|byte| LocalKey::new(DataKey::new([*byte; 32]))).collect() }
    }

    #[tokio::test]
    async fn what_was_sealed_opens_in_its_place_and_in_no_other() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal(&PLACE, b"secret").await.unwrap();
        assert_eq!(sealer.open(&PLACE, &sealed.bytes).await.unwrap().expose_secret(), b"secret");
        for place in [
            Place { table: "tokens", ..PLACE },
            Place { row: "test", ..PLACE },
            Place { tenant: "default", ..PLACE },
        ] {
            assert!(matches!(sealer.open(&place, &sealed.bytes).await, Err(SealError::WrongPlace)));
        }
    }

    /// The mark of the place in the header is a help for operators; what binds a value is its associated data.
    #[tokio::test]
    async fn a_forged_place_in_the_header_opens_nothing() {
        let sealer = sealer(&[1]);
        let other = Place { row: "test", ..PLACE };
        let sealed = sealer.seal(&PLACE, b"secret").await.unwrap().bytes;
        let parts = Parts::decode(&sealed).unwrap();
        let forged = Parts::new(&other, parts.key_id, parts.wrapped, parts.nonce, parts.ciphertext);
        let opened = sealer.open(&other, &forged.encode().unwrap()).await;
        assert!(matches!(opened, Err(SealError::Changed)));
    }

    #[tokio::test]
    async fn every_changed_bit_and_every_cut_is_an_error() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal(&PLACE, b"secret").await.unwrap().bytes;
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                let opened = sealer.open(&PLACE, &changed).await;
                assert!(opened.is_err(), "byte {at}, bit {bit}");
            }
            assert!(sealer.open(&PLACE, &sealed[..at]).await.is_err(), "cut at {at}");
        }
    }

    #[tokio::test]
    async fn each_fault_has_its_own_error() {
        let sealer = sealer(&[1]);
        let sealed = sealer.seal(&PLACE, b"secret").await.unwrap().bytes;
        let fault = async |bytes: &[u8]| sealer.open(&PLACE, bytes).await.err().unwrap();
        let with = |at: usize, byte: u8| {
            let mut bytes = sealed.clone();
            bytes[at] = byte;
            bytes
        };
        assert!(matches!(fault(b"{\"token\":\"x\"}").await, SealError::NotSealed));
        assert!(matches!(fault(&with(3, 9)).await, SealError::UnknownVersion(9)));
        assert!(matches!(fault(&sealed[..sealed.len() - 1]).await, SealError::WrongLength));
        assert!(matches!(fault(&with(5, sealed[5] ^ 1)).await, SealError::WrongPlace));
        assert!(matches!(fault(&with(14, b'?')).await, SealError::UnknownKey(_)));
        assert!(matches!(
            fault(&with(sealed.len() - 1, sealed[sealed.len() - 1] ^ 1)).await,
            SealError::Changed
        ));
    }

    #[tokio::test]
    async fn two_seals_of_one_value_have_nothing_in_common() {
        let sealer = sealer(&[1]);
        let [a, b] =
            [sealer.seal(&PLACE, &[0; 64]).await.unwrap(), sealer.seal(&PLACE, &[0; 64]).await.unwrap()];
        let (a, b) = (Parts::decode(&a.bytes).unwrap(), Parts::decode(&b.bytes).unwrap());
        assert!(a.wrapped != b.wrapped && a.nonce != b.nonce && a.ciphertext[..64] != b.ciphertext[..64]);
    }

    #[tokio::test]
    async fn a_rewrapped_value_opens_with_the_new_key_alone_and_stays_in_its_place() {
        let sealed = sealer(&[1]).seal(&PLACE, b"secret").await.unwrap();
        let rewrapped = sealer(&[2, 1]).rewrap(&sealed.bytes).await.unwrap().unwrap();
        assert_eq!(sealer(&[2]).open(&PLACE, &rewrapped.bytes).await.unwrap().expose_secret(), b"secret");
        assert!(matches!(sealer(&[1]).open(&PLACE, &rewrapped.bytes).await, Err(SealError::UnknownKey(_))));
        let other = Place { row: "test", ..PLACE };
        assert!(matches!(sealer(&[2]).open(&other, &rewrapped.bytes).await, Err(SealError::WrongPlace)));
        assert_eq!(sealer(&[2, 1]).rewrap(&rewrapped.bytes).await.unwrap(), None);
    }

    #[test]
    fn no_key_is_shown() {
        assert_eq!(format!("{:?}", sealer(&[7]).keys), format!("[{}]", sealer(&[7]).keys[0].id()));
    }
}
