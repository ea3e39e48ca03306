//! From a [`ClusterSpec`] to what kube needs: every file read, every reference followed, every secret in hand.
//!
//! All contents are taken in at once and the result holds no path any more, so that one resolution is consistent
//! in itself and two of them can be compared. The paths are returned beside it, for [`FileSet`] to watch.
//! Everything here blocks; it runs on the blocking pool.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use kube::config::{AuthInfo, AuthProviderConfig, Config, ExecInteractiveMode};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};

use super::{
    ClusterSpec, ConnectError,
    files::FileSet,
    kubeconfig,
    spec::{Auth, POD_CA_FILE, POD_TOKEN_FILE, TlsSpec, Token},
};

/// An ID token that has been expired since 1970: kube refreshes an expired one before the first request, which is
/// how a cluster with nothing but a refresh token gets its first.
const EXPIRED_ID_TOKEN: &str = "e30.eyJleHAiOjB9.";

pub(super) struct Resolved {
    pub(super) config: Config,
    pub(super) files: FileSet,
    /// Whether a plugin makes the credentials, so that asking again may bring others though no file changed.
    pub(super) plugin: Option<String>,
}

/// Settings that no file can cure.
pub(super) fn check(spec: &ClusterSpec) -> Result<(), ConnectError> {
    let bad = |text: &str| Err(ConnectError::Spec(format!("cluster {}: {text}", spec.id)));
    if !(spec.qps.is_finite() && spec.qps > 0.0) {
        return bad("qps must be a positive number");
    }
    if spec.burst == 0 {
        return bad("burst must be at least 1");
    }
    if spec.timeout.is_zero() {
        return bad("timeout must be longer than zero");
    }
    let tls = &spec.tls;
    for (name, file, data) in [
        ("ca", tls.ca_file.is_some(), tls.ca_data.is_some()),
        ("cert", tls.cert_file.is_some(), tls.cert_data.is_some()),
        ("key", tls.key_file.is_some(), tls.key_data.is_some()),
    ] {
        if file && data {
            return bad(&format!("both tls {name}_file and {name}_data are set; keep one"));
        }
    }
    let cert = tls.cert_file.is_some() || tls.cert_data.is_some();
    let key = tls.key_file.is_some() || tls.key_data.is_some();
    if cert != key {
        return bad("a client certificate needs both cert and key");
    }
    match &spec.auth {
        Auth::ServiceAccount { server, .. }
        | Auth::Token { server, .. }
        | Auth::Oidc { server, .. }
        | Auth::Certificate { server } => server_url(server).map(|_| ())?,
        Auth::Kubeconfig { .. } | Auth::InCluster => {}
    }
    if let Auth::Oidc { id_token: None, refresh_token: None, .. } = &spec.auth {
        return bad("oidc needs an id token, a refresh token, or both");
    }
    if let Auth::Oidc { issuer_url, .. } = &spec.auth
        && !issuer_url.starts_with("https://")
    {
        return bad("the oidc issuer URL must start with https://");
    }
    spec.proxy_url.as_deref().map_or(Ok(()), |proxy| proxy_url(proxy).map(|_| ()))?;
    check_guarded(spec)
}

/// A cluster that somebody outside has named makes nothing here be read, run or asked but its API server.
fn check_guarded(spec: &ClusterSpec) -> Result<(), ConnectError> {
    let Some(guard) = &spec.guard else { return Ok(()) };
    match &spec.auth {
        Auth::Token { server, token: Token::Inline(_) } | Auth::Certificate { server }
            if files_of(spec).is_empty() =>
        {
            guard.check(&server_url(server)?).map_err(|refused| ConnectError::Spec(refused.to_string()))
        }
        _ => Err(ConnectError::Spec(format!(
            "cluster {}: its credentials must be a token or a client certificate, given as they are",
            spec.id
        ))),
    }
}

/// Reads everything that `spec` refers to.
pub(super) fn resolve(spec: &ClusterSpec) -> Result<Resolved, ConnectError> {
    let mut files = files_of(spec);
    // Looked at before they are read: see `FileSet::look`.
    let seen = FileSet::look(files.iter().cloned());
    let (mut config, referenced) = base(spec)?;
    let seen = if referenced.is_empty() {
        seen
    } else {
        files.extend(referenced);
        FileSet::look(files)
    };
    config.default_retry = false;
    apply_tls(&mut config, &spec.tls)?;
    inline(&mut config.auth_info)?;
    if let Some(proxy) = &spec.proxy_url {
        config.proxy_url = Some(proxy_url(proxy)?);
    }
    let plugin = plugin(&mut config.auth_info)?;
    Ok(Resolved { config, files: seen, plugin })
}

