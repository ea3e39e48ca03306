//! Orders of search results, and places in them.
//!
//! Whatever is sorted by, cluster, kind, namespace and name come after it, so that every object has a place of its
//! own, and a cursor stays right while objects come and go.

use std::cmp::Ordering;

use async_graphql::{Enum, InputObject};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use cluster_registry::AnyEntry;
use fleetgraph_core::Error;
use serde::{Deserialize, Serialize};

/// What resources are sorted by; cluster, kind, namespace and name decide between equals.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[graphql(name = "ResourceOrderField")]
pub enum OrderField {
    #[default]
    Cluster,
    Kind,
    Namespace,
    Name,
    /// The newest last.
    CreatedAt,
    /// The worst last.
    Health,
}

#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum OrderDirection {
    #[default]
    Asc,
    Desc,
}

/// How resources are sorted.
#[derive(InputObject, Debug, Clone, Copy, Default)]
pub struct ResourceOrder {
    #[graphql(default)]
    pub field: OrderField,
    #[graphql(default)]
    pub direction: OrderDirection,
}

/// What an object is sorted by.
enum Key<'a> {
    Number(i64),
    Text(&'a str),
}

/// An object's place in an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// What was sorted by, and in which direction.
    order: (OrderField, OrderDirection),
    key: Value,
    cluster: String,
    kind: String,
    group: String,
    namespace: String,
    name: String,
}

/// The same, owned.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Number(i64),
    Text(String),
}

impl Place {
    /// The opaque text for callers.
    #[must_use]
    pub fn encode(&self) -> String {
        // Strings and numbers can always be written.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// When the text wasn't made by [`Place::encode`].
    pub fn decode(text: &str) -> Result<Self, Error> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
            Error::bad_input(format!(
                "{text:?} isn't a cursor of `resources`; use one from `pageInfo` or `edges` of an earlier page"
            ))
        })
    }
}

impl ResourceOrder {
    /// Whether a cursor was made in this order.
    #[must_use]
    pub fn fits(&self, place: &Place) -> bool {
        place.order == (self.field, self.direction)
    }

    /// An object's place.
    #[must_use]
    pub fn place(&self, entry: &dyn AnyEntry) -> Place {
        let (meta, kind) = (entry.meta(), entry.kind());
        Place {
            order: (self.field, self.direction),
            key: match self.key(entry) {
                Key::Number(number) => Value::Number(number),
                Key::Text(text) => Value::Text(text.to_owned()),
            },
            cluster: entry.cluster().to_string(),
            kind: kind.kind.to_owned(),
            group: kind.group.to_owned(),
            namespace: meta.namespace.to_string(),
            name: meta.name.to_string(),
        }
    }

    /// Where an object stands to a place.
    #[must_use]
    pub fn compare(&self, entry: &dyn AnyEntry, place: &Place) -> Ordering {
        let (meta, kind) = (entry.meta(), entry.kind());
        let key = match (self.key(entry), &place.key) {
            (Key::Number(a), Value::Number(b)) => a.cmp(b),
            (Key::Text(a), Value::Text(b)) => a.cmp(b),
            (Key::Number(_), Value::Text(_)) => Ordering::Less,
            (Key::Text(_), Value::Number(_)) => Ordering::Greater,
        };
        self.directed(key).then_with(|| {
            (entry.cluster().as_str(), kind.kind, kind.group, &*meta.namespace, &*meta.name).cmp(&(
                place.cluster.as_str(),
                place.kind.as_str(),
                place.group.as_str(),
                place.namespace.as_str(),
                place.name.as_str(),
            ))
        })
    }

    pub(super) fn compare_places(&self, a: &Place, b: &Place) -> Ordering {
        self.directed(a.key.cmp(&b.key)).then_with(|| {
            (&a.cluster, &a.kind, &a.group, &a.namespace, &a.name).cmp(&(
                &b.cluster,
                &b.kind,
                &b.group,
                &b.namespace,
                &b.name,
            ))
        })
    }

    fn directed(&self, ordering: Ordering) -> Ordering {
        match self.direction {
            OrderDirection::Asc => ordering,
            OrderDirection::Desc => ordering.reverse(),
        }
    }

    fn key<'a>(&self, entry: &'a dyn AnyEntry) -> Key<'a> {
        match self.field {
            OrderField::Cluster => Key::Text(entry.cluster().as_str()),
            OrderField::Kind => Key::Text(entry.kind().kind),
            OrderField::Namespace => Key::Text(&entry.meta().namespace),
            OrderField::Name => Key::Text(&entry.meta().name),
            OrderField::CreatedAt => {
                Key::Number(entry.meta().created.map_or(i64::MIN, |created| created.micros()))
            }
            OrderField::Health => Key::Number(entry.health().state as i64),
        }
    }
}
