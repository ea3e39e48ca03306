//! Sizes of values that are not kept: a value is measured while its JSON is read, and is never copied.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

/// The bytes of a string; 0 for null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextSize(pub usize);

/// The bytes that a string in base64 stands for; 0 for null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Base64Size(pub usize);

struct Measure(fn(&str) -> usize);

impl Visitor<'_> for Measure {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<usize, E> {
        Ok(self.0(text))
    }

    fn visit_unit<E>(self) -> Result<usize, E> {
        Ok(0)
    }
}

impl<'de> Deserialize<'de> for TextSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Measure(str::len)).map(Self)
    }
}

impl<'de> Deserialize<'de> for Base64Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Measure(decoded_len)).map(Self)
    }
}

/// Four characters stand for three bytes. Padding and line breaks stand for none.
fn decoded_len(text: &str) -> usize {
    text.bytes().filter(|byte| !matches!(byte, b'=' | b'\r' | b'\n')).count() * 3 / 4
}

/// The members of a JSON object, in the order in which they stand.
pub struct Members<V>(pub Vec<(String, V)>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Members<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> Visitor<'de> for InOrder<V> {
            type Value = Members<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<V>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_string_is_measured_without_its_escapes() {
        let size = |json: &str| serde_json::from_str::<TextSize>(json).unwrap().0;
        assert_eq!([size(r#""""#), size(r#""abc""#), size(r#""a\nb\u00fc""#), size("null")], [0, 3, 5, 0]);
    }

    #[test]
    fn base64_may_be_padded_escaped_and_broken_into_lines() {
        let size = |json: &str| serde_json::from_str::<Base64Size>(json).unwrap().0;
        assert_eq!(
            [
                size(r#""""#),
                size(r#""YQ==""#),
                size(r#""YQ\u003d\u003d""#),
                size(r#""YWJj\nZA==""#),
                size("null")
            ],
            [0, 1, 1, 4, 0]
        );
        assert!(serde_json::from_str::<Base64Size>("7").is_err());
    }

    proptest! {
        #[test]
        fn the_size_of_base64_is_that_of_what_it_stands_for(value in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(decoded_len(&BASE64_STANDARD.encode(&value)), value.len());
        }
    }
}
