//! Asks an issuer for its discovery document and its keys.
//!
//! A redirect is an error and not followed: whoever may be asked is in the configuration, or in the document that the
//! configured address serves. Each look makes a client of its own, which costs little once in some minutes, so that a
//! changed CA file is seen without watching it.

use std::error::Error as StdError;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;

use super::address::Address;
use super::keys::KeySet;
use crate::authn::OidcConfig;
use crate::authn::check::is_set;

const WELL_KNOWN: &str = "/.well-known/openid-configuration";
/// API servers have their keys in the second form alone.
const ACCEPTED: &str = "application/json, application/jwk-set+json";
/// No key set or discovery document comes near. In bytes.
const LARGEST: usize = 512 * 1024;

type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// What we need of a discovery document.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// The issuer's keys of now.
///
/// # Errors
/// What went wrong, for operators.
pub(super) async fn key_set(config: &OidcConfig) -> Result<KeySet, String> {
    let client = client(&config.ca_file).await?;
    let at = if config.discovery_url.is_empty() {
        format!("{}{WELL_KNOWN}", config.issuer.trim_end_matches('/'))
    } else {
        config.discovery_url.clone()
    };
    let at = Address::parse(&at)?;
    let body = get(&client, at.uri()).await?;
    let found: Discovery = serde_json::from_slice(&body)
        .map_err(|_| format!("{} answered with something else than a discovery document", at.uri()))?;
    if found.issuer != config.issuer {
        return Err(format!("the discovery document is that of {:?}", shortened(&found.issuer)));
    }
    let keys = Address::parse(&found.jwks_uri)
        .map_err(|wrong| format!("its jwks_uri {:?} is not usable: {wrong}", shortened(&found.jwks_uri)))?;
    if keys.is_plain() && !at.is_plain() {
        return Err("its jwks_uri is not https, while its discovery document is".to_owned());
    }
    let body = get(&client, keys.uri()).await?;
    KeySet::read(&body).map_err(|wrong| format!("{}: {wrong}", keys.uri()))
}

async fn client(ca_file: &Path) -> Result<Http, String> {
    let ca_file = ca_file.to_owned();
    // The machine's authorities are some hundred files, or one large one.
    let tls = tokio::task::spawn_blocking(move || tls(&ca_file));
    let tls = tls.await.map_err(|_| "reading the authorities was broken off".to_owned())??;
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new()).build(https))
}

fn tls(ca_file: &Path) -> Result<ClientConfig, String> {
    use hyper_rustls::ConfigBuilderExt;

    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    if !is_set(ca_file) {
        let builder = builder.with_native_roots();
        let builder =
            builder.map_err(|error| format!("this machine's authorities can't be read: {error}"))?;
        return Ok(builder.with_no_client_auth());
    }
    let unusable = |reason: &dyn std::fmt::Display| format!("ca_file {}: {reason}", ca_file.display());
    let pem = std::fs::read(ca_file).map_err(|error| unusable(&error))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
    }
    if roots.is_empty() {
        return Err(unusable(&"it holds no certificate"));
    }
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

async fn get(client: &Http, uri: &Uri) -> Result<Bytes, String> {
    let request = Request::get(uri.clone())
        .header(http::header::ACCEPT, ACCEPTED)
        .header(http::header::USER_AGENT, "fleetgraph")
        .body(Empty::new())
        .map_err(|error| format!("{uri}: {error}"))?;
    let response = client.request(request).await.map_err(|error| format!("{uri}: {}", chain(&error)))?;
    let status = response.status();
    if status.is_redirection() {
        return Err(format!("{uri} answered {status}; redirects are not followed"));
    }
    if status != StatusCode::OK {
        return Err(format!("{uri} answered {status}"));
    }
    let body = Limited::new(response.into_body(), LARGEST).collect().await;
    Ok(body.map_err(|error| format!("{uri}: {}", chain(&*error)))?.to_bytes())
}

/// The whole story of an error: its own text often says only that something failed.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}

/// What somebody else wrote, for a log.
fn shortened(text: &str) -> String {
    text.chars().take(200).collect()
}
