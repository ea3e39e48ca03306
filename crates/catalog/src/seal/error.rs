//! What goes wrong with sealing. No text holds a key or a value.

/// Why a value could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("no key is configured to seal with")]
    NoKey,
    /// A configured key can't be used as it is.
    #[error("{source_name}: {why}")]
    BadKey { source_name: String, why: String },
    #[error("the sealed value needs the key {0:?}, which isn't among the configured ones")]
    UnknownKey(String),
    #[error("this isn't a sealed value")]
    NotSealed,
    #[error("the sealed value has the version {0}, which this release doesn't know")]
    UnknownVersion(u8),
    #[error("the sealed value is cut short, or something was added to it")]
    WrongLength,
    #[error("the sealed value belongs to another table, row or tenant")]
    WrongPlace,
    #[error("the sealed value, or the data key in it, was changed")]
    Changed,
    #[error("the value is too long to be sealed")]
    TooLong,
    #[error("the cryptographic library failed")]
    Crypto,
}

impl SealError {
    /// Whether the same call may succeed later, without anyone changing it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        false
    }
}
