//! Headers in which a trusted proxy says who is calling, as kube-apiserver's front proxy does.
//!
//! They count on a connection with the proxy's certificate alone, and nothing else counts there besides them: the proxy
//! speaks for many, and whoever got a second credential through it would be two.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue};

use super::config::TrustedProxyConfig;
use super::names::Claimed;
use super::{ClientCertificate, SignedBy};

/// Whether this is the proxy's certificate.
pub(super) fn is_proxy(config: &TrustedProxyConfig, certificate: &ClientCertificate) -> bool {
    config.is_configured()
        && certificate.signed_by == SignedBy::Proxy
        && config.allowed_names.contains(&certificate.common_name)
        // An empty entry would let each nameless certificate be the proxy.
        && !certificate.common_name.is_empty()
}

/// Whom the headers name; `None` if they name nobody.
///
/// # Errors
/// Why they can't be read, without their values.
pub(super) fn read(config: &TrustedProxyConfig, headers: &HeaderMap) -> Result<Option<Claimed>, String> {
    let prefix = config.extra_header_prefix.to_ascii_lowercase();
    let mut extra = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in headers {
        let Some(key) = name.as_str().strip_prefix(&prefix).filter(|key| !key.is_empty()) else { continue };
        extra.entry(unescaped(key)).or_default().push(text(value)?);
    }
    let groups: Vec<String> =
        headers.get_all(&config.group_header).iter().map(text).collect::<Result<_, _>>()?;
    let user = only(headers, &config.user_header)?;
    let uid = only(headers, &config.uid_header)?;
    if user.is_empty() {
        if uid.is_empty() && groups.is_empty() && extra.is_empty() {
            return Ok(None);
        }
        return Err("the proxy's headers say something of a user whom they do not name".to_owned());
    }
    Ok(Some(Claimed { user, uid, groups, extra, ..Claimed::default() }))
}

/// The value of a header that may be there once.
fn only(headers: &HeaderMap, name: &str) -> Result<String, String> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(text).transpose()?.unwrap_or_default();
    if values.next().is_some() { Err(format!("the proxy's header {name} is there twice")) } else { Ok(value) }
}

fn text(value: &HeaderValue) -> Result<String, String> {
    let text = std::str::from_utf8(value.as_bytes());
    text.map(ToOwned::to_owned).map_err(|_| "a header of the proxy is not UTF-8".to_owned())
}

/// Names of headers have few characters; the proxy writes the others as `%` and two digits. What is malformed stays as
/// it is, as kube-apiserver has it.
fn unescaped(key: &str) -> String {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
            return key.to_owned();
        };
        bytes.push(byte);
        rest = &after[2..];
    }
    String::from_utf8(bytes).unwrap_or_else(|_| key.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn read(pairs: &[(&str, &str)]) -> Result<Option<Claimed>, String> {
        super::read(&TrustedProxyConfig::default(), &headers(pairs))
    }

    #[test]
    fn the_headers_name_a_user_with_groups_and_attributes() {
        let claimed = read(&[
            ("X-Remote-User", "Zoë"),
            ("X-Remote-Uid", "7"),
            ("X-Remote-Group", "dev"),
            ("x-remote-group", "ops"),
            ("X-Remote-Extra-Acme.com%2Fproject", "one"),
            ("X-Remote-Extra-acme.com%2fproject", "two"),
            ("X-Remote-Extra-odd%zz", "three"),
            ("Accept", "text/html"),
        ])
        .unwrap()
        .unwrap();
        assert_eq!((claimed.user.as_str(), claimed.uid.as_str()), ("Zoë", "7"));
        assert_eq!(claimed.groups, ["dev", "ops"]);
        assert_eq!(claimed.extra["acme.com/project"], ["one", "two"]);
        assert_eq!(claimed.extra["odd%zz"], ["three"]);
    }

    #[test]
    fn headers_that_name_nobody_or_two_are_told_apart() {
        assert!(read(&[("Accept", "text/html")]).unwrap().is_none());
        for wrong in [
            &[("X-Remote-Group", "ops")][..],
            &[("X-Remote-User", ""), ("X-Remote-Group", "ops")],
            &[("X-Remote-Extra-a", "b")],
            &[("X-Remote-User", "alice"), ("X-Remote-User", "root")],
            &[("X-Remote-User", "alice"), ("X-Remote-Uid", "1"), ("X-Remote-Uid", "2")],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_proxy_is_known_by_its_authority_and_its_name() {
        let config = TrustedProxyConfig {
            ca_file: "proxy.pem".into(),
            allowed_names: vec!["front".into()],
            ..TrustedProxyConfig::default()
        };
        let certificate = |name: &str, signed_by| ClientCertificate {
            signed_by,
            common_name: name.to_owned(),
            organizations: Vec::new(),
            dns_names: Vec::new(),
            not_after: std::time::SystemTime::now(),
            fingerprint: String::new(),
        };
        assert!(is_proxy(&config, &certificate("front", SignedBy::Proxy)));
        assert!(!is_proxy(&config, &certificate("front", SignedBy::Clients)));
        assert!(!is_proxy(&config, &certificate("back", SignedBy::Proxy)));
        assert!(!is_proxy(&TrustedProxyConfig::default(), &certificate("front", SignedBy::Proxy)));
    }
}
