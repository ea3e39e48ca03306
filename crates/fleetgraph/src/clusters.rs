//! From the configuration to the clusters that the registry shall connect to.
//!
//! ```text
//! --context NAME …   those contexts of the kubeconfig
//! clusters: […]      those of the configuration
//! neither            every context of the kubeconfig, or else the pod's own cluster
//! ```

use std::path::Path;

use cluster_registry::connection::{
    self, AccessRule, Auth, ClusterSpec, ConnectError, DiscoverOptions, Discovery, TlsSpec, Token, discover,
};
use fleetgraph_core::ClusterId;

use crate::config::{AccessMode, AuthMethod, ClusterConfig, Config, TlsConfig, WriteAs};
use crate::connected::Configured;

/// The same clusters, each with what the configuration says of it.
pub fn configured(config: &Config, contexts: &[String]) -> (Vec<Configured>, Vec<ConnectError>) {
    let Discovery { clusters, problems } = find(config, contexts);
    let of_file = |id: &ClusterId| {
        let cluster = config.clusters.iter().find(|cluster| cluster.id == id.as_str());
        cluster.filter(|_| contexts.is_empty()).cloned()
    };
    let clusters = clusters.into_iter().map(|spec| Configured { config: of_file(&spec.id), spec });
    (clusters.collect(), problems)
}

/// The clusters, and what of the kubeconfig can't be used; that never stops the others.
fn find(config: &Config, contexts: &[String]) -> Discovery {
    if !contexts.is_empty() {
        return only(discover(&DiscoverOptions::default()), contexts);
    }
    if config.clusters.is_empty() {
        return discover(&DiscoverOptions::default());
    }
    // The configuration was checked, so that every id is valid.
    let clusters = config.clusters.iter().filter_map(|cluster| spec(cluster).ok()).collect();
    Discovery { clusters, problems: Vec::new() }
}

fn only(mut found: Discovery, contexts: &[String]) -> Discovery {
    let named = |spec: &ClusterSpec| match &spec.auth {
        Auth::Kubeconfig { context: Some(context), .. } => Some(context.clone()),
        _ => None,
    };
    let known: Vec<String> = found.clusters.iter().filter_map(named).collect();
    found.clusters.retain(|spec| named(spec).is_some_and(|context| contexts.contains(&context)));
    for wanted in contexts.iter().filter(|wanted| !known.contains(wanted)) {
        found.problems.push(ConnectError::MissingContext { wanted: wanted.clone(), known: known.clone() });
    }
    found
}

fn spec(cluster: &ClusterConfig) -> Result<ClusterSpec, fleetgraph_core::Error> {
    let id = ClusterId::new(&cluster.id)?;
    Ok(ClusterSpec {
        name: if cluster.name.is_empty() { cluster.id.clone() } else { cluster.name.clone() },
        environment: cluster.environment.clone(),
        region: text(&cluster.region),
        tenant: cluster.tenant.as_str().into(),
        access: match cluster.access_mode {
            AccessMode::Auto => AccessRule::Auto,
            AccessMode::Rbac => AccessRule::Rbac,
            AccessMode::Reviews => AccessRule::Reviews,
        },
        write_as: match cluster.write_as {
            WriteAs::Impersonation => connection::WriteAs::Impersonation,
            WriteAs::Token => connection::WriteAs::Token,
        },
        tls: tls(&cluster.tls_config),
        proxy_url: text(&cluster.proxy_url),
        qps: cluster.qps,
        burst: cluster.burst,
        timeout: cluster.timeout,
        ..ClusterSpec::new(id, auth(cluster))
    })
}

