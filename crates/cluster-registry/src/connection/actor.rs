//! In whose name a request is sent that changes something: the caller's, never that of the account which fills the copies.
//!
//! ```text
//!   impersonation ─► fleetgraph's connection and credentials, and headers that say for whom
//!   token ─────────► a connection of its own without any credentials, and the caller's token
//! ```
//!
//! The second needs a connection of its own: an API server that is shown a client certificate looks at nothing else.

use std::{fmt, sync::Arc};

use fleetgraph_core::Principal;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

const USER: HeaderName = HeaderName::from_static("impersonate-user");
const UID: HeaderName = HeaderName::from_static("impersonate-uid");
const GROUP: HeaderName = HeaderName::from_static("impersonate-group");
const EXTRA: &str = "impersonate-extra-";
/// The API server adds it by itself, and would want a right to impersonate it.
const AUTHENTICATED: &str = "system:authenticated";
/// What of an attribute's key doesn't stand in a header's name as it is. Such names have no case, so capitals are encoded too.
const KEY: &AsciiSet = &{
    let (mut set, mut capital) = (NON_ALPHANUMERIC.remove(b'-').remove(b'.'), b'A');
    while capital <= b'Z' {
        set = set.add(capital);
        capital += 1;
    }
    set
};

/// How a cluster is told who changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum WriteAs {
    /// fleetgraph's account says for whom it asks, which it needs the right to `impersonate` for.
    #[default]
    Impersonation,
    /// By the token that the caller came with, which the cluster has to accept as well.
    Token,
}

/// Somebody in whose name requests are sent.
#[derive(Clone)]
pub struct Actor(Arc<How>);

enum How {
    Impersonated(HeaderMap),
    Bearer(HeaderValue),
}

/// Somebody who can't be named to a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0} can't be sent to a cluster as they are: they begin or end with a space, or have control characters"
)]
pub struct Unspeakable(&'static str);

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self.0 {
            How::Impersonated(_) => "Actor(impersonated)",
            How::Bearer(_) => "Actor(bearer)",
        })
    }
}

impl Actor {
    /// Everything of a principal that a cluster knows.
    ///
    /// # Errors
    /// When a name would not arrive as it is: HTTP drops spaces around a value, and `ann ` is not `ann`.
    pub fn impersonating(principal: &Principal) -> Result<Self, Unspeakable> {
        let Principal { user, uid, groups, extra, .. } = principal;
        let mut headers = HeaderMap::new();
        headers.insert(USER, value(user, "the caller's name")?);
        if !uid.is_empty() {
            headers.insert(UID, value(uid, "the caller's uid")?);
        }
        for group in groups.iter().filter(|group| ***group != *AUTHENTICATED) {
            headers.append(GROUP, value(group, "the caller's groups")?);
        }
        for (key, values) in &**extra {
            let name = HeaderName::from_bytes(format!("{EXTRA}{}", utf8_percent_encode(key, KEY)).as_bytes());
            let name = name.map_err(|_| Unspeakable("the caller's attributes"))?;
            for text in values {
                headers.append(name.clone(), value(text, "the caller's attributes")?);
            }
        }
        Ok(Self(Arc::new(How::Impersonated(headers))))
    }

    /// Whoever a token belongs to.
    ///
    /// # Errors
    /// When it can't stand in a header.
    pub fn bearing(token: &SecretString) -> Result<Self, Unspeakable> {
        let mut value = value(&format!("Bearer {}", token.expose_secret()), "the caller's token")?;
        value.set_sensitive(true);
        Ok(Self(Arc::new(How::Bearer(value))))
    }

    /// Whether fleetgraph's own credentials are left out.
    pub(super) fn is_itself(&self) -> bool {
        matches!(*self.0, How::Bearer(_))
    }

    /// Puts its headers in the place of any that say the same.
    pub(super) fn sign(&self, headers: &mut HeaderMap) {
        match &*self.0 {
            How::Bearer(token) => {
                headers.insert(header::AUTHORIZATION, token.clone());
            }
            How::Impersonated(of) => {
                for name in of.keys() {
                    headers.remove(name);
                }
                headers.extend(of.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
        }
    }
}

fn value(text: &str, what: &'static str) -> Result<HeaderValue, Unspeakable> {
    if text.is_empty() || text.trim() != text {
        return Err(Unspeakable(what));
    }
    HeaderValue::from_bytes(text.as_bytes()).map_err(|_| Unspeakable(what))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn headers(principal: &Principal) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(USER, HeaderValue::from_static("somebody else"));
        Actor::impersonating(principal).unwrap().sign(&mut headers);
        let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    #[test]
    fn everything_that_a_cluster_knows_of_a_caller_is_sent() {
        let mut ann = Principal::new("ann@example.com").in_groups(["dev", AUTHENTICATED, "prüfer"]);
        ann.uid = "42".into();
        ann.extra =
            Arc::new(BTreeMap::from([("acme.com/Scope".to_owned(), vec!["a".to_owned(), "b c".to_owned()])]));
        let mut sent = headers(&ann);
        sent.sort();
        let expected = [
            ("impersonate-extra-acme.com%2f%53cope", "a"),
            ("impersonate-extra-acme.com%2f%53cope", "b c"),
            ("impersonate-group", "dev"),
            ("impersonate-group", "prüfer"),
            ("impersonate-uid", "42"),
            ("impersonate-user", "ann@example.com"),
        ];
        assert_eq!(sent, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn nobody_becomes_another_by_what_http_drops() {
        for name in ["admin ", " admin", "admin\t", "ad\nmin", "ad\0min", ""] {
            assert!(Actor::impersonating(&Principal::new(name)).is_err(), "{name:?}");
            if !name.is_empty() {
                assert!(Actor::impersonating(&Principal::new("ann").in_groups([name])).is_err(), "{name:?}");
            }
        }
        let error = Actor::impersonating(&Principal::new("hush ")).unwrap_err();
        assert!(!error.to_string().contains("hush"));
    }

    #[test]
    fn a_token_is_shown_to_nobody() {
        let actor = Actor::bearing(&SecretString::from("hush")).unwrap();
        let mut headers = HeaderMap::new();
        actor.sign(&mut headers);
        assert_eq!(headers[header::AUTHORIZATION].as_bytes(), b"Bearer hush");
        assert!(!format!("{actor:?} {headers:?}").contains("hush"));
    }
}
