//! The bytes of a sealed value, version 1. Lengths are big-endian.
//!
//! ```text
//!   4   "FGS" 1
//!   8   place: the first 8 bytes of SHA-256 over the associated data
//!   1   n
//!   n   id of the key that wraps the data key, ASCII, such as local:5f0c…
//!   2   w
//!   w   data key, wrapped
//!   12  nonce
//!   4   c
//!   c   ciphertext and the tag of 16 bytes
//! ```
//!
//! Associated data of the ciphertext: `"fleetgraph sealed 1\n"`, then table, row and tenant, each behind its length in 8
//! bytes. The header isn't part of it, so that a data key can be wrapped anew without its value being touched: the
//! wrapping authenticates the data key, and the data key everything else. The place in the header is there to tell a
//! value in a wrong row from one that was changed; what keeps it from opening there is the associated data.

use aws_lc_rs::digest;

use super::SealError;

const MAGIC: &[u8; 3] = b"FGS";
const VERSION: u8 = 1;
const PLACE_BYTES: usize = 8;
pub(super) const NONCE_BYTES: usize = 12;
pub(super) const TAG_BYTES: usize = 16;

/// Where a sealed value belongs. It opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub table: &'a str,
    pub row: &'a str,
    pub tenant: &'a str,
}

impl Place<'_> {
    pub(super) fn associated_data(&self) -> Vec<u8> {
        let mut data = b"fleetgraph sealed 1\n".to_vec();
        for part in [self.table, self.row, self.tenant] {
            data.extend((part.len() as u64).to_be_bytes());
            data.extend(part.as_bytes());
        }
        data
    }

    fn mark(&self) -> [u8; PLACE_BYTES] {
        let digest = digest::digest(&digest::SHA256, &self.associated_data());
        let mut mark = [0; PLACE_BYTES];
        mark.copy_from_slice(&digest.as_ref()[..PLACE_BYTES]);
        mark
    }
}

/// A sealed value, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Parts<'a> {
    place: [u8; PLACE_BYTES],
    pub key_id: &'a str,
    pub wrapped: &'a [u8],
    pub nonce: &'a [u8; NONCE_BYTES],
    pub ciphertext: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(super) fn new(
        place: &Place<'_>,
        key_id: &'a str,
        wrapped: &'a [u8],
        nonce: &'a [u8; NONCE_BYTES],
        ciphertext: &'a [u8],
    ) -> Self {
        Self { place: place.mark(), key_id, wrapped, nonce, ciphertext }
    }

    pub(super) fn is_at(&self, place: &Place<'_>) -> bool {
        self.place == place.mark()
    }

    /// The same value, its data key wrapped by another key.
    pub(super) fn wrapped_by(self, key_id: &'a str, wrapped: &'a [u8]) -> Self {
        Self { key_id, wrapped, ..self }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>, SealError> {
        let id = u8::try_from(self.key_id.len()).map_err(|_| SealError::TooLong)?;
        let wrapped = u16::try_from(self.wrapped.len()).map_err(|_| SealError::TooLong)?;
        let ciphertext = u32::try_from(self.ciphertext.len()).map_err(|_| SealError::TooLong)?;
        let mut bytes = Vec::with_capacity(64 + self.wrapped.len() + self.ciphertext.len());
        bytes.extend(MAGIC);
        bytes.push(VERSION);
        bytes.extend(self.place);
        bytes.push(id);
        bytes.extend(self.key_id.as_bytes());
        bytes.extend(wrapped.to_be_bytes());
        bytes.extend(self.wrapped);
        bytes.extend(self.nonce);
        bytes.extend(ciphertext.to_be_bytes());
        bytes.extend(self.ciphertext);
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, SealError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(SealError::NotSealed)?;
        let ([version], rest) = array(rest)?;
        if *version != VERSION {
            return Err(SealError::UnknownVersion(*version));
        }
        let (place, rest) = array(rest)?;
        let ([id], rest) = array(rest)?;
        let (id, rest) = slice(rest, usize::from(*id))?;
        let (wrapped, rest) = array(rest)?;
        let (wrapped, rest) = slice(rest, usize::from(u16::from_be_bytes(*wrapped)))?;
        let (nonce, rest) = array(rest)?;
        let (length, ciphertext) = array(rest)?;
        let key_id = std::str::from_utf8(id).ok().filter(|id| id.is_ascii()).ok_or(SealError::Changed)?;
        if u32::try_from(ciphertext.len()) != Ok(u32::from_be_bytes(*length)) || ciphertext.len() < TAG_BYTES
        {
            return Err(SealError::WrongLength);
        }
        Ok(Self { place: *place, key_id, wrapped, nonce, ciphertext })
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), SealError> {
    bytes.split_first_chunk().ok_or(SealError::WrongLength)
}

fn slice(bytes: &[u8], length: usize) -> Result<(&[u8], &[u8]), SealError> {
    bytes.split_at_checked(length).ok_or(SealError::WrongLength)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLACE: Place<'static> = Place { table: "clusters", row: "prod", tenant: "shop" };

    proptest! {
        #[test]
        fn what_was_written_is_read_back(
            key_id in "[ -~]{0,40}",
            wrapped in proptest::collection::vec(any::<u8>(), 0..100),
            nonce: [u8; 12],
            ciphertext in proptest::collection::vec(any::<u8>(), 16..100),
        ) {
            let parts = Parts::new(&PLACE, &key_id, &wrapped, &nonce, &ciphertext);
            let bytes = parts.encode().unwrap();
            prop_assert_eq!(Parts::decode(&bytes).unwrap(), parts);
        }

        #[test]
        fn whatever_is_read_is_written_as_it_was(
            head in prop_oneof![Just(vec![]), Just(b"FGS".to_vec()), Just(b"FGS\x01".to_vec())],
            bytes in proptest::collection::vec(0..40u8, 0..120),
        ) {
            let bytes = [head, bytes].concat();
            if let Ok(parts) = Parts::decode(&bytes) {
                prop_assert_eq!(parts.encode().unwrap(), bytes);
            }
        }

        #[test]
        fn every_shortened_and_every_lengthened_value_is_refused(
            cut in 0..95usize,
            more in proptest::collection::vec(any::<u8>(), 1..20),
        ) {
            let bytes = Parts::new(&PLACE, "local:1", &[7; 30], &[1; 12], &[2; 30]).encode().unwrap();
            prop_assert!(cut < bytes.len());
            prop_assert!(Parts::decode(&bytes[..cut]).is_err());
            prop_assert!(matches!(Parts::decode(&[&bytes[..], &more].concat()), Err(SealError::WrongLength)));
        }

        #[test]
        fn parts_of_a_place_cannot_run_into_one_another(a in "[ab]{0,3}", b in "[ab]{0,3}", c in "[ab]{0,3}") {
            let place = Place { table: &a, row: &b, tenant: &c };
            let (ab, bc) = (format!("{a}{b}"), format!("{b}{c}"));
            for other in [Place { table: &ab, row: "", tenant: &c }, Place { table: &a, row: "", tenant: &bc }] {
                prop_assert_eq!(place.associated_data() == other.associated_data(), place == other);
            }
        }
    }
}
