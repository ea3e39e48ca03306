//! Which keys exist, and the answer to one that doesn't.
//!
//! A misspelt key that is silently ignored is a setting that silently isn't in force, so each unknown key is refused, with
//! the nearest right one. Keys of DictaMesh's adapter, whose configuration files this program reads, are named as such when
//! what they switch isn't here.

use std::{borrow::Cow, sync::LazyLock};

use super::{
    CatalogConfig, Config, ConnectionsConfig, CustomResourceConfig, CustomResourceReferenceConfig,
    cluster::{ClusterConfig, OidcConfig, TlsConfig},
    document::{Content, Document, Node, Step},
    foreign,
    nearest::nearest,
    pii::{PiiConfig, PiiRuleConfig},
    problem::Problem,
    registry::RegistryConfig,
    settings::KeyDoc,
    telemetry::TelemetryConfig,
};

/// A mapping of the file and the keys that it may hold. `[]` in a path stands for each element of a list.
#[derive(Debug, Clone)]
pub struct Section {
    pub path: &'static str,
    pub keys: Cow<'static, [KeyDoc]>,
}

/// Every mapping of the file, parents first.
pub static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| {
    let own = [
        ("", Config::KEYS),
        ("clusters[]", ClusterConfig::KEYS),
        ("clusters[].oidc", OidcConfig::KEYS),
        ("clusters[].tls_config", TlsConfig::KEYS),
        ("pii", PiiConfig::KEYS),
        ("pii.rules[]", PiiRuleConfig::KEYS),
        ("custom_resource_definitions[]", CustomResourceConfig::KEYS),
        ("custom_resource_references[]", CustomResourceReferenceConfig::KEYS),
        ("catalog", CatalogConfig::KEYS),
        ("connections", ConnectionsConfig::KEYS),
        ("registry", RegistryConfig::KEYS),
        ("telemetry", TelemetryConfig::KEYS),
    ];
    let mut sections: Vec<_> = own.map(|(path, keys)| Section { path, keys: keys.into() }).into();
    // In the order of the top level's keys.
    sections.splice(11..11, foreign::sections());
    sections
});

/// DictaMesh's keys that have no function here yet, and what to know instead.
const DICTAMESH: &[(&str, &str)] = &[
    ("enable_cache", "every answer already comes from the watched store"),
    ("cache_ttl", "the store follows its watches and has no time to live"),
    ("enable_rbac", "each cluster's own rules hold as soon as `authentication` says who is calling"),
    ("enable_relationships", "relations are always on"),
    ("worker_pool_size", "the runtime sizes itself"),
];

/// The keys of the mapping at a path pattern, or `None` when it is no known mapping.
pub fn keys_at(pattern: &str) -> Option<&'static [KeyDoc]> {
    SECTIONS.iter().find(|section| section.path == pattern).map(|section| &*section.keys)
}

/// Reports every unknown key, and everything that stands where a mapping belongs, and takes it out of the tree, so that
/// the typed reading goes on without it.
pub fn check(document: &mut Document, problems: &mut Vec<Problem>) {
    let mut wrong = Vec::new();
    walk(&document.root, &mut Vec::new(), "", &mut wrong);
    for (path, message) in wrong {
        problems.push(document.problem(&path, message));
        document.root.clear(&path);
    }
}

fn walk(node: &Node, path: &mut Vec<Step>, pattern: &str, wrong: &mut Vec<(Vec<Step>, String)>) {
    match &node.content {
        // The typed reading would take a list for a mapping, value by value in the order of the keys.
        Content::Scalar(value) if keys_at(pattern).is_some() && !value.is_null() => {
            wrong.push((path.clone(), "must be a mapping: \"key: value\" lines".to_owned()));
        }
        Content::List(_) if keys_at(pattern).is_some() => {
            wrong.push((path.clone(), "must be a mapping, not a list: \"key: value\" lines".to_owned()));
        }
        Content::Scalar(_) => {}
        Content::List(nodes) => {
            for (index, node) in nodes.iter().enumerate() {
                path.push(Step::Index(index));
                walk(node, path, &format!("{pattern}[]"), wrong);
                path.pop();
            }
        }
        Content::Map(entries) => {
            let Some(keys) = keys_at(pattern) else { return };
            for entry in entries {
                path.push(Step::Key(entry.key.clone()));
                if keys.iter().any(|key| key.name == entry.key) {
                    walk(&entry.node, path, &join(pattern, &entry.key), wrong);
                } else {
                    wrong.push((path.clone(), why_unknown(&entry.key, pattern, keys)));
                }
                path.pop();
            }
        }
    }
}

fn join(pattern: &str, key: &str) -> String {
    if pattern.is_empty() { key.to_owned() } else { format!("{pattern}.{key}") }
}

fn why_unknown(key: &str, pattern: &str, keys: &[KeyDoc]) -> String {
    if let Some((_, note)) = DICTAMESH.iter().find(|(name, _)| *name == key && pattern.is_empty()) {
        return format!("a setting of DictaMesh that isn't one here ({note}); remove it");
    }
    let home = SECTIONS.iter().find(|section| section.keys.iter().any(|known| known.name == key));
    match (nearest(key, keys.iter().map(|known| known.name)), home) {
        (_, Some(home)) if home.path.is_empty() => "unknown key here; it belongs at the top level".to_owned(),
        (_, Some(home)) => format!("unknown key here; it belongs in {}", home.path),
        (Some(nearest), None) => format!("unknown key; did you mean {nearest:?}?"),
        (None, None) => {
            let known: Vec<_> = keys.iter().map(|known| known.name).collect();
            format!("unknown key; known here: {}", known.join(", "))
        }
    }
}
