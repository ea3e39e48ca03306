//! What a request is about, from its method and path.

use std::collections::BTreeMap;

use http::Method;

/// The path without the cluster's prefix, taken apart as the real server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// `/api/v1/…` or `/apis/<group>/<version>/…`.
    Resource(ResourceTarget),
    /// Discovery, health, versions: segments of the path.
    Other(Vec<String>),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ResourceTarget {
    pub group: String,
    pub version: String,
    /// Empty for all namespaces, and for what is in none.
    pub namespace: String,
    pub plural: String,
    /// Empty for the collection.
    pub name: String,
    pub subresource: String,
}

impl Target {
    pub fn read(path: &str) -> Self {
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(decode).collect();
        let borrowed: Vec<&str> = parts.iter().map(String::as_str).collect();
        let (group, version, rest) = match borrowed.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => ("", *version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => (*group, *version, rest),
            _ => return Self::Other(parts),
        };
        let mut target = ResourceTarget {
            group: group.to_owned(),
            version: version.to_owned(),
            ..ResourceTarget::default()
        };
        let rest = match rest {
            // The namespace itself and its subresources.
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => rest,
            ["namespaces", namespace, rest @ ..] => {
                (*namespace).clone_into(&mut target.namespace);
                rest
            }
            _ => rest,
        };
        let part = |index: usize| rest.get(index).copied().unwrap_or_default().to_owned();
        target.plural = part(0);
        target.name = part(1);
        target.subresource = rest.get(2..).unwrap_or_default().join("/");
        Self::Resource(target)
    }
}

fn decode(part: &str) -> String {
    if !part.contains('%') {
        return part.to_owned();
    }
    // A path has no `+` for a space.
    let query = part.replace('+', "%2B");
    form_urlencoded::parse(query.as_bytes()).next().map_or_else(String::new, |(key, _)| key.into_owned())
}

/// The parameters of the query; of repeated ones the first counts.
#[derive(Debug, Default)]
pub(crate) struct Query(BTreeMap<String, String>);

impl Query {
    pub fn read(query: Option<&str>) -> Self {
        let mut map = BTreeMap::new();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            map.entry(key.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(map)
    }

    pub fn text(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub fn flag(&self, key: &str) -> bool {
        matches!(self.text(key), "true" | "1")
    }
}

/// The verb that authorization sees.
pub(crate) fn verb(method: &Method, target: &ResourceTarget, query: &Query) -> &'static str {
    match *method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if target.name.is_empty() => "deletecollection",
        Method::DELETE => "delete",
        // Of one object there is no watch; a field selector names it.
        _ if !target.name.is_empty() => "get",
        _ if query.flag("watch") => "watch",
        _ => "list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> ResourceTarget {
        match Target::read(path) {
            Target::Resource(target) => target,
            Target::Other(parts) => panic!("{parts:?}"),
        }
    }

    #[test]
    fn paths_are_taken_apart() {
        let target = read("/apis/apps/v1/namespaces/shop/deployments/cart/scale");
        assert_eq!((target.group.as_str(), target.plural.as_str()), ("apps", "deployments"));
        assert_eq!((target.namespace.as_str(), target.name.as_str()), ("shop", "cart"));
        assert_eq!(target.subresource, "scale");
        assert_eq!(read("/api/v1/namespaces/shop").name, "shop");
        assert_eq!(read("/api/v1/namespaces/shop/status").subresource, "status");
        assert_eq!(read("/api/v1/namespaces/shop/pods").plural, "pods");
        assert_eq!(read("/api/v1/nodes/a%2Fb").name, "a/b");
        assert!(matches!(Target::read("/apis/apps/v1"), Target::Other(_)));
    }
}
