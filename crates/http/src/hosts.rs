//! Which names the server answers to.
//!
//! DNS rebinding: a page of `evil.example`, whose name was just pointed to 127.0.0.1 or to an address behind a firewall,
//! may read whatever answers there, since to the browser it is the page's own origin. What gives it away is the `Host`
//! header, which still has the page's name.
//!
//! The page can't have a name that is hard-wired to this machine, nor an address of it: so the names and addresses of
//! loopback are always answered to, and the address that the connection has come in on. Every other name is configured.
//! A probe is answered by any address, since kubelets and load balancers ask by those that they know; a page's name is no
//! address, so the rule holds.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use axum::{body::Body, extract::State, middleware::Next, response::Response};
use fleetgraph_core::ErrorCode;
use http::{HeaderMap, Request, StatusCode, Uri, header, uri::Authority};
use serde::{Deserialize, Serialize};

use crate::{connection::Arrived, failure::Failure, graphql::Media, request_id::RequestId};

/// A name, or all names of a domain, that the server answers to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HostPattern {
    name: Name,
    /// Any if missing.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    Any,
    Exactly(String),
    /// Of this domain, and not the domain itself.
    Below(String),
}

/// A pattern that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no host: write fleet.example.com, fleet.example.com:8443, *.example.com, an address, or *")]
pub struct HostPatternError(String);

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || HostPatternError(text.to_owned());
        if text == "*" {
            return Ok(Self { name: Name::Any, port: None });
        }
        let (below, rest) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        let authority = Authority::from_str(rest).map_err(|_| refuse())?;
        let (host, port) = parts(&authority).ok_or_else(refuse)?;
        let name = plain(host);
        let sound = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':');
        if name.is_empty() || !name.chars().all(sound) {
            return Err(refuse());
        }
        let name = if below { Name::Below(format!(".{name}")) } else { Name::Exactly(name) };
        Ok(Self { name, port })
    }
}

impl TryFrom<String> for HostPattern {
    type Error = HostPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Name::Any => f.write_str("*")?,
            Name::Exactly(name) if name.contains(':') => write!(f, "[{name}]")?,
            Name::Exactly(name) => f.write_str(name)?,
            Name::Below(domain) => write!(f, "*{domain}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl HostPattern {
    fn covers(&self, name: &str, port: Option<u16>) -> bool {
        (self.port.is_none() || self.port == port)
            && match &self.name {
                Name::Any => true,
                Name::Exactly(exact) => exact == name,
                Name::Below(domain) => name.len() > domain.len() && name.ends_with(domain.as_str()),
            }
    }
}

/// Host and port; `None` for anything else. The parser lets more through than the grammar: `[::1]evil`, `a:b`.
fn parts(authority: &Authority) -> Option<(&str, Option<u16>)> {
    let host = authority.host();
    match authority.as_str().strip_prefix(host)? {
        "" => Some((host, None)),
        rest => {
            let digits =
                rest.strip_prefix(':').filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))?;
            Some((host, Some(digits.parse().ok()?)))
        }
    }
}

/// In lower case, without the brackets of an IPv6 address, and without the dot that ends a full name.
fn plain(host: &str) -> String {
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// The middleware's state.
#[derive(Debug)]
pub(crate) struct Hosts {
    pub allowed: Vec<HostPattern>,
    /// The paths that are answered by any address.
    pub probes: &'static [&'static str],
}

impl Hosts {
    pub(crate) fn check(
        &self,
        headers: &HeaderMap,
        uri: &Uri,
        arrived: Option<&Arrived>,
    ) -> Result<(), Failure> {
        let authority = authority(headers, uri)?;
        let (host, port) = parts(&authority).filter(|(host, _)| !host.is_empty()).ok_or_else(unreadable)?;
        let name = plain(host);
        let address = name.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        let local = arrived.and_then(|arrived| arrived.local).map(|local| local.ip().to_canonical());
        let here = name == "localhost"
            || address.is_some_and(|address| address.is_loopback() || Some(address) == local);
        let probed = address.is_some() && self.probes.contains(&uri.path());
        if here || probed || self.allowed.iter().any(|pattern| pattern.covers(&name, port)) {
            return Ok(());
        }
        let message = "nothing is served under this host; see http.allowed_hosts in the configuration";
        Err(Failure::new(ErrorCode::HostNotAllowed, message))
    }
}

/// What the client has called the server: `Host`, or the authority of HTTP/2 and of a request to a proxy. To give none,
/// several, or two that differ is malformed (RFC 9112, 3.2; RFC 9113, 8.3.1).
fn authority(headers: &HeaderMap, uri: &Uri) -> Result<Authority, Failure> {
    let mut given = headers.get_all(header::HOST).iter();
    let host = given.next().map(|host| Authority::try_from(host.as_bytes()));
    if given.next().is_some() {
        return Err(malformed("the header host stands twice"));
    }
    match (host, uri.authority()) {
        (Some(Ok(host)), Some(authority)) if !host.as_str().eq_ignore_ascii_case(authority.as_str()) => {
            Err(malformed("the header host and the request's authority differ"))
        }
        (Some(Ok(host)), _) => Ok(host),
        (Some(Err(_)), _) => Err(unreadable()),
        (None, Some(authority)) => Ok(authority.clone()),
        (None, None) => Err(malformed("the header host is missing")),
    }
}

