//! How to reach a cluster, as somebody outside says it: a kubeconfig that was uploaded, or a server with a token. Read
//! strictly, because it is read here and not on the machine of who wrote it.
//!
//! ```text
//!   kubeconfig, context ──┐
//!                         ├─► checked, everything inline ─► Uploaded ─┬─► ClusterSpec with a guard
//!   server, token, CA ────┘                     ▲                     └─► document, to be sealed ──┐
//!                                               └──────────────────────────────────────────────────┘
//! ```
//!
//! What is accepted names no file, runs no program, and leads nowhere but to addresses that connections may go to.

mod document;
mod error;
mod kubeconfig;

use fleetgraph_core::ClusterId;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};

pub use self::error::UploadError;
use super::{
    Auth, ClusterSpec, TlsSpec, Token,
    guard::Guard,
    resolve::{authority, check_token, material, proxy_url, server_url},
};

/// The longest kubeconfig, and the longest sum of what is given directly, in bytes.
pub const MAX_BYTES: usize = 64 << 10;
/// The longest URL of an API server.
const MAX_URL: usize = 2048;

/// What is allowed to those who connect clusters.
#[derive(Debug, Clone, Default)]
pub struct UploadRules {
    /// Where connections may go.
    pub guard: Guard,
    /// Whether the API server's certificate may go unchecked.
    pub allow_insecure: bool,
    /// Whether a cluster may name a proxy.
    pub allow_proxy: bool,
}

/// A connection to a cluster with everything inline, checked. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub struct Uploaded {
    server: String,
    authority: Option<String>,
    server_name: Option<String>,
    insecure: bool,
    proxy_url: Option<String>,
    token: Option<SecretString>,
    /// A client certificate and its key.
    identity: Option<(String, SecretString)>,
}

/// A server and what to tell it.
#[derive(Debug, Clone, Default)]
pub struct Direct {
    /// `https://host:6443`
    pub server: String,
    pub token: Option<SecretString>,
    /// PEM, or the base64 of PEM; without it, the authorities that this machine trusts.
    pub authority: Option<String>,
    /// The name that the server's certificate must hold, where it isn't the host in the URL.
    pub server_name: Option<String>,
}

impl Uploaded {
    /// One context of a kubeconfig; without a name, its current one, or its only one.
    ///
    /// # Errors
    /// When it isn't one, or names anything that isn't accepted.
    pub fn kubeconfig(
        text: &SecretString,
        context: Option<&str>,
        rules: &UploadRules,
    ) -> Result<Self, UploadError> {
        kubeconfig::read(text.expose_secret(), context)?.checked(rules)
    }

    /// # Errors
    /// When something of it can't be used, or isn't accepted.
    pub fn direct(direct: Direct, rules: &UploadRules) -> Result<Self, UploadError> {
        let Direct { server, token, authority, server_name } = direct;
        let bytes = server.len()
            + token.as_ref().map_or(0, |token| token.expose_secret().len())
            + [&authority, &server_name].into_iter().flatten().map(String::len).sum::<usize>();
        if bytes > MAX_BYTES {
            return Err(UploadError::TooLong);
        }
        let this =
            Self { server, authority, server_name, insecure: false, proxy_url: None, token, identity: None };
        this.checked(rules)
    }

    /// Where the API server is.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The cluster, to be connected to within the rules.
    #[must_use]
    pub fn spec(&self, id: ClusterId, rules: &UploadRules) -> ClusterSpec {
        let server = self.server.clone();
        let auth = match &self.token {
            Some(token) => Auth::Token { server, token: Token::Inline(token.clone()) },
            None => Auth::Certificate { server },
        };
        ClusterSpec {
            tls: TlsSpec {
                ca_data: self.authority.clone(),
                cert_data: self.identity.as_ref().map(|(certificate, _)| certificate.clone()),
                key_data: self.identity.as_ref().map(|(_, key)| key.clone()),
                server_name: self.server_name.clone(),
                insecure: self.insecure,
                ..TlsSpec::default()
            },
            proxy_url: self.proxy_url.clone(),
            guard: Some(rules.guard.clone()),
            ..ClusterSpec::new(id, auth)
        }
    }

    /// Everything that can be known without asking anybody.
    fn checked(self, rules: &UploadRules) -> Result<Self, UploadError> {
        self.check_server(rules)?;
        let unusable = |what| move |_| UploadError::Unusable(what);
        if self.insecure && !rules.allow_insecure {
            return Err(UploadError::Insecure);
        }
        if self.insecure && self.authority.is_some() {
            return Err(UploadError::Contradiction);
        }
        authority(None, self.authority.as_deref()).map_err(unusable("certificate authority"))?;
        if let Some(name) = &self.server_name {
            ServerName::try_from(name.as_str()).map_err(|_| UploadError::Unusable("TLS server name"))?;
        }
        if let Some(proxy) = &self.proxy_url {
            if !rules.allow_proxy {
                return Err(UploadError::Proxy);
            }
            let url = proxy_url(proxy).map_err(unusable("proxy URL"))?;
            // It would stand in what is shown of a connection.
            if proxy.len() > MAX_URL
                || url.authority().is_none_or(|authority| authority.as_str().contains('@'))
            {
                return Err(UploadError::Unusable("proxy URL"));
            }
        }
        if let Some(token) = &self.token {
            check_token(token).map_err(unusable("token"))?;
        }
        if let Some((certificate, key)) = &self.identity {
            check_identity(certificate, key)?;
        }
        if self.token.is_none() && self.identity.is_none() {
            return Err(UploadError::NoCredentials);
        }
        Ok(self)
    }

    fn check_server(&self, rules: &UploadRules) -> Result<(), UploadError> {
        let unusable = UploadError::Unusable("API server's URL");
        if self.server.len() > MAX_URL {
            return Err(unusable);
        }
        let Ok(url) = server_url(&self.server) else { return Err(unusable) };
        if url.authority().is_none_or(|authority| authority.as_str().contains('@')) || url.query().is_some() {
            return Err(unusable);
        }
        Ok(rules.guard.check(&url)?)
    }
}

fn check_identity(certificate: &str, key: &SecretString) -> Result<(), UploadError> {
    let no_certificate = UploadError::Unusable("client certificate");
    let no_key = UploadError::Unusable("client key");
    let Ok(Some(certificate)) = material("client certificate", None, Some(certificate)) else {
        return Err(no_certificate);
    };
    if CertificateDer::from_pem_slice(&certificate).is_err() {
        return Err(no_certificate);
    }
    let Ok(Some(key)) = material("client key", None, Some(key.expose_secret())) else { return Err(no_key) };
    let key = zeroize::Zeroizing::new(key);
    if PrivateKeyDer::from_pem_slice(&key).is_err() { Err(no_key) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
