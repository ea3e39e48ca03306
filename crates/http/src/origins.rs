//! Which web pages may open a WebSocket.
//!
//! Browsers let any page open a WebSocket to any host, with that host's cookies and without a preflight; only the
//! `Origin` header tells (RFC 6455, 10.2). Without this check, a page that a developer visits could read a fleet
//! through a server on that developer's loopback address.

use http::{HeaderMap, header};

/// Whether the upgrade may go on: no origin (not a browser), the server's own, or one of those allowed.
pub(crate) fn is_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|entry| entry == "*" || entry.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    match (origin.split_once("://"), host) {
        (Some((scheme, authority)), Some(host)) => {
            without_default_port(scheme, authority).eq_ignore_ascii_case(without_default_port(scheme, host))
        }
        _ => false,
    }
}

fn without_default_port<'a>(scheme: &str, authority: &'a str) -> &'a str {
    let port = if scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    authority.strip_suffix(port).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn allowed(origin: Option<&'static str>, host: &'static str, list: &[&str]) -> bool {
        let mut headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        headers.extend(origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin))));
        let list: Vec<String> = list.iter().map(|entry| (*entry).to_owned()).collect();
        is_allowed(&headers, &list)
    }

    #[test]
    fn a_foreign_page_may_not_open_a_socket() {
        assert!(!allowed(Some("https://evil.example"), "127.0.0.1:8080", &[]));
        assert!(!allowed(Some("http://127.0.0.1:9999"), "127.0.0.1:8080", &[]));
        assert!(!allowed(Some("null"), "127.0.0.1:8080", &[]));
    }

    #[test]
    fn the_servers_own_pages_and_programs_may() {
        assert!(allowed(None, "127.0.0.1:8080", &[]));
        assert!(allowed(Some("http://127.0.0.1:8080"), "127.0.0.1:8080", &[]));
        assert!(allowed(Some("https://fleet.example"), "fleet.example:443", &[]));
    }

    #[test]
    fn the_configuration_may_allow_more() {
        assert!(allowed(Some("https://app.example"), "api.example", &["https://app.example"]));
        assert!(allowed(Some("https://app.example"), "api.example", &["*"]));
        assert!(!allowed(Some("https://app.example.evil"), "api.example", &["https://app.example"]));
    }
}
