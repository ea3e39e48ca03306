//! What the types can't say: values that contradict each other, or that can't work.

use std::{collections::HashMap, net::SocketAddr, path::Path};

use access::authn::AuthenticationConfig;
use cluster_registry::{DEFAULT_KINDS, pii::FieldPath};
use fleetgraph_core::{ClusterId, Kind as _, KindMeta, LabelSelector};

use super::{
    AuthMethod, ClusterConfig, Config, PiiConfig,
    document::{Document, Step},
    nearest::did_you_mean,
    problem::Problem,
};
use crate::telemetry::log_filter;

/// hyper refuses smaller buffers with a panic.
const SMALLEST_HEADER: usize = 8192;

/// Collects the faults of a configuration that came from one document.
pub struct Check<'a> {
    document: &'a Document,
    problems: &'a mut Vec<Problem>,
    prefix: Vec<Step>,
}

impl<'a> Check<'a> {
    pub fn new(document: &'a Document, problems: &'a mut Vec<Problem>) -> Self {
        Self { document, problems, prefix: Vec::new() }
    }

    fn custom_resources(&mut self, config: &Config) {
        for (index, wanted) in config.custom_resource_definitions.iter().enumerate() {
            let at = |key: &'static str| {
                vec![
                    Step::Key("custom_resource_definitions".into()),
                    Step::Index(index),
                    Step::Key(key.into()),
                ]
            };
            if wanted.kind.is_empty() {
                self.refuse_at(at("kind"), "missing; write the kind, such as Certificate");
            }
            if wanted.namespaces.iter().any(|namespace| !is_dns_label(namespace)) {
                self.refuse_at(at("namespaces"), "not all of these are names of namespaces");
            }
        }
        for (index, rule) in config.custom_resource_references.iter().enumerate() {
            let at = |key: &'static str| {
                vec![
                    Step::Key("custom_resource_references".into()),
                    Step::Index(index),
                    Step::Key(key.into()),
                ]
            };
            for (key, value) in [("from", &rule.from), ("to", &rule.to)] {
                if value.is_empty() {
                    self.refuse_at(
                        at(key),
                        "missing; write plural and group, such as certificates.cert-manager.io",
                    );
                }
            }
            if let Err(error) = kinds::custom::Path::parse(&rule.path).and_then(|_| {
                if rule.path.is_empty() {
                    return Err(fleetgraph_core::Error::bad_input(
                        "missing; write a JSONPath such as .spec.secretName",
                    ));
                }
                Ok(())
            }) {
                self.refuse_at(at("path"), error.message);
            }
        }
        let definitions = &kinds::CustomResourceDefinition::META;
        if config.enable_custom_resources
            && !config.watch_resources.is_empty()
            && !config
                .watch_resources
                .iter()
                .any(|name| name == DEFAULT_KINDS || definitions.answers_to(name))
        {
            self.refuse(
                "watch_resources",
                "must have `customresourcedefinitions` too: `enable_custom_resources` reads them to know what there is",
            );
        }
        let says_something =
            !config.custom_resource_definitions.is_empty() || !config.custom_resource_references.is_empty();
        if says_something && !config.enable_custom_resources {
            self.refuse(
                "enable_custom_resources",
                "must be true for `custom_resource_definitions` and `custom_resource_references` to mean anything",
            );
        }
    }

    fn field_paths(&mut self, at: Vec<Step>, fields: &[String]) {
        for (index, field) in fields.iter().enumerate() {
            if let Err(error) = FieldPath::parse(field) {
                self.refuse_at([at.clone(), vec![Step::Index(index)]].concat(), error.to_string());
            }
        }
    }

    fn pii(&mut self, pii: &PiiConfig, kinds: &[&KindMeta], custom: bool) {
        self.field_paths(
            vec![Step::Key("pii".into()), Step::Key("labelled_fields".into())],
            &pii.labelled_fields,
        );
        for (index, rule) in pii.rules.iter().enumerate() {
            let at = |key: &'static str| {
                vec![
                    Step::Key("pii".into()),
                    Step::Key("rules".into()),
                    Step::Index(index),
                    Step::Key(key.into()),
                ]
            };
            self.field_paths(at("fields"), &rule.fields);
            if rule.fields.is_empty() {
                self.refuse_at(at("fields"), "missing; write which fields are masked, such as data.*");
            }
            if rule.namespaces.iter().any(|namespace| !is_dns_label(namespace)) {
                self.refuse_at(at("namespaces"), "not all of these are names of namespaces");
            }
            if let Err(error) = LabelSelector::parse(&rule.label_selector) {
                self.refuse_at(at("label_selector"), error.message);
            }
            // A rule that no object meets would leave in the open what it is to mask.
            for name in rule.kinds.iter().filter(|name| !kinds.iter().any(|kind| kind.answers_to(name))) {
                match known_kind(name, kinds) {
                    // Of the kinds that clusters have besides, nobody knows the names yet; they have a group.
                    Err(_) if name.contains('.') && custom => {}
                    Err(_) if name.contains('.') => self.refuse_at(
                        at("kinds"),
                        format!("{name:?} is no built-in kind, and `enable_custom_resources` is off"),
                    ),
                    Err(message) => self.refuse_at(
                        at("kinds"),
                        format!("{message}; a custom resource is written customers.shop.example"),
                    ),
                    Ok(_) => {}
                }
            }
        }
    }

    /// Checks everything; `kinds` are those that can be watched.
    pub fn config(&mut self, config: &Config, kinds: &[&KindMeta]) {
        self.clusters(&config.clusters);
        if !is_dns_label(&config.default_namespace) {
            self.refuse(
                "default_namespace",
                "not the name of a namespace: lower-case letters, digits and '-', at most 63",
            );
        }
        for (index, name) in config.watch_resources.iter().enumerate() {
            if name != DEFAULT_KINDS
                && let Err(message) = known_kind(name, kinds)
            {
                self.refuse_at(vec![Step::Key("watch_resources".into()), Step::Index(index)], message);
            }
        }
        self.custom_resources(config);
        self.pii(&config.pii, kinds, config.enable_custom_resources);
        for (key, message) in config.authentication.check() {
            self.refuse(&format!("authentication.{key}"), message);
        }
        if !config.catalog.postgres_dsn.is_empty() && is_set(&config.catalog.directory) {
            self.refuse("catalog.directory", "has no effect with `postgres_dsn`; give one of them");
        }
        if config.connections.allowed_ports.contains(&0) {
            self.refuse("connections.allowed_ports", "0 is no port that a server listens on");
        }
        if config.authentication != AuthenticationConfig::default() && !config.asks_callers() {
            self.refuse(
                "authentication",
                "says no way to prove who is calling: add `oidc`, `token_reviews`, `client_certificates` or `trusted_proxy`, or a \
                 `catalog` that is kept, for API tokens",
            );
        }
        if config.enable_mutations && !config.asks_callers() {
            self.refuse(
                "enable_mutations",
                "needs to know in whose name: configure `authentication`, or a `catalog` that is kept",
            );
        }
        if !config.asks_callers() {
            for (key, address) in [("listen", config.listen), ("metrics_listen", config.metrics_listen)] {
                if let Err(message) = loopback_only(address) {
                    self.refuse(key, message);
                }
            }
        }
        if config.listen == config.metrics_listen && config.listen.port() != 0 {
            self.refuse("metrics_listen", "the same address as `listen`; the metrics need one of their own");
        }
        let registry = &config.registry;
        for (key, lists) in [
            ("registry.max_concurrent_initial_lists", registry.max_concurrent_initial_lists),
            (
                "registry.max_concurrent_initial_lists_per_cluster",
                registry.max_concurrent_initial_lists_per_cluster,
            ),
        ] {
            if lists == 0 {
                self.refuse(key, "must be at least 1, or nothing would ever be listed");
            }
        }
        if config.max_page_size == 0 {
            self.refuse("max_page_size", "must be at least 1");
        }
        self.http(&config.http);
        self.limits(&config.limits);
        let telemetry = &config.telemetry;
        if let Err(message) = log_filter(&telemetry.log_level) {
            self.refuse("telemetry.log_level", message);
        }
        if !telemetry.otlp_endpoint.is_empty() && !is_url(&telemetry.otlp_endpoint) {
            self.refuse("telemetry.otlp_endpoint", "not a URL; write http://HOST:4317 or https://HOST:4317");
        }
        if !(0.0..=1.0).contains(&telemetry.trace_ratio) {
            self.refuse("telemetry.trace_ratio", "must be from 0 (none) to 1 (all)");
        }
        if telemetry.metrics_interval.is_zero() {
            self.refuse("telemetry.metrics_interval", "must be longer than zero");
        }
        if telemetry.service_name.is_empty() {
            self.refuse("telemetry.service_name", "must not be empty");
        }
    }

    /// Bounds that would shut everybody out.
    fn http(&mut self, http: &http_api::HttpConfig) {
        let (ws, sse) = (&http.websocket, &http.sse);
        for (key, bound) in [
            ("max_connections", http.max_connections),
            ("http2_max_streams", http.http2_max_streams as usize),
            ("max_body_bytes", http.max_body_bytes),
            ("websocket.max_message_bytes", ws.max_message_bytes),
            ("websocket.max_operations", ws.max_operations),
            ("websocket.outgoing_messages", ws.outgoing_messages),
            ("websocket.outgoing_bytes", ws.outgoing_bytes as usize),
        ] {
            if bound == 0 {
                self.refuse(&format!("http.{key}"), "must be at least 1");
            }
        }
        for (key, time) in [
            ("header_timeout", http.header_timeout),
            ("body_timeout", http.body_timeout),
            ("request_timeout", http.request_timeout),
            ("websocket.init_timeout", ws.init_timeout),
            ("websocket.ping_interval", ws.ping_interval),
            ("websocket.pong_timeout", ws.pong_timeout),
            ("websocket.write_timeout", ws.write_timeout),
            ("sse.keep_alive", sse.keep_alive),
        ] {
            if time.is_zero() {
                self.refuse(&format!("http.{key}"), "must be longer than zero");
            }
        }
        if http.max_header_bytes < SMALLEST_HEADER {
            self.refuse(
                "http.max_header_bytes",
                format!("must be at least {SMALLEST_HEADER}, hyper's smallest buffer"),
            );
        }
    }

    fn limits(&mut self, limits: &graphql::limits::LimitsConfig) {
        for (key, limit) in [
            ("max_document_bytes", limits.max_document_bytes as u64),
            ("max_tokens", limits.max_tokens as u64),
            ("max_depth", limits.max_depth as u64),
            ("max_root_fields", limits.max_root_fields),
            ("max_selections", limits.max_selections),
            ("max_complexity", limits.max_complexity),
        ] {
            if limit == 0 {
                self.refuse(
                    &format!("limits.{key}"),
                    "must be at least 1, or every document would be refused",
                );
            }
        }
    }

    fn clusters(&mut self, clusters: &[ClusterConfig]) {
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (index, cluster) in clusters.iter().enumerate() {
            self.prefix = vec![Step::Key("clusters".into()), Step::Index(index)];
            if let Err(error) = ClusterId::new(&cluster.id) {
                self.refuse("id", error.to_string());
            } else if let Some(first) = seen.insert(&cluster.id, index) {
                let place = self.document.place(&[Step::Key("clusters".into()), Step::Index(first)]);
                self.refuse(
                    "id",
                    format!(
                        "{:?} is the id of clusters[{first}] too (line {}); give each cluster an id of its own",
                        cluster.id, place.line
                    ),
                );
            }
            self.access(cluster);
            self.tls(cluster);
            if !(cluster.qps.is_finite() && cluster.qps > 0.0) {
                self.refuse("qps", "must be more than 0");
            }
            if cluster.burst == 0 {
                self.refuse("burst", "must be at least 1, or no request could ever be sent");
            }
            if cluster.timeout.is_zero() {
                self.refuse("timeout", "must be longer than zero");
            }
        }
        self.prefix.clear();
    }

    /// Each method's keys: what it needs is there, and what it would ignore isn't.
    fn access(&mut self, cluster: &ClusterConfig) {
        use AuthMethod::{Certificate, Kubeconfig, Oidc, ServiceAccount, Token};
        let method = cluster.auth_method;
        let inline = !cluster.service_account_token.is_empty();
        let file = is_set(&cluster.service_account_token_file);
        let uses: [(&str, bool, &[AuthMethod]); 6] = [
            ("kubeconfig_path", is_set(&cluster.kubeconfig_path), &[Kubeconfig]),
            ("kubeconfig_context", !cluster.kubeconfig_context.is_empty(), &[Kubeconfig]),
            ("service_account_token", inline, &[ServiceAccount, Token]),
            ("service_account_token_file", file, &[ServiceAccount, Token]),
            (
                "api_server_url",
                !cluster.api_server_url.is_empty(),
                &[ServiceAccount, Token, Oidc, Certificate],
            ),
            ("oidc", cluster.oidc != super::OidcConfig::default(), &[Oidc]),
        ];
        for (key, set, methods) in uses {
            if set && !methods.contains(&method) {
                let words: Vec<_> = methods.iter().map(|method| method.word()).collect();
                self.refuse(
                    key,
                    format!(
                        "has no effect with auth_method {}; it is for {}",
                        method.word(),
                        words.join(", ")
                    ),
                );
            }
        }
        if matches!(method, ServiceAccount | Token | Oidc | Certificate) && !is_url(&cluster.api_server_url) {
            let what = if cluster.api_server_url.is_empty() { "required" } else { "not a URL" };
            self.refuse(
                "api_server_url",
                format!("{what} with auth_method {}; write https://HOST:PORT", method.word()),
            );
        }
        if inline && file {
            self.refuse("service_account_token_file", "give the token or its file, not both");
        }
        if method == Token && !inline && !file {
            self.refuse(
                "service_account_token",
                "required with auth_method token (or service_account_token_file)",
            );
        }
        if method == Oidc {
            self.oidc(cluster);
        }
        if !cluster.proxy_url.is_empty() && !is_url(&cluster.proxy_url) {
            self.refuse("proxy_url", "not a URL; write http://HOST:PORT");
        }
    }

    fn oidc(&mut self, cluster: &ClusterConfig) {
        let oidc = &cluster.oidc;
        if !is_url(&oidc.issuer_url) {
            self.refuse("oidc.issuer_url", "required with auth_method oidc; write https://ISSUER");
        }
        if oidc.client_id.is_empty() {
            self.refuse("oidc.client_id", "required with auth_method oidc");
        }
        if !is_set(&oidc.id_token_file) && !is_set(&oidc.refresh_token_file) {
            self.refuse("oidc.refresh_token_file", "give refresh_token_file, id_token_file or both");
        }
    }

    fn tls(&mut self, cluster: &ClusterConfig) {
        let tls = &cluster.tls_config;
        let ca = (is_set(&tls.ca_file), !tls.ca_data.is_empty());
        let cert = (is_set(&tls.cert_file), !tls.cert_data.is_empty());
        let key = (is_set(&tls.key_file), !tls.key_data.is_empty());
        for (name, pair) in [("ca", ca), ("cert", cert), ("key", key)] {
            if pair == (true, true) {
                self.refuse(
                    &format!("tls_config.{name}_data"),
                    format!("give {name}_file or {name}_data, not both"),
                );
            }
        }
        let (has_cert, has_key) = (cert.0 || cert.1, key.0 || key.1);
        if has_cert != has_key {
            let (there, missing) = if has_cert { ("certificate", "key") } else { ("key", "certificate") };
            self.refuse("tls_config", format!("has a client {there} without its {missing}"));
        }
        if cluster.auth_method == AuthMethod::Certificate && !has_cert && !has_key {
            self.refuse("tls_config", "cert_file and key_file are required with auth_method certificate");
        }
        if tls.insecure && (ca.0 || ca.1) {
            self.refuse("tls_config.insecure", "contradicts ca_file and ca_data; remove one of them");
        }
    }

    fn refuse(&mut self, key: &str, message: impl Into<String>) {
        let mut path = self.prefix.clone();
        path.extend(key.split('.').flat_map(steps));
        self.refuse_at(path, message);
    }

    fn refuse_at(&mut self, path: Vec<Step>, message: impl Into<String>) {
        self.problems.push(self.document.problem(&path, message));
    }
}

