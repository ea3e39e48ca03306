//! The macros that declare a part of the configuration: one place gives a key its name, type, default and description.
//!
//! The struct, its `Default`, the list of known keys, the commented default file and `docs/configuration.md` all come from
//! the same lines, so none of them can fall behind the others.

use std::borrow::Cow;

/// What is known about a key besides its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyDoc {
    pub name: &'static str,
    /// The lines of the description, as written in the source.
    pub doc: Cow<'static, [&'static str]>,
}

impl KeyDoc {
    /// The description as plain lines, without the space that follows `///`.
    pub fn lines(&self) -> impl Iterator<Item = &'static str> {
        self.doc.iter().map(|line| line.strip_prefix(' ').unwrap_or(line))
    }
}

/// Declares a mapping of the configuration file: a struct whose fields each have a description and a default.
macro_rules! settings {
    (
        $(#[doc = $about:literal])*
        pub struct $name:ident {
            $(
                $(#[doc = $doc:literal])+
                $(#[serde($($serde:tt)+)])?
                $field:ident: $type:ty = $default:expr
            ),+ $(,)?
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $doc])+ $(#[serde($($serde)+)])? pub $field: $type, )+
        }

        impl $name {
            /// Every key of this mapping, in the order of the file.
            pub const KEYS: &'static [$crate::config::settings::KeyDoc] = &[
                $( $crate::config::settings::KeyDoc { name: stringify!($field), doc: std::borrow::Cow::Borrowed(&[$($doc),+]) }, )+
            ];
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )+ }
            }
        }
    };
}

/// Declares a value that is one of a few words; the first is the default. A wrong word is answered with the nearest.
macro_rules! choice {
    (
        $(#[doc = $about:literal])*
        pub enum $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal ),+ $(,)? }
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $doc])+ $variant, )+ }

        impl $name {
            /// The words, as written in the file.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// This value as written in the file.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }

        impl Default for $name {
            fn default() -> Self {
                [$(Self::$variant),+][0]
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $( $word => Ok(Self::$variant), )+
                    other => Err(format!(
                        "{other:?} is not one of {}{}",
                        Self::WORDS.join(", "),
                        $crate::config::nearest::did_you_mean(other, Self::WORDS.iter().copied()),
                    )),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.word())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use {choice, settings};
