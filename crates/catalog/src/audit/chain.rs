//! The hash of a record:
//!
//! ```text
//!   SHA-256( "fleetgraph audit 1\n" ‖ hash before ‖ seq ‖ at ‖ text … )      integers: 8 bytes, big-endian
//!                                                                          text: 0, or 1 ‖ length ‖ bytes
//! ```
//!
//! Every part has a fixed or stated length, so no two records have one encoding. Before the first record stand zeros.

use std::fmt;

use aws_lc_rs::digest;

use super::record::Columns;
use crate::CatalogError;
use crate::db::Row;

const DOMAIN: &[u8] = b"fleetgraph audit 1\n";

/// The newest record's place and hash: all of the trail in 40 bytes. Written as `41:9c0f…`, which is how it stands in logs
/// and is read back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuditHead {
    /// 0 while the trail is empty.
    pub seq: i64,
    pub hash: [u8; 32],
}

impl AuditHead {
    pub(super) const EMPTY: Self = Self { seq: 0, hash: [0; 32] };

    /// The head after one more record.
    pub(super) fn then(&self, columns: &Columns) -> Self {
        let seq = self.seq + 1;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(DOMAIN);
        context.update(&self.hash);
        context.update(&seq.to_be_bytes());
        context.update(&columns.at.to_be_bytes());
        for text in &columns.texts {
            match text {
                None => context.update(&[0]),
                Some(text) => {
                    context.update(&[1]);
                    context.update(&(text.len() as u64).to_be_bytes());
                    context.update(text.as_bytes());
                }
            }
        }
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Self { seq, hash }
    }

    pub(super) fn read(row: &Row) -> Result<Self, CatalogError> {
        let seq = row.int("seq")?;
        let hash = row.bytes("hash")?.try_into();
        let hash =
            hash.map_err(|_| CatalogError::Corrupt(format!("the hash of audit record {seq} is no hash")))?;
        Ok(Self { seq, hash })
    }
}

impl fmt::Display for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.seq)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuditHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for AuditHead {
    type Err = CatalogError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (seq, hex) = text.split_once(':')?;
            let seq = seq.parse().ok().filter(|seq| *seq >= 0)?;
            let mut hash = [0; 32];
            if hex.len() != 2 * hash.len() || !hex.bytes().all(|c| c.is_ascii_hexdigit()) {
                return None;
            }
            for (at, byte) in hash.iter_mut().enumerate() {
                *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
            }
            Some(Self { seq, hash })
        };
        read().ok_or_else(|| {
            CatalogError::Invalid(format!(
                "{text:?} isn't a head of the audit trail, as 41:9c0f… with 64 digits"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns() -> impl Strategy<Value = Columns> {
        let text = || proptest::option::of("[ab\u{e9}]{0,3}");
        (0..3i64, proptest::collection::vec(text(), 13))
            .prop_map(|(at, texts)| Columns { at, texts: texts.try_into().unwrap() })
    }

    proptest! {
        #[test]
        fn different_records_have_different_hashes(a in columns(), b in columns()) {
            let same = a.at == b.at && a.texts == b.texts;
            prop_assert_eq!(AuditHead::EMPTY.then(&a) == AuditHead::EMPTY.then(&b), same);
        }

        #[test]
        fn a_text_that_moves_to_the_next_column_changes_the_hash(a in "[a-z]{0,4}", b in "[a-z]{1,4}") {
            let with = |first: String, second: String| {
                let mut texts = [const { None }; 13];
                (texts[0], texts[1]) = (Some(first), Some(second));
                AuditHead::EMPTY.then(&Columns { at: 0, texts })
            };
            prop_assert_ne!(with(a.clone(), b.clone()), with(format!("{a}{b}"), String::new()));
        }

        #[test]
        fn a_head_reads_back_as_it_was_written(seq in 0..i64::MAX, hash: [u8; 32]) {
            let head = AuditHead { seq, hash };
            prop_assert_eq!(head.to_string().parse::<AuditHead>().unwrap(), head);
        }

        #[test]
        fn no_text_makes_the_parser_of_heads_panic(text in ".*", hex in "[0-9a-fé]{60,68}") {
            let _parsed = text.parse::<AuditHead>();
            let _parsed = format!("1:{hex}").parse::<AuditHead>();
        }
    }

    #[test]
    fn the_encoding_stays_as_it_is() {
        let texts = [const { None }; 13].map(|_: Option<String>| Some("x".to_owned()));
        let mut columns = Columns { at: 7, texts };
        columns.texts[3] = None;
        let head = AuditHead::EMPTY.then(&columns);
        assert_eq!(head.to_string(), "1:26ce22504ec09d0d3779b9be991bb176c09cb9096a02f126494b63bc83a78475");
    }
}