fn malformed(message: &'static str) -> Failure {
    Failure::new(ErrorCode::HostNotAllowed, message).with_status(StatusCode::BAD_REQUEST)
}

fn unreadable() -> Failure {
    malformed("the header host can't be read")
}

/// The middleware.
pub(crate) async fn check(State(hosts): State<Arc<Hosts>>, request: Request<Body>, next: Next) -> Response {
    match hosts.check(request.headers(), request.uri(), request.extensions().get()) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(Media::Json, &RequestId::given(request.extensions())),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn status(allowed: &[&str], hosts: &[&'static str], uri: &'static str) -> u16 {
        let allowed = allowed.iter().map(|pattern| pattern.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_static(host));
        }
        let hosts = Hosts { allowed, probes: &["/livez"] };
        hosts.check(&headers, &Uri::from_static(uri), None).map_or_else(|f| f.status.as_u16(), |()| 200)
    }

    fn is_served(allowed: &[&str], host: &'static str) -> bool {
        status(allowed, &[host], "/graphql") == 200
    }

    #[test]
    fn loopback_is_served_by_whatever_name_and_port_and_nothing_else_is() {
        for host in ["localhost", "LocalHost:8080", "localhost.", "127.0.0.1:9", "127.8.8.8", "[::1]:8080"] {
            assert!(is_served(&[], host), "{host}");
        }
        for host in ["evil.example", "localhost.evil.example", "10.0.0.1", "127.0.0.1.evil.example", "[::2]"]
        {
            assert!(!is_served(&[], host), "{host}");
        }
    }

    #[test]
    fn patterns_cover_what_they_say() {
        for (pattern, host, served) in [
            ("fleet.example", "FLEET.example:8443", true),
            ("fleet.example", "a.fleet.example", false),
            ("fleet.example:443", "fleet.example:443", true),
            ("fleet.example:443", "fleet.example:444", false),
            ("fleet.example:443", "fleet.example", false),
            ("*.example", "fleet.example", true),
            ("*.example", "a.b.example:1", true),
            ("*.example", "example", false),
            ("*.example", "evilexample", false),
            ("*.example", ".example", false),
            ("10.0.0.1", "10.0.0.1:8080", true),
            ("[2001:db8::1]", "[2001:db8::1]:8080", true),
            ("*", "anything.example", true),
        ] {
            assert_eq!(is_served(&[pattern], host), served, "{host} by {pattern}");
        }
    }

    #[test]
    fn a_pattern_that_means_nothing_is_refused_and_others_read_back() {
        for text in ["", "https://fleet.example", "a b", "*.", "a@b", "*.*.example", "fleet.example:x", "a/b"]
        {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
        for text in ["fleet.example", "fleet.example:8443", "*.example", "[2001:db8::1]:80", "10.0.0.1", "*"]
        {
            let pattern: HostPattern = text.parse().unwrap();
            assert_eq!(pattern.to_string(), text);
            assert_eq!(pattern.to_string().parse(), Ok(pattern));
        }
    }

    #[test]
    fn a_host_that_is_missing_malformed_or_contradicted_is_a_bad_request() {
        for (hosts, uri) in [
            (&[][..], "/graphql"),
            (&[""], "/graphql"),
            (&["a b"], "/graphql"),
            (&["localhost", "localhost"], "/graphql"),
            (&["localhost"], "http://evil.example/graphql"),
            (&["me@localhost"], "/graphql"),
            (&["[::1]evil"], "/graphql"),
            (&["localhost:x"], "/graphql"),
            (&["localhost:99999"], "/graphql"),
        ] {
            assert_eq!(status(&["*"], hosts, uri), 400, "{hosts:?} {uri}");
        }
        assert_eq!(status(&[], &[], "http://localhost/graphql"), 200);
        assert_eq!(status(&[], &["localhost"], "http://LOCALHOST/graphql"), 200);
        assert_eq!(status(&[], &[], "http://evil.example/graphql"), 421);
    }

    #[test]
    fn a_probe_is_answered_by_any_address_and_by_no_other_name() {
        assert_eq!(status(&[], &["10.0.0.1:8080"], "/livez"), 200);
        assert_eq!(status(&[], &["evil.example"], "/livez"), 421);
        assert_eq!(status(&[], &["10.0.0.1:8080"], "/graphql"), 421);
    }

    #[test]
    fn the_address_that_a_connection_came_in_on_is_served() {
        let hosts = Hosts { allowed: Vec::new(), probes: &[] };
        let arrived = |local: &str| Arrived::at(local.parse().unwrap());
        let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("10.0.0.1:8080"))]);
        let uri = Uri::from_static("/graphql");
        assert!(hosts.check(&headers, &uri, Some(&arrived("10.0.0.1:8080"))).is_ok());
        assert!(hosts.check(&headers, &uri, Some(&arrived("[::ffff:10.0.0.1]:8080"))).is_ok());
        assert!(hosts.check(&headers, &uri, Some(&arrived("10.0.0.2:8080"))).is_err());
    }
}
