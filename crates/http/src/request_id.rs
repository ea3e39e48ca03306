//! The id that joins an answer, its errors and the log.

use std::{fmt, sync::Arc};

use http::{Extensions, HeaderMap, HeaderName, HeaderValue};

/// The header that carries the id in both directions.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Long enough for a UUID or a trace id with a prefix; longer ones are replaced, so that a log line stays one.
const MAX_LEN: usize = 128;

/// An id of one request: the client's own when it sent a sound one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id that the client sent, or a new one of 128 random bits.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        headers
            .get(HEADER)
            .and_then(|value| value.to_str().ok())
            .filter(|text| is_sound(text))
            .map_or_else(Self::random, |text| Self(text.into()))
    }

    /// The id that was given to a request that is being answered.
    pub(crate) fn given(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_else(Self::random)
    }

    #[must_use]
    pub fn random() -> Self {
        Self(format!("{:032x}", rand::random::<u128>()).into())
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_sound(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '=');
    !text.is_empty() && text.len() <= MAX_LEN && text.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(value: &str) -> RequestId {
        RequestId::of(&HeaderMap::from_iter([(HEADER, HeaderValue::from_str(value).unwrap())]))
    }

    #[test]
    fn a_sound_id_of_the_client_is_kept() {
        assert_eq!(with("0b5c-77.a:b").as_str(), "0b5c-77.a:b");
    }

    #[test]
    fn an_id_that_could_forge_a_log_line_is_replaced() {
        for hostile in ["a b", "<script>", &"x".repeat(129), ""] {
            let id = with(hostile);
            assert_eq!(id.as_str().len(), 32, "{hostile}");
        }
        assert_ne!(RequestId::random(), RequestId::random());
    }
}
