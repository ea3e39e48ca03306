//! A JSON web token, first as somebody sent it, and only after its signature was checked as claims that can be read.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

/// A token whose parts can be read and whose signature nobody has checked yet.
#[derive(Debug)]
pub(in crate::authn) struct Unverified<'a> {
    pub(super) header: Header,
    /// Header and claims, as they were signed.
    pub(super) message: &'a str,
    pub(super) signature: &'a str,
    claims: Claims,
}

#[derive(Debug, Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    #[serde(default)]
    pub(super) kid: Option<String>,
    /// Extensions that whoever reads the token must understand (RFC 7515, 4.1.11). There are none here.
    #[serde(default)]
    crit: Option<IgnoredAny>,
}

/// What a token says.
#[derive(Debug)]
pub(in crate::authn) struct Claims(Map<String, Value>);

impl<'a> Unverified<'a> {
    /// Takes a token apart: three parts in base64url, without padding, the first two JSON objects. `None` for anything
    /// else.
    pub(in crate::authn) fn parse(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        if claims.contains('.') {
            return None;
        }
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let claims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        (header.crit.is_none()).then_some(Self { header, message, signature, claims: Claims(claims) })
    }

    /// Who it says has issued it. It chooses who is asked, and proves nothing.
    pub(in crate::authn) fn issuer(&self) -> Option<&str> {
        self.claims.text("iss")
    }

    /// When it says that it ends, for a token that somebody else has verified.
    pub(in crate::authn) fn end(&self) -> Option<SystemTime> {
        self.claims.time("exp")
    }

    /// The claims, for whoever has checked the signature.
    pub(super) fn into_claims(self) -> Claims {
        self.claims
    }
}

impl Claims {
    #[cfg(test)]
    pub(super) fn of(value: Value) -> Self {
        Self(serde_json::from_value(value).unwrap())
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// A claim that holds texts, or one text; `None` if it isn't there or holds anything else.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        match self.0.get(name)? {
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(texts) => texts.iter().map(|text| text.as_str().map(ToOwned::to_owned)).collect(),
            _ => None,
        }
    }

    /// A time in seconds since 1970, fractions cut off; `None` if it isn't there, or no time that there is.
    pub(super) fn time(&self, name: &str) -> Option<SystemTime> {
        let value = self.0.get(name)?;
        #[expect(clippy::cast_possible_truncation, reason = "a float beyond the range becomes its end")]
        let seconds = value.as_i64().or_else(|| value.as_f64().map(|seconds| seconds as i64))?;
        match u64::try_from(seconds) {
            Ok(after) => UNIX_EPOCH.checked_add(Duration::from_secs(after)),
            Err(_) => Some(UNIX_EPOCH),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn a_token_of_three_parts_is_taken_apart() {
        let text = token(r#"{"alg":"RS256","kid":"one"}"#, r#"{"iss":"https://a","exp":5}"#);
        let token = Unverified::parse(&text).unwrap();
        assert_eq!(token.header.alg, "RS256");
        assert_eq!(token.header.kid.as_deref(), Some("one"));
        assert_eq!(token.issuer(), Some("https://a"));
        assert_eq!(token.end(), Some(UNIX_EPOCH + Duration::from_secs(5)));
        assert_eq!(format!("{}.c2ln", token.message), text);
    }

    #[test]
    fn what_is_no_token_is_nothing() {
        let good = token(r#"{"alg":"RS256"}"#, "{}");
        assert!(Unverified::parse(&good).is_some());
        for bad in [
            String::new(),
            "..".to_owned(),
            format!("{good}.x"),
            format!("x.{good}"),
            good.replacen('.', "=.", 1),
            token("{}", "{}"),
            token(r#"{"alg":1}"#, "{}"),
            token(r#"{"alg":"RS256","alg":"none"}"#, "{}"),
            token(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, "{}"),
            token(r#"{"alg":"RS256"}"#, "[]"),
            token(r#"{"alg":"RS256"}"#, &"[".repeat(10_000)),
        ] {
            assert!(Unverified::parse(&bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn times_are_whole_seconds_and_never_overflow() {
        let claims = Claims::of(json!({
            "float": 7.9, "negative": -3, "large": 1e300, "larger": u64::MAX, "text": "7", "none": null,
        }));
        assert_eq!(claims.time("float"), Some(UNIX_EPOCH + Duration::from_secs(7)));
        assert_eq!(claims.time("negative"), Some(UNIX_EPOCH));
        for name in ["text", "none", "missing"] {
            assert_eq!(claims.time(name), None, "{name}");
        }
        for name in ["large", "larger"] {
            assert!(claims.time(name).is_none_or(|time| time > SystemTime::now()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".*", header in ".*", claims in ".*") {
            let _ = Unverified::parse(&text);
            let text = token(&header, &claims);
            if let Some(token) = Unverified::parse(&text) {
                let _ = (token.issuer().map(str::len), token.end());
            }
        }
    }
}
