//! Reading parts of an object's JSON. The API writes an empty list as missing, as `[]`, or as `null`; all of
//! them are an empty list here.

use std::{borrow::Cow, collections::BTreeMap, ops::Deref};

use fleetgraph_core::Quantity;
use serde::{Deserialize, Deserializer};

/// A list that may be null.
#[derive(Debug, Clone)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

/// Reads a list that may be null, for a type that is shown just as it is read.
pub fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    List::deserialize(deserializer).map(|list| list.0)
}

/// A part that may be null or missing, and then has its default.
#[derive(Debug, Clone, Default)]
pub struct Part<T>(pub T);

impl<T> Deref for Part<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

/// For `deserialize_with`: what is null has its default, where a type of GraphQL leaves no room for a [`Part`].
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Part::deserialize(deserializer).map(|part| part.0)
}

/// An object of strings: labels, a selector.
pub type Strings = Part<BTreeMap<String, String>>;

/// A number, a percentage or a name, as text.
#[derive(Debug, Clone)]
pub struct IntOrString(pub String);

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Int(i64),
            String(String),
        }
        Ok(Self(match Either::deserialize(deserializer)? {
            Either::Int(number) => number.to_string(),
            Either::String(text) => text,
        }))
    }
}

/// Amounts of resources by name. An amount that can't be read counts as nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Amounts<'a>(#[serde(borrow)] BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl Amounts<'_> {
    pub fn get(&self, name: &str) -> Quantity {
        self.0.get(name).and_then(|text| Quantity::parse(text).ok()).unwrap_or(Quantity::ZERO)
    }

    /// The amount as it is shown; `None` if it isn't there.
    pub fn shown(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(|text| Quantity::parse(text).ok()).map(|amount| amount.to_string())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, Quantity)> {
        self.0.iter().filter_map(|(name, text)| Some((&**name, Quantity::parse(text).ok()?)))
    }
}
