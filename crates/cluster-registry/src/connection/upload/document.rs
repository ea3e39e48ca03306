//! What is stored of a connection: JSON that nobody sees but who opens the seal.

use secrecy::{ExposeSecret, SecretSlice};
use serde::{Deserialize, Serialize};

use super::{UploadError, UploadRules, Uploaded};

/// Goes up when an older release would misread what a newer one writes.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<T> {
    version: u32,
    server: T,
    authority: Option<T>,
    server_name: Option<T>,
    insecure: bool,
    proxy_url: Option<T>,
    token: Option<T>,
    certificate: Option<T>,
    key: Option<T>,
}

impl Uploaded {
    /// The whole connection, secrets included, to be sealed.
    #[must_use]
    pub fn to_document(&self) -> SecretSlice<u8> {
        let document = Document {
            version: VERSION,
            server: &*self.server,
            authority: self.authority.as_deref(),
            server_name: self.server_name.as_deref(),
            insecure: self.insecure,
            proxy_url: self.proxy_url.as_deref(),
            token: self.token.as_ref().map(|token| token.expose_secret()),
            certificate: self.identity.as_ref().map(|(certificate, _)| &**certificate),
            key: self.identity.as_ref().map(|(_, key)| key.expose_secret()),
        };
        // Nothing but texts and numbers, which always can be written.
        SecretSlice::from(serde_json::to_vec(&document).unwrap_or_default())
    }

    /// Reads what [`Uploaded::to_document`] wrote, and checks it by the rules of today.
    ///
    /// # Errors
    /// When it isn't such a document, or isn't accepted any more.
    pub fn from_document(document: &SecretSlice<u8>, rules: &UploadRules) -> Result<Self, UploadError> {
        let read: Document<String> =
            serde_json::from_slice(document.expose_secret()).map_err(|_| UploadError::Stored)?;
        if read.version != VERSION {
            return Err(UploadError::Stored);
        }
        let identity = match (read.certificate, read.key) {
            (Some(certificate), Some(key)) => Some((certificate, key.into())),
            (None, None) => None,
            _ => return Err(UploadError::Stored),
        };
        let this = Self {
            server: read.server,
            authority: read.authority,
            server_name: read.server_name,
            insecure: read.insecure,
            proxy_url: read.proxy_url,
            token: read.token.map(Into::into),
            identity,
        };
        this.checked(rules)
    }
}
