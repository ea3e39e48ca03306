//! Keyset pages over a list that is sorted by (cluster, namespace, name).
//!
//! A cursor names the last object that was seen, not a position: objects that come or go before it shift
//! nothing, and an object that was deleted meanwhile still marks its place.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{ClusterId, Error};

/// The place of an object in the order of lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub cluster: ClusterId,
    pub namespace: String,
    pub name: String,
}

/// The version that stands before each cursor, so that its form can change.
const VERSION: &str = "1";

impl Cursor {
    /// The opaque text for callers.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{VERSION}:{}:{}:{}", self.cluster, self.namespace, self.name))
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// When the text wasn't made by [`Cursor::encode`].
    pub fn decode(text: &str) -> Result<Self, Error> {
        let read = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let id: crate::ObjectId = text.strip_prefix(VERSION)?.strip_prefix(':')?.parse().ok()?;
            Some(Self { cluster: id.cluster, namespace: id.namespace, name: id.name })
        };
        read().ok_or_else(|| {
            Error::bad_input(format!(
                "{text:?} isn't a cursor; use one from `pageInfo` or `edges` of an earlier page"
            ))
        })
    }
}

/// Which part of a list is asked for, after Relay's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageRequest {
    pub after: Option<Cursor>,
    pub before: Option<Cursor>,
    /// How many at most.
    pub limit: usize,
    /// Whether the last ones are asked for, not the first.
    pub from_end: bool,
}

impl PageRequest {
    /// Checks the four arguments of a connection.
    ///
    /// # Errors
    /// When `first` and `last` are both given, one is negative or above `max`, or a cursor is malformed.
    pub fn new(
        first: Option<i32>,
        after: Option<&str>,
        last: Option<i32>,
        before: Option<&str>,
        default: usize,
        max: usize,
    ) -> Result<Self, Error> {
        let (size, from_end) = match (first, last) {
            (Some(_), Some(_)) => {
                return Err(Error::bad_input("give either `first` or `last`, not both"));
            }
            (first, None) => (first, false),
            (None, last) => (last, true),
        };
        let limit = match size {
            None => default,
            Some(size) => usize::try_from(size)
                .ok()
                .filter(|size| *size <= max)
                .ok_or_else(|| Error::bad_input(format!("a page has from 0 to {max} objects, not {size}")))?,
        };
        Ok(Self {
            after: after.map(Cursor::decode).transpose()?,
            before: before.map(Cursor::decode).transpose()?,
            limit,
            from_end,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_reads_back(cluster in "[a-z0-9-]{1,20}", namespace in "[a-z0-9-]{0,20}", name in "[a-z0-9:.]{1,40}") {
            let cursor = Cursor { cluster: ClusterId::new(&cluster).unwrap(), namespace, name };
            prop_assert_eq!(Cursor::decode(&cursor.encode()).unwrap(), cursor);
        }

        #[test]
        fn no_text_makes_the_decoder_panic(text in ".{0,60}") {
            let _ = Cursor::decode(&text);
        }
    }

    #[test]
    fn first_and_last_together_are_refused() {
        assert!(PageRequest::new(Some(1), None, Some(1), None, 10, 100).is_err());
        assert!(PageRequest::new(Some(-1), None, None, None, 10, 100).is_err());
        assert!(PageRequest::new(Some(101), None, None, None, 10, 100).is_err());
        assert_eq!(PageRequest::new(None, None, None, None, 10, 100).unwrap().limit, 10);
    }
}