/// The files that a spec itself names; what a kubeconfig refers to comes on top when it can be read.
pub(super) fn files_of(spec: &ClusterSpec) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let tls = &spec.tls;
    files.extend([&tls.ca_file, &tls.cert_file, &tls.key_file].into_iter().flatten().cloned());
    let mut token = |token: &Token| {
        if let Token::File(path) = token {
            files.push(path.clone());
        }
    };
    match &spec.auth {
        Auth::Kubeconfig { paths, .. } => files.extend(kubeconfig::paths(paths)),
        Auth::InCluster => files.extend([PathBuf::from(POD_TOKEN_FILE), PathBuf::from(POD_CA_FILE)]),
        Auth::ServiceAccount { token: Some(t), .. } | Auth::Token { token: t, .. } => token(t),
        Auth::ServiceAccount { token: None, .. } => files.push(PathBuf::from(POD_TOKEN_FILE)),
        Auth::Oidc { id_token, refresh_token, .. } => {
            id_token.iter().chain(refresh_token).for_each(token);
        }
        Auth::Certificate { .. } => {}
    }
    files
}

fn base(spec: &ClusterSpec) -> Result<(Config, Vec<PathBuf>), ConnectError> {
    let with_token = |server: &str, token: &Token| {
        let mut config = Config::new(server_url(server)?);
        config.auth_info.token = Some(read_token(token)?);
        Ok((config, Vec::new()))
    };
    match &spec.auth {
        Auth::Kubeconfig { paths, context } => kubeconfig::load(paths, context.as_deref()),
        Auth::InCluster => {
            let mut config =
                Config::incluster().map_err(|error| ConnectError::NotInCluster(error.to_string()))?;
            // The certificate authority is watched here, together with everything else.
            config.root_cert_file = None;
            Ok((config, Vec::new()))
        }
        Auth::ServiceAccount { server, token: None } => {
            with_token(server, &Token::File(PathBuf::from(POD_TOKEN_FILE)))
        }
        Auth::ServiceAccount { server, token: Some(token) } | Auth::Token { server, token } => {
            with_token(server, token)
        }
        Auth::Certificate { server } => Ok((Config::new(server_url(server)?), Vec::new())),
        Auth::Oidc { server, .. } => {
            let mut config = Config::new(server_url(server)?);
            config.auth_info.auth_provider = Some(oidc_provider(&spec.auth)?);
            Ok((config, Vec::new()))
        }
    }
}

fn oidc_provider(auth: &Auth) -> Result<AuthProviderConfig, ConnectError> {
    let mut provider = AuthProviderConfig { name: "oidc".into(), ..AuthProviderConfig::default() };
    if let Auth::Oidc { issuer_url, client_id, client_secret, id_token, refresh_token, .. } = auth {
        let mut set = |key: &str, value: String| provider.config.insert(key.to_owned(), value);
        set("idp-issuer-url", issuer_url.clone());
        set("client-id", client_id.clone());
        // kube wants one even for public clients.
        set("client-secret", client_secret.as_ref().map_or("", |s| s.expose_secret()).to_owned());
        let id = id_token.as_ref().map(read_token).transpose()?;
        set("id-token", id.as_ref().map_or(EXPIRED_ID_TOKEN, |s| s.expose_secret()).to_owned());
        if let Some(token) = refresh_token {
            set("refresh-token", read_token(token)?.expose_secret().to_owned());
        }
    }
    Ok(provider)
}

fn apply_tls(config: &mut Config, tls: &TlsSpec) -> Result<(), ConnectError> {
    if let Some(certs) = authority(tls.ca_file.as_deref(), tls.ca_data.as_deref())? {
        config.root_cert = Some(certs);
    }
    let cert = material("client certificate", tls.cert_file.as_deref(), tls.cert_data.as_deref())?;
    let key = tls.key_data.as_ref().map(|data| data.expose_secret());
    let key = material("client key", tls.key_file.as_deref(), key)?;
    if let (Some(cert), Some(key)) = (cert, key) {
        config.auth_info.client_certificate_data = Some(STANDARD.encode(cert));
        config.auth_info.client_key_data = Some(STANDARD.encode(key).into());
    }
    if tls.server_name.is_some() {
        config.tls_server_name.clone_from(&tls.server_name);
    }
    config.accept_invalid_certs |= tls.insecure;
    Ok(())
}

