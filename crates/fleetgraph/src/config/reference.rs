//! The commented default file and the reference page, both from the declarations of the settings.

use std::fmt::Write;

use serde_json::Value;

use super::{
    ClusterConfig, Config, CustomResourceConfig, CustomResourceReferenceConfig, OVERRIDES, PiiRuleConfig,
    keys::SECTIONS, settings::KeyDoc,
};

const HEAD: &str = "\
# Fleetgraph's configuration, with every key and its default. Keep only what you change.
# Flags go before the environment, the environment before this file, this file before the defaults.
";

/// The default configuration as a file in which every key has its description above it.
pub fn commented_default() -> String {
    let mut out = HEAD.to_owned();
    let defaults = to_value(&Config::default());
    for key in Config::KEYS {
        out.push('\n');
        key_and_value(&mut out, key, key.name, &defaults[key.name], "");
    }
    out
}

fn key_and_value(out: &mut String, key: &KeyDoc, path: &str, value: &Value, indent: &str) {
    comment(out, key, indent);
    match (path, value) {
        (path, _) if element(&format!("{path}[]")).is_some() => list(out, path),
        (_, Value::Object(fields)) => {
            out.push_str(&format!("{indent}{}:\n", key.name));
            mapping(out, path, fields, &format!("{indent}  "));
        }
        (_, value) => out.push_str(&format!("{indent}{}: {value}\n", key.name)),
    }
}

fn mapping(out: &mut String, path: &str, fields: &serde_json::Map<String, Value>, indent: &str) {
    for key in keys_of(path) {
        let value = fields.get(key.name).unwrap_or(&Value::Null);
        key_and_value(out, key, &format!("{path}.{}", key.name), value, indent);
    }
}

/// The default is an empty list; an element's own keys are shown as a comment that can be uncommented as it stands.
fn list(out: &mut String, path: &str) {
    out.push_str(&format!("{path}: []\n# {path}:\n"));
    let mut example = String::new();
    let pattern = format!("{path}[]");
    if let Some(Value::Object(fields)) = element(&pattern) {
        mapping(&mut example, &pattern, &fields, "    ");
    }
    let mut dashed = false;
    for line in example.lines() {
        // The first key, not the comments above it, carries the dash.
        let dash = !dashed && !line.trim_start().starts_with('#');
        dashed |= dash;
        let line = if dash { line.replacen("    ", "  - ", 1) } else { line.to_owned() };
        out.push_str(&format!("# {line}\n"));
    }
}

/// An element of a list of mappings, that passes every check once its comment signs are gone.
fn element(pattern: &str) -> Option<Value> {
    Some(match pattern {
        "clusters[]" => to_value(&ClusterConfig { id: "prod-eu".to_owned(), ..ClusterConfig::default() }),
        "custom_resource_definitions[]" => to_value(&CustomResourceConfig {
            group: "cert-manager.io".to_owned(),
            kind: "Certificate".to_owned(),
            ..CustomResourceConfig::default()
        }),
        "custom_resource_references[]" => to_value(&CustomResourceReferenceConfig {
            from: "certificates.cert-manager.io".to_owned(),
            path: ".spec.secretName".to_owned(),
            to: "secrets".to_owned(),
            ..CustomResourceReferenceConfig::default()
        }),
        _ => return None,
    })
}

fn comment(out: &mut String, key: &KeyDoc, indent: &str) {
    for line in key.lines() {
        out.push_str(&format!("{indent}# {line}\n"));
    }
}

