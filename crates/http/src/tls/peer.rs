//! Certificates that clients show: verified when there is one, demanded from nobody.
//!
//! Two authorities are told apart. One signs the certificates of end users, which say who is calling. The other signs
//! those of a trusted proxy in front, whose word about who is calling may then be taken. Certificate revocation lists are
//! not read: whoever signs either kind keeps their lives short.

use std::{fmt, sync::Arc};

pub use fleetgraph_core::SignedBy;
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, UnixTime},
    server::{
        VerifierBuilderError, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

/// The certificate that the client of a connection has shown and proven to hold the key of. It is in the extensions of
/// each request on that connection.
///
/// It was verified when the connection began: whoever trusts it later looks at its validity again.
#[derive(Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    pub der: Arc<[u8]>,
    pub signed_by: SignedBy,
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { der, signed_by } = self;
        write!(f, "PeerCertificate({} bytes, signed by {signed_by:?})", der.len())
    }
}

/// Verifies against either authority.
#[derive(Debug)]
pub(super) struct Authorities {
    verifiers: Vec<(SignedBy, Arc<dyn ClientCertVerifier>)>,
    hints: Vec<DistinguishedName>,
}

impl Authorities {
    /// The roots must not be empty, and one of them at least must be given.
    pub fn new(
        provider: &Arc<CryptoProvider>,
        clients: Option<RootCertStore>,
        proxy: Option<RootCertStore>,
    ) -> Result<Self, VerifierBuilderError> {
        let mut authorities = Self { verifiers: Vec::new(), hints: Vec::new() };
        // A certificate that both have signed gives the lesser trust, so that of clients is asked first.
        for (signed_by, roots) in [(SignedBy::Clients, clients), (SignedBy::Proxy, proxy)] {
            let Some(roots) = roots else { continue };
            authorities.hints.extend(roots.subjects());
            let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            authorities.verifiers.push((signed_by, builder.allow_unauthenticated().build()?));
        }
        Ok(authorities)
    }

    /// Which authority has signed a chain.
    pub fn signer(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<SignedBy, Error> {
        let mut refused = Error::NoCertificatesPresented;
        for (signed_by, verifier) in &self.verifiers {
            match verifier.verify_client_cert(end_entity, intermediates, now) {
                Ok(_) => return Ok(*signed_by),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// The certificate of a finished handshake, as requests get it.
    pub fn peer(&self, chain: &[CertificateDer<'_>]) -> Option<PeerCertificate> {
        let (end_entity, intermediates) = chain.split_first()?;
        // The handshake has verified the chain; it does not say by whose word.
        let signed_by = self.signer(end_entity, intermediates, UnixTime::now()).ok()?;
        Some(PeerCertificate { der: Arc::from(end_entity.as_ref()), signed_by })
    }

    fn any(&self) -> Result<&Arc<dyn ClientCertVerifier>, Error> {
        self.verifiers.first().map(|(_, verifier)| verifier).ok_or(Error::NoCertificatesPresented)
    }
}

impl ClientCertVerifier for Authorities {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.signer(end_entity, intermediates, now).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any()?.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.any()?.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.any().map(|verifier| verifier.supported_verify_schemes()).unwrap_or_default()
    }
}
