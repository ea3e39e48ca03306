//! How somebody proves to the API server who they are, as a kubeconfig can say it.

use crate::pki::ClientCertificate;

#[derive(Debug, Clone)]
pub enum Credentials {
    Certificate(ClientCertificate),
    Bearer(String),
    /// The API server calls them `system:anonymous`.
    Anonymous,
}

impl From<ClientCertificate> for Credentials {
    fn from(certificate: ClientCertificate) -> Self {
        Self::Certificate(certificate)
    }
}
