//! Makes the server's side of TLS from the configured files, or says which of them is of no use.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject},
    server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier},
    version::{TLS12, TLS13},
};

use super::peer::Authorities;
use crate::{config::TlsConfig, files};

/// A bundle of every public authority has a quarter of this.
pub(super) const MAX_FILE: u64 = 1024 * 1024;

/// Why TLS can't be served from the configured files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("http.tls: {missing} is missing, which {given} needs")]
    Incomplete { missing: &'static str, given: &'static str },
    #[error("{} can't be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} holds no {what} in PEM: {source}", path.display())]
    Malformed { path: PathBuf, what: &'static str, source: pem::Error },
    #[error("{} holds no certificate in PEM", path.display())]
    Empty { path: PathBuf },
    #[error("{} holds a certificate that can't be read", path.display())]
    Certificate { path: PathBuf },
    #[error("the certificate in {} has expired", path.display())]
    Expired { path: PathBuf },
    #[error("the certificate in {} is not valid yet", path.display())]
    NotYetValid { path: PathBuf },
    #[error("{} and {} share an authority, so that every client would be taken for the proxy", clients.display(), proxy.display())]
    SharedAuthority { clients: PathBuf, proxy: PathBuf },
    #[error("the certificate and the key can't be used: {0}")]
    Unusable(#[from] rustls::Error),
    #[error("the authorities of client certificates can't be used: {0}")]
    Authorities(#[from] VerifierBuilderError),
}

/// What the files held at one time.
#[derive(Debug)]
pub(super) struct Generation {
    pub config: Arc<ServerConfig>,
    pub authorities: Option<Arc<Authorities>>,
}

impl Generation {
    pub fn read(config: &TlsConfig) -> Result<Self, TlsError> {
        let chain = certificates(&config.cert_file)?;
        check_validity(&config.cert_file, &chain[0], SystemTime::now())?;
        let key = private_key(&config.key_file)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let authorities = authorities(config)?
            .map(|(clients, proxy)| Authorities::new(&provider, clients, proxy))
            .transpose()?
            .map(Arc::new);
        let verifier = match &authorities {
            Some(authorities) => Arc::clone(authorities) as _,
            None => WebPkiClientVerifier::no_client_auth(),
        };
        let mut server = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])?
            .with_client_cert_verifier(verifier)
            // Compares the key with the certificate, so that one which was replaced before the other is not used.
            .with_single_cert(chain, key)?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if authorities.is_some() {
            // A resumed session keeps the client's certificate without looking at it again, expired or not.
            server.session_storage = Arc::new(NoServerSessionStorage {});
            server.send_tls13_tickets = 0;
        }
        Ok(Self { config: Arc::new(server), authorities })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    files::read(path, MAX_FILE).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

/// At least one certificate.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read(path)?;
    let found = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::Empty { path: path.to_owned() }),
        Ok(found) => Ok(found),
        Err(source) => Err(TlsError::Malformed { path: path.to_owned(), what: "certificate", source }),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = secrecy::SecretBox::new(Box::new(read(path)?));
    PrivateKeyDer::from_pem_slice(secrecy::ExposeSecret::expose_secret(&text))
        .map_err(|source| TlsError::Malformed { path: path.to_owned(), what: "private key", source })
}

/// The roots of clients and of the proxy; `None` when neither is configured.
type Roots = Option<(Option<RootCertStore>, Option<RootCertStore>)>;

fn authorities(config: &TlsConfig) -> Result<Roots, TlsError> {
    let configured = |path: &Path| (!path.as_os_str().is_empty()).then(|| certificates(path)).transpose();
    let clients = configured(&config.client_ca_file)?;
    let proxy = configured(&config.proxy_ca_file)?;
    let roots = |path: &Path, certificates: Vec<CertificateDer<'static>>| {
        let mut roots = RootCertStore::empty();
        for certificate in certificates {
            roots.add(certificate).map_err(|_| TlsError::Certificate { path: path.to_owned() })?;
        }
        Ok::<_, TlsError>(roots)
    };
    let clients = clients.map(|found| roots(&config.client_ca_file, found)).transpose()?;
    let proxy = proxy.map(|found| roots(&config.proxy_ca_file, found)).transpose()?;
    if let (Some(clients), Some(proxy)) = (&clients, &proxy) {
        // By key: one authority may have several certificates.
        let keys = |roots: &RootCertStore| {
            let keys = roots.roots.iter().map(|root| root.subject_public_key_info.as_ref().to_vec());
            keys.collect::<Vec<_>>()
        };
        let of_clients = keys(clients);
        if keys(proxy).iter().any(|key| of_clients.contains(key)) {
            let (clients, proxy) = (config.client_ca_file.clone(), config.proxy_ca_file.clone());
            return Err(TlsError::SharedAuthority { clients, proxy });
        }
    }
    Ok((clients.is_some() || proxy.is_some()).then_some((clients, proxy)))
}

fn check_validity(path: &Path, certificate: &CertificateDer<'_>, now: SystemTime) -> Result<(), TlsError> {
    let path = || path.to_owned();
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate)
        .map_err(|_| TlsError::Certificate { path: path() })?;
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if validity.not_after.timestamp() < now {
        return Err(TlsError::Expired { path: path() });
    }
    if validity.not_before.timestamp() > now {
        return Err(TlsError::NotYetValid { path: path() });
    }
    Ok(())
}
