//! What statements take: three types that both engines have, each with its own NULL.

use fleetgraph_core::Timestamp;

/// A value for a placeholder.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

/// Hands values to a query of either engine: the two types of query share no trait that could be named.
macro_rules! bind {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                $crate::db::Value::Int(value) => query.bind(value),
                $crate::db::Value::Text(value) => query.bind(value),
                $crate::db::Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}
pub(super) use bind;

macro_rules! from {
    ($($type:ty => |$value:ident| $made:expr;)*) => {
        $(impl From<$type> for Value {
            fn from($value: $type) -> Self {
                $made
            }
        })*
    };
}

from! {
    i64 => |value| Self::Int(Some(value));
    Option<i64> => |value| Self::Int(value);
    bool => |value| Self::Int(Some(i64::from(value)));
    Timestamp => |value| Self::Int(Some(value.micros()));
    Option<Timestamp> => |value| Self::Int(value.map(Timestamp::micros));
    &str => |value| Self::Text(Some(value.to_owned()));
    Option<&str> => |value| Self::Text(value.map(str::to_owned));
    String => |value| Self::Text(Some(value));
    Option<String> => |value| Self::Text(value);
    Vec<u8> => |value| Self::Bytes(Some(value));
    &[u8] => |value| Self::Bytes(Some(value.to_vec()));
}

/// `values![a, b]`: each becomes a [`Value`].
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Value::from($value)),*] };
}
pub(crate) use values;