fn auth(cluster: &ClusterConfig) -> Auth {
    let server = cluster.api_server_url.clone();
    let inline = || Token::Inline(cluster.service_account_token.get());
    let token = if cluster.service_account_token.is_empty() {
        token_file(&cluster.service_account_token_file)
    } else {
        Some(inline())
    };
    match cluster.auth_method {
        AuthMethod::Kubeconfig => Auth::Kubeconfig {
            paths: path(&cluster.kubeconfig_path).into_iter().collect(),
            context: text(&cluster.kubeconfig_context),
        },
        AuthMethod::InCluster => Auth::InCluster,
        // The configuration was checked: there is a token.
        AuthMethod::Token => Auth::Token { server, token: token.unwrap_or_else(inline) },
        AuthMethod::ServiceAccount => Auth::ServiceAccount { server, token },
        AuthMethod::Oidc => Auth::Oidc {
            server,
            issuer_url: cluster.oidc.issuer_url.clone(),
            client_id: cluster.oidc.client_id.clone(),
            client_secret: Some(&cluster.oidc.client_secret)
                .filter(|secret| !secret.is_empty())
                .map(|secret| secret.get()),
            id_token: token_file(&cluster.oidc.id_token_file),
            refresh_token: token_file(&cluster.oidc.refresh_token_file),
        },
        AuthMethod::Certificate => Auth::Certificate { server },
    }
}

fn tls(tls: &TlsConfig) -> TlsSpec {
    TlsSpec {
        ca_file: path(&tls.ca_file),
        ca_data: text(&tls.ca_data),
        cert_file: path(&tls.cert_file),
        cert_data: text(&tls.cert_data),
        key_file: path(&tls.key_file),
        key_data: Some(&tls.key_data).filter(|key| !key.is_empty()).map(|key| key.get()),
        server_name: text(&tls.server_name),
        insecure: tls.insecure,
    }
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn path(path: &Path) -> Option<std::path::PathBuf> {
    (!path.as_os_str().is_empty()).then(|| path.to_owned())
}

fn token_file(file: &Path) -> Option<Token> {
    path(file).map(Token::File)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn configured(method: AuthMethod) -> ClusterConfig {
        ClusterConfig {
            id: "prod-eu".into(),
            auth_method: method,
            api_server_url: "https://api".into(),
            ..ClusterConfig::default()
        }
    }

    #[test]
    fn what_is_configured_reaches_the_connection() {
        let cluster = ClusterConfig {
            name: "Production".into(),
            region: "eu-west-1".into(),
            service_account_token: "hush".into(),
            qps: 7.5,
            burst: 9,
            timeout: Duration::from_secs(3),
            tls_config: TlsConfig {
                ca_file: "/ca.crt".into(),
                key_data: "key".into(),
                ..TlsConfig::default()
            },
            ..configured(AuthMethod::Token)
        };
        let spec = spec(&cluster).unwrap();
        assert_eq!((spec.name.as_str(), spec.region.as_deref()), ("Production", Some("eu-west-1")));
        assert_eq!((spec.qps, spec.burst, spec.timeout), (7.5, 9, Duration::from_secs(3)));
        assert_eq!(spec.tls.ca_file.as_deref(), Some(Path::new("/ca.crt")));
        assert!(spec.tls.key_data.is_some() && spec.tls.cert_file.is_none());
        assert!(
            matches!(spec.auth, Auth::Token { token: Token::Inline(_), ref server } if server == "https://api")
        );
    }

    #[test]
    fn each_method_becomes_its_own_kind_of_access() {
        let auth = |method| auth(&configured(method));
        assert!(
            matches!(auth(AuthMethod::Kubeconfig), Auth::Kubeconfig { paths, context: None } if paths.is_empty())
        );
        assert!(matches!(auth(AuthMethod::InCluster), Auth::InCluster));
        assert!(matches!(auth(AuthMethod::ServiceAccount), Auth::ServiceAccount { token: None, .. }));
        assert!(matches!(
            auth(AuthMethod::Oidc),
            Auth::Oidc { refresh_token: None, client_secret: None, .. }
        ));
        assert!(matches!(auth(AuthMethod::Certificate), Auth::Certificate { .. }));
    }

    #[test]
    fn chosen_contexts_are_kept_and_a_missing_one_is_named() {
        let spec = |context: &str| {
            ClusterSpec::new(
                ClusterId::new(context).unwrap(),
                Auth::Kubeconfig { paths: Vec::new(), context: Some(context.to_owned()) },
            )
        };
        let found = Discovery { clusters: vec![spec("a"), spec("b"), spec("c")], problems: Vec::new() };
        let kept = only(found, &["c".to_owned(), "x".to_owned()]);
        assert_eq!(kept.clusters.len(), 1);
        assert_eq!(kept.clusters[0].id.as_str(), "c");
        assert!(matches!(&kept.problems[..], [ConnectError::MissingContext { wanted, .. }] if wanted == "x"));
    }
}