/// The certificates that may have signed the server's, as DER.
pub(super) fn authority(
    file: Option<&Path>,
    data: Option<&str>,
) -> Result<Option<Vec<Vec<u8>>>, ConnectError> {
    let what = "certificate authority";
    let Some(pem) = material(what, file, data)? else { return Ok(None) };
    let certs = CertificateDer::pem_slice_iter(&pem)
        .map(|cert| cert.map(|der| der.to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| ConnectError::Material { what, reason: error.to_string() })?;
    if certs.is_empty() {
        let reason = "it holds no PEM certificate (-----BEGIN CERTIFICATE-----)".into();
        return Err(ConnectError::Material { what, reason });
    }
    Ok(Some(certs))
}

/// Replaces each path in the credentials by what stands in the file.
fn inline(auth: &mut AuthInfo) -> Result<(), ConnectError> {
    if let Some(path) = auth.token_file.take() {
        // As in client-go, a readable file goes before a token in the kubeconfig.
        match read_token(&Token::File(path.into())) {
            Ok(token) => auth.token = Some(token),
            Err(error) if auth.token.is_none() => return Err(error),
            Err(_) => {}
        }
    }
    if let Some(token) = &auth.token {
        check_token(token)?;
    }
    if let Some(path) = auth.client_certificate.take()
        && auth.client_certificate_data.is_none()
    {
        auth.client_certificate_data = Some(STANDARD.encode(read("client certificate", Path::new(&path))?));
    }
    if let Some(path) = auth.client_key.take()
        && auth.client_key_data.is_none()
    {
        auth.client_key_data = Some(STANDARD.encode(read("client key", Path::new(&path))?).into());
    }
    Ok(())
}

/// Readies a credential plugin to be run by a server, and names it.
fn plugin(auth: &mut AuthInfo) -> Result<Option<String>, ConnectError> {
    let Some(exec) = &mut auth.exec else { return Ok(None) };
    let command = exec.command.clone().unwrap_or_default();
    if exec.interactive_mode == Some(ExecInteractiveMode::Always) {
        return Err(ConnectError::PluginFailed {
            command,
            reason: "it wants to ask a person, and a server has nobody to ask".into(),
        });
    }
    exec.interactive_mode = Some(ExecInteractiveMode::Never);
    Ok(Some(command))
}

pub(super) fn material(
    what: &'static str,
    file: Option<&Path>,
    data: Option<&str>,
) -> Result<Option<Vec<u8>>, ConnectError> {
    match (file, data) {
        (Some(path), _) => read(what, path).map(Some),
        (None, Some(data)) if data.contains("-----BEGIN") => Ok(Some(data.as_bytes().to_vec())),
        (None, Some(data)) => {
            let compact: String = data.split_ascii_whitespace().collect();
            STANDARD.decode(compact).map(Some).map_err(|_| ConnectError::Material {
                what,
                reason: "the data is neither PEM nor the base64 of PEM".into(),
            })
        }
        (None, None) => Ok(None),
    }
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, ConnectError> {
    fs::read(path).map_err(|error| ConnectError::File { what, path: path.into(), reason: error.to_string() })
}

fn read_token(token: &Token) -> Result<SecretString, ConnectError> {
    let secret = match token {
        Token::Inline(secret) => SecretString::from(secret.expose_secret().trim()),
        Token::File(path) => {
            let bytes = read("token file", path)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| ConnectError::File {
                what: "token file",
                path: path.clone(),
                reason: "it is not text".into(),
            })?;
            SecretString::from(text.trim())
        }
    };
    check_token(&secret)?;
    Ok(secret)
}

/// kube panics on a token that can't stand in a header.
pub(super) fn check_token(token: &SecretString) -> Result<(), ConnectError> {
    let token = token.expose_secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConnectError::Spec(
            "the bearer token is empty or holds characters that no token has (line breaks, spaces)".into(),
        ));
    }
    Ok(())
}

pub(super) fn server_url(server: &str) -> Result<http::Uri, ConnectError> {
    let url: http::Uri = server.parse().map_err(|error| {
        ConnectError::Spec(format!("the API server's URL {server:?} is not valid: {error}"))
    })?;
    match (url.scheme_str(), url.host()) {
        (Some("https" | "http"), Some(_)) => Ok(url),
        _ => Err(ConnectError::Spec(format!(
            "the API server's URL {server:?} must look like https://host:6443"
        ))),
    }
}

pub(super) fn proxy_url(proxy: &str) -> Result<http::Uri, ConnectError> {
    // Not quoted whole in an error: it may hold a password.
    let shown = proxy.rsplit('@').next().unwrap_or_default();
    let url: http::Uri = proxy.parse().map_err(|_| ConnectError::Proxy(shown.into()))?;
    match (url.scheme_str(), url.host()) {
        (Some("https" | "http"), Some(_)) => Ok(url),
        _ => Err(ConnectError::Proxy(shown.into())),
    }
}