/// `audiences`, or `oidc[0]`.
fn steps(key: &str) -> Vec<Step> {
    match key.strip_suffix(']').and_then(|key| key.split_once('[')) {
        Some((list, index)) => {
            vec![Step::Key(list.to_owned()), Step::Index(index.parse().unwrap_or_default())]
        }
        None => vec![Step::Key(key.to_owned())],
    }
}

/// Finds a kind by its plural, singular or kind name, whatever the case.
///
/// # Errors
/// A message with the nearest name.
pub fn known_kind<'a>(name: &str, kinds: &[&'a KindMeta]) -> Result<&'a KindMeta, String> {
    let lower = name.to_lowercase();
    kinds
        .iter()
        .copied()
        .find(|kind| [kind.plural, kind.singular].contains(&&*lower) || kind.kind.to_lowercase() == lower)
        .ok_or_else(|| {
            let names = || kinds.iter().flat_map(|kind| [kind.plural, kind.singular]);
            let plurals: Vec<_> = kinds.iter().map(|kind| kind.plural).collect();
            format!("no kind {name:?}; known: {}{}", plurals.join(", "), did_you_mean(name, names()))
        })
}

/// Where callers aren't asked who they are, nobody beyond this machine may reach the server.
///
/// # Errors
/// A message that says what to do.
pub fn loopback_only(address: SocketAddr) -> Result<(), String> {
    if address.ip().to_canonical().is_loopback() {
        return Ok(());
    }
    let port = address.port();
    Err(format!(
        "{address} can be reached from other machines, and nobody would be asked who they are: configure \
         `authentication`, or use 127.0.0.1:{port} or [::1]:{port}"
    ))
}

fn is_set(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

fn is_url(text: &str) -> bool {
    text.parse::<http::Uri>().is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}

fn is_dns_label(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !name.starts_with('-')
        && !name.ends_with('-')
}
