//! A secret in the configuration: it can be read from a file and handed to a connection, and shown nowhere.

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A token. `Debug` and serialisation never show it, and neither does the error for a value of the wrong type.
#[derive(Clone, Default)]
pub struct Secret(SecretString);

impl Secret {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.expose_secret().is_empty()
    }

    /// The secret itself, for the connection that needs it.
    #[must_use]
    pub fn get(&self) -> SecretString {
        self.0.clone()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_empty() { "(none)" } else { "(hidden)" })
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(if self.is_empty() { "" } else { "(hidden)" })
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // The usual error would quote the value.
        let text = String::deserialize(from).map_err(|_| {
            D::Error::custom("must be text in quotes (the value is a secret and isn't shown)")
        })?;
        Ok(Self(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_shown() {
        let secret = Secret::from("s3cret-token");
        assert!(!format!("{secret:?}").contains("s3cret"));
        assert!(!serde_json::to_string(&secret).unwrap().contains("s3cret"));
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_refused_without_quoting_it() {
        let error = serde_json::from_str::<Secret>("12345678").unwrap_err().to_string();
        assert!(!error.contains("1234"), "{error}");
    }
}
