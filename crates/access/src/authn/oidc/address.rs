//! Addresses that an issuer may be asked at: nobody between us and it may put keys of their own into the answer.

use std::net::IpAddr;

use http::Uri;

/// An address with HTTPS, or plain HTTP on this machine.
#[derive(Debug, Clone)]
pub(in crate::authn) struct Address(Uri);

impl Address {
    /// # Errors
    /// What is wrong, for operators.
    pub(in crate::authn) fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|_| "not a URL".to_owned())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or("not a URL with a host")?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("a URL without user and password is needed".to_owned());
        }
        // The parser drops it without a word.
        if text.contains('#') {
            return Err("a URL without a fragment is needed".to_owned());
        }
        match uri.scheme_str() {
            Some("https") => Ok(Self(uri)),
            Some("http") if is_loopback(host) => Ok(Self(uri)),
            _ => Err("must begin with https:// (plain http:// is for loopback addresses only)".to_owned()),
        }
    }

    /// An issuer's own URL, which has no query (OpenID Connect Discovery 1.0, section 2).
    ///
    /// # Errors
    /// What is wrong, for operators.
    pub(in crate::authn) fn of_issuer(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("missing; the issuer's URL, as tokens have it in `iss`".to_owned());
        }
        if text.contains('?') {
            return Err("a URL without a query is needed".to_owned());
        }
        Self::parse(text)
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.0
    }

    pub(super) fn is_plain(&self) -> bool {
        self.0.scheme_str() == Some("http")
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_nobody_can_answer_for_are_taken() {
        for good in [
            "https://issuer.example",
            "https://issuer.example:8443/realms/fleet/",
            "http://127.0.0.1:5556/dex",
            "http://localhost:5556",
            "http://[::1]:80",
        ] {
            assert!(Address::of_issuer(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "issuer.example",
            "/keys",
            "http://issuer.example",
            "http://127.0.0.1.example",
            "http://10.0.0.1",
            "http://localhost@issuer.example",
            "https://user:secret@issuer.example",
            "https://issuer.example?tenant=1",
            "https://issuer.example#x",
            "ftp://127.0.0.1",
            "file:///etc/passwd",
        ] {
            assert!(Address::of_issuer(bad).is_err(), "{bad}");
        }
    }
}
