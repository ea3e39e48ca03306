//! Identities: a cluster's id, and the id of an object in the fleet.
//!
//! ```text
//! prod-eu:shop:cart-7c6f9d8b9-abc12     cluster : namespace : name
//! prod-eu::node-1                       cluster-scoped: the namespace is empty
//! prod-eu::system:node-proxier          a name may hold colons (RBAC objects do); the first two colons split
//! ```

use std::{fmt, str::FromStr, sync::Arc};

use crate::Error;

/// The longest cluster id: that of a DNS subdomain, which namespaces and names obey as well.
pub const MAX_CLUSTER_ID: usize = 253;

/// The id of a cluster: letters, digits, `-`, `_`, `.`, `/` and `@`, never a colon, which separates the parts of
/// an [`ObjectId`]. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct ClusterId(Arc<str>);

impl ClusterId {
    /// Checks and takes an id.
    ///
    /// # Errors
    /// When the id is empty, longer than [`MAX_CLUSTER_ID`], or holds a character that isn't allowed.
    pub fn new(id: &str) -> Result<Self, Error> {
        if id.is_empty() {
            return Err(Error::bad_input(
                "a cluster id is empty; give each cluster a unique, non-empty `id`",
            ));
        }
        if id.len() > MAX_CLUSTER_ID {
            return Err(Error::bad_input(format!(
                "a cluster id has {} characters; at most {MAX_CLUSTER_ID} are allowed",
                id.len()
            )));
        }
        if let Some(bad) = id.chars().find(|c| !Self::allows(*c)) {
            return Err(Error::bad_input(format!(
                "cluster id {id:?} has the character {bad:?}; use letters, digits, '-', '_', '.', '/' and '@' \
                 (a colon separates cluster, namespace and name in object ids)"
            )));
        }
        Ok(Self(id.into()))
    }

    /// Whether a character may stand in a cluster id.
    #[must_use]
    pub fn allows(c: char) -> bool {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '@')
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl FromStr for ClusterId {
    type Err = Error;
    fn from_str(s: &str) -> Result<Self, Error> {
        Self::new(s)
    }
}

impl std::borrow::Borrow<str> for ClusterId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The id of an object in the fleet, `cluster:namespace:name`. The kind is not part of it: the GraphQL type is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    pub cluster: ClusterId,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    pub name: String,
}

impl FromStr for ObjectId {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self, Error> {
        let mut parts = s.splitn(3, ':');
        let (Some(cluster), Some(namespace), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::bad_input(format!(
                "id {s:?} is not of the form cluster:namespace:name (cluster::name for a cluster-scoped object)"
            )));
        };
        if name.is_empty() {
            return Err(Error::bad_input(format!("id {s:?} has an empty name")));
        }
        let cluster = ClusterId::new(cluster)
            .map_err(|_| Error::bad_input(format!("id {s:?} does not begin with the id of a cluster")))?;
        Ok(Self { cluster, namespace: namespace.to_owned(), name: name.to_owned() })
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.cluster, self.namespace, self.name)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_reads_back_as_it_was_written(
            cluster in "[a-zA-Z0-9._/@-]{1,40}",
            namespace in "([a-z0-9-]{1,20})?",
            name in "[a-z0-9:.-]{1,60}",
        ) {
            let id = ObjectId { cluster: ClusterId::new(&cluster).unwrap(), namespace, name };
            prop_assert_eq!(id.to_string().parse::<ObjectId>().unwrap(), id);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".*") {
            if let Ok(id) = text.parse::<ObjectId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn a_name_keeps_its_colons() {
        let id: ObjectId = "prod::system:node:x".parse().unwrap();
        assert_eq!((id.namespace.as_str(), id.name.as_str()), ("", "system:node:x"));
    }

    #[test]
    fn a_cluster_id_with_a_colon_is_refused_with_the_reason() {
        let error = ClusterId::new("a:b").unwrap_err();
        assert!(error.message.contains("':'"), "{error}");
    }

    #[test]
    fn an_id_without_two_colons_is_refused() {
        assert!("prod:default".parse::<ObjectId>().is_err());
        assert!("prod:default:".parse::<ObjectId>().is_err());
        assert!(":default:x".parse::<ObjectId>().is_err());
    }
}
