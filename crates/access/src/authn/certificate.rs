//! Callers who prove who they are by the certificate of their connection, read as kube-apiserver reads it: CN is the
//! user, each O a group.
//!
//! The listener verifies the chain and asks for the key; this reads what the certificate says, and knows when it ends.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::x509::AttributeTypeAndValue;

use super::names::Claimed;
use super::{Denied, SignedBy};

/// A client's certificate, as far as it says who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// Whose authorities have signed it, as the listener has found out.
    pub signed_by: SignedBy,
    /// CN of the subject; empty if there is none.
    pub common_name: String,
    /// O of the subject, in order.
    pub organizations: Vec<String>,
    /// DNS names among the subject's alternative names.
    pub dns_names: Vec<String>,
    pub not_after: SystemTime,
    /// SHA-256 of the whole certificate, in hexadecimal.
    pub fingerprint: String,
}

/// Why a certificate can't say who is calling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    #[error("the certificate can't be read")]
    Malformed,
    /// Readers differ in which of them is the user.
    #[error("the certificate's subject has more than one common name")]
    SeveralNames,
    #[error("the certificate's subject has a name in an encoding that isn't read")]
    Encoding,
    #[error("the certificate's end is no time")]
    End,
}

impl ClientCertificate {
    /// Reads a certificate whose chain the listener has verified.
    ///
    /// # Errors
    /// When it can't be read, or in more than one way.
    pub fn from_der(der: &[u8], signed_by: SignedBy) -> Result<Self, CertificateError> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateError::Malformed)?;
        if !rest.is_empty() {
            return Err(CertificateError::Malformed);
        }
        let subject = certificate.subject();
        let mut names = subject.iter_common_name();
        let common_name = names.next().map(text).transpose()?.unwrap_or_default();
        if names.next().is_some() {
            return Err(CertificateError::SeveralNames);
        }
        let organizations = subject.iter_organization().map(text).collect::<Result<_, _>>()?;
        let alternative = certificate.subject_alternative_name().map_err(|_| CertificateError::Malformed)?;
        let dns_names = alternative.iter().flat_map(|names| &names.value.general_names).filter_map(|name| {
            let GeneralName::DNSName(name) = name else { return None };
            Some((*name).to_owned())
        });
        let end = u64::try_from(certificate.validity().not_after.timestamp()).unwrap_or(0);
        Ok(Self {
            signed_by,
            common_name,
            organizations,
            dns_names: dns_names.collect(),
            not_after: UNIX_EPOCH.checked_add(Duration::from_secs(end)).ok_or(CertificateError::End)?,
            fingerprint: hex(digest::digest(&digest::SHA256, der).as_ref()),
        })
    }

    /// Who it says is calling.
    pub(super) fn claims(&self, now: SystemTime) -> Result<Claimed, Denied> {
        self.holds(now)?;
        if self.common_name.is_empty() {
            return Err(self.refused("its subject has no common name"));
        }
        Ok(Claimed {
            user: self.common_name.clone(),
            groups: self.organizations.clone(),
            ..Claimed::default()
        })
    }

    /// The listener looked when the connection was made, which may be long ago.
    pub(super) fn holds(&self, now: SystemTime) -> Result<(), Denied> {
        if self.not_after < now { Err(self.refused("it has expired")) } else { Ok(()) }
    }

    pub(super) fn refused(&self, why: &str) -> Denied {
        let fingerprint = self.fingerprint.get(..16).unwrap_or_default();
        Denied::Invalid(format!("client certificate {fingerprint}… is refused: {why}"))
    }
}

fn text(attribute: &AttributeTypeAndValue<'_>) -> Result<String, CertificateError> {
    attribute.as_str().map(ToOwned::to_owned).map_err(|_| CertificateError::Encoding)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    fn der(change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["alice.example".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "alice");
        params.distinguished_name.push(DnType::OrganizationName, "dev");
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 10]), "ops");
        change(&mut params);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn the_common_name_is_the_user_and_each_organization_a_group() {
        let end = rcgen::date_time_ymd(2100, 1, 2);
        let read =
            ClientCertificate::from_der(&der(|params| params.not_after = end), SignedBy::Clients).unwrap();
        assert_eq!((read.common_name.as_str(), read.signed_by), ("alice", SignedBy::Clients));
        assert_eq!(read.organizations, ["dev", "ops"]);
        assert_eq!(read.dns_names, ["alice.example"]);
        assert_eq!(read.not_after, SystemTime::from(end));
        assert_eq!(read.fingerprint.len(), 64);
        let claimed = read.claims(SystemTime::now()).unwrap();
        assert_eq!(
            (claimed.user.as_str(), claimed.groups),
            ("alice", vec!["dev".to_owned(), "ops".to_owned()])
        );
    }

    #[test]
    fn a_certificate_without_a_name_or_past_its_end_is_nobodys() {
        let nameless = der(|params| params.distinguished_name = rcgen::DistinguishedName::new());
        let nameless = ClientCertificate::from_der(&nameless, SignedBy::Clients).unwrap();
        assert!(nameless.claims(SystemTime::now()).is_err());
        let read = ClientCertificate::from_der(&der(|_| {}), SignedBy::Clients).unwrap();
        assert!(read.claims(read.not_after).is_ok());
        assert!(read.claims(read.not_after + Duration::from_secs(1)).is_err());
    }

    #[test]
    fn two_common_names_are_refused() {
        let two =
            der(|params| params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "root"));
        assert_eq!(ClientCertificate::from_der(&two, SignedBy::Clients), Err(CertificateError::SeveralNames));
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = ClientCertificate::from_der(&bytes, SignedBy::Clients);
        }

        #[test]
        fn no_changed_byte_makes_reading_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            static GOOD: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| der(|_| {}));
            let mut bytes = GOOD.clone();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = ClientCertificate::from_der(&bytes, SignedBy::Clients);
        }
    }
}