/// `docs/configuration.md`.
pub fn reference_markdown() -> String {
    let mut out = String::from(
        "# Configuration\n\n\
         <!-- Written by `fleetgraph config --markdown`; a test compares. -->\n\n\
         `fleetgraph serve --config FILE` reads a YAML file. `fleetgraph config` prints it with every key, its default and \
         its description; `fleetgraph config --check FILE` says everything that is wrong with a file, with line and column.\n\n\
         Flags go before the environment, the environment before the file, the file before the defaults. An unknown key, a \
         value of the wrong type and a value that can't work are refused. Durations are written `30s`, `5m`, `1h 30m`.\n\n\
         ## Flags and variables\n\n\
         | key | flag | variable |\n|---|---|---|\n\
         | (the file) | `--config` | `FLEETGRAPH_CONFIG` |\n",
    );
    for known in OVERRIDES {
        out.push_str(&format!("| `{}` | `--{}` | `{}` |\n", known.key, known.flag, known.variable));
    }
    out.push_str(
        "| `clusters`, from the kubeconfig | `--context` (repeatable) | `KUBECONFIG` (the files) |\n\n\
         `CLUSTERS_CONFIG` holds a path, or the YAML itself: a list of clusters, or a mapping with the key `clusters`. \
         `OTEL_RESOURCE_ATTRIBUTES` adds resource attributes to traces, metrics and logs.\n",
    );
    for section in SECTIONS.iter() {
        let title =
            if section.path.is_empty() { "Top level".to_owned() } else { format!("`{}`", section.path) };
        out.push_str(&format!("\n## {title}\n\n| key | default | |\n|---|---|---|\n"));
        let defaults = defaults_of(section.path);
        for key in section.keys.iter() {
            let doc = key.lines().collect::<Vec<_>>().join(" ").replace('|', "\\|");
            let default = match defaults.get(key.name) {
                Some(Value::Object(_)) | None => String::new(),
                Some(value) => format!("`{value}`"),
            };
            let _ = writeln!(out, "| `{}` | {default} | {doc} |", key.name);
        }
    }
    out
}

fn keys_of(path: &str) -> &'static [KeyDoc] {
    super::keys::keys_at(path).unwrap_or_default()
}

/// The default values of a mapping of the file.
fn defaults_of(path: &str) -> Value {
    let (mut value, rest) = match path.split_once("[]") {
        Some(("clusters", rest)) => (to_value(&ClusterConfig::default()), rest),
        Some(("authentication.oidc", rest)) => (to_value(&access::authn::OidcConfig::default()), rest),
        Some(("authentication.token_reviews", rest)) => {
            (to_value(&access::authn::TokenReviewConfig::default()), rest)
        }
        Some(("authentication.tenants", rest)) => (to_value(&access::authn::TenantConfig::default()), rest),
        Some(("pii.rules", rest)) => (to_value(&PiiRuleConfig::default()), rest),
        Some(("custom_resource_definitions", rest)) => (to_value(&CustomResourceConfig::default()), rest),
        Some((_, rest)) => (to_value(&CustomResourceReferenceConfig::default()), rest),
        None => (to_value(&Config::default()), path),
    };
    for key in rest.split('.').filter(|key| !key.is_empty()) {
        value = value[key].take();
    }
    value
}

fn to_value<T: serde::Serialize>(value: &T) -> Value {
    // Settings have text keys and finite numbers, which JSON can always hold; a test prints them all.
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The types' real keys, from what their defaults serialise to, against what is described.
    #[test]
    fn every_key_is_described_and_every_description_has_a_key() {
        for section in SECTIONS.iter() {
            let Value::Object(defaults) = defaults_of(section.path) else {
                panic!("{} is no mapping", section.path);
            };
            let mut real: Vec<_> = defaults.keys().map(String::as_str).collect();
            let mut described: Vec<_> = section.keys.iter().map(|key| key.name).collect();
            real.sort_unstable();
            described.sort_unstable();
            assert_eq!(real, described, "in {:?}", section.path);
            for key in section.keys.iter() {
                assert!(
                    key.lines().any(|line| !line.is_empty()),
                    "{}.{} has no description",
                    section.path,
                    key.name
                );
            }
            for (key, value) in &defaults {
                let path =
                    if section.path.is_empty() { key.clone() } else { format!("{}.{key}", section.path) };
                let known = super::super::keys::keys_at(&path).is_some();
                // A mapping whose keys are the user's own is empty at first, and has no section.
                let is_mapping = value.as_object().is_some_and(|keys| known || !keys.is_empty());
                assert_eq!(
                    is_mapping, known,
                    "{path} is a mapping without a section, or the other way round"
                );
            }
        }
    }
}
