//! Kubeconfig files, written as JSON, which is YAML.

use std::fs::{OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

pub(super) struct Context<'a> {
    pub name: &'a str,
    pub url: String,
    pub token: &'a str,
}

/// The first context is the current one.
pub(super) fn render(contexts: &[Context<'_>], ca_pem: &str) -> String {
    let authority = BASE64_STANDARD.encode(ca_pem);
    let clusters: Vec<Value> = contexts
        .iter()
        .map(|c| json!({"name": c.name, "cluster": {"server": c.url, "certificate-authority-data": authority}}))
        .collect();
    let users: Vec<Value> =
        contexts.iter().map(|c| json!({"name": c.name, "user": {"token": c.token}})).collect();
    let named: Vec<Value> = contexts
        .iter()
        .map(|c| json!({"name": c.name, "context": {"cluster": c.name, "user": c.name}}))
        .collect();
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "clusters": clusters, "users": users, "contexts": named,
        "current-context": contexts.first().map_or("", |c| c.name),
    });
    format!("{config:#}\n")
}

pub(super) fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(path)?;
    // A file that was there keeps its mode until it is told otherwise.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}
