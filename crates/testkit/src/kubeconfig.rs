//! Kubeconfigs, written as JSON, which is YAML.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::credentials::Credentials;

/// One cluster, one user and one context, all called `name`.
pub(crate) struct Context<'a> {
    pub name: &'a str,
    pub url: &'a str,
    pub ca_pem: &'a str,
    pub credentials: &'a Credentials,
}

/// All contexts in one file; the first one is the current one.
pub(crate) fn render(contexts: &[Context<'_>]) -> String {
    let named = |part: &str, value: &dyn Fn(&Context<'_>) -> Value| -> Vec<Value> {
        contexts.iter().map(|context| json!({ "name": context.name, part: value(context) })).collect()
    };
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": contexts.first().map_or("", |context| context.name),
        "clusters": named("cluster", &|context| json!({
            "server": context.url,
            "certificate-authority-data": STANDARD.encode(context.ca_pem),
        })),
        "users": named("user", &|context| user(context.credentials)),
        "contexts": named("context", &|context| json!({ "cluster": context.name, "user": context.name })),
    });
    format!("{config:#}\n")
}

fn user(credentials: &Credentials) -> Value {
    match credentials {
        Credentials::Certificate(pair) => json!({
            "client-certificate-data": STANDARD.encode(&pair.certificate_pem),
            "client-key-data": STANDARD.encode(&pair.key_pem),
        }),
        Credentials::Bearer(token) => json!({ "token": token }),
        Credentials::Anonymous => json!({}),
    }
}
