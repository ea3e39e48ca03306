//! From a request, or from a WebSocket's `connection_init`, to what its caller presents.
//!
//! ```text
//!   authorization: Bearer TOKEN                                       the header, of any request
//!   {"type":"connection_init","payload":{"authorization":"Bearer TOKEN"}}    browsers can't send headers here
//!   {"type":"connection_init","payload":{"headers":{"authorization":…}}}     as gateways pass them on
//! ```
//!
//! A token is never read from a URL, where logs and histories would keep it.

use std::sync::Arc;

use access::authn::{ClientCertificate, Denied, Presented};
use http::{HeaderMap, header};
use http_api::{PeerCertificate, RequestContext};
use secrecy::SecretString;
use serde_json::{Map, Value};

/// What a caller presents.
///
/// # Errors
/// When it is not one credential, or none that can be read.
pub fn presented(context: &RequestContext) -> Result<Presented, Denied> {
    let of_header = of_headers(&context.headers)?;
    let of_params = context.connection_params.as_deref().map(of_params).transpose()?.flatten();
    let bearer = match (of_header, of_params) {
        (Some(one), Some(other)) if one != other => {
            return Err(Denied::Invalid("the upgrade and connection_init have different tokens".to_owned()));
        }
        (one, other) => one.or(other),
    };
    Ok(Presented {
        bearer: bearer.map(SecretString::from),
        certificate: context.extensions.get::<PeerCertificate>().map(certificate).transpose()?,
        headers: Arc::clone(&context.headers),
    })
}

/// What the connection's certificate says; the listener has verified its chain.
fn certificate(peer: &PeerCertificate) -> Result<Arc<ClientCertificate>, Denied> {
    let read = ClientCertificate::from_der(&peer.der, peer.signed_by);
    read.map(Arc::new).map_err(|error| Denied::Invalid(error.to_string()))
}

fn of_headers(headers: &HeaderMap) -> Result<Option<String>, Denied> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Denied::Invalid("several authorization headers".to_owned()));
    }
    let text =
        value.to_str().map_err(|_| Denied::Invalid("the authorization header is not text".to_owned()))?;
    token(text).map(Some)
}

fn of_params(params: &Map<String, Value>) -> Result<Option<String>, Denied> {
    let named = |map: &Map<String, Value>| {
        map.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("authorization"))
            .map(|(_, value)| value.clone())
    };
    let nested = || params.get("headers").and_then(Value::as_object).and_then(named);
    match named(params).or_else(nested) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => token(&text).map(Some),
        Some(_) => Err(Denied::Invalid("authorization in connection_init is not text".to_owned())),
    }
}

/// The token of `Bearer TOKEN` (RFC 6750); the scheme may be written in any case.
fn token(text: &str) -> Result<String, Denied> {
    let wrong = |what: &str| Err(Denied::Invalid(what.to_owned()));
    let Some((scheme, token)) = text.trim().split_once(' ') else {
        return wrong("authorization is not a scheme and a token");
    };
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return wrong("the scheme of authorization is not Bearer");
    }
    if token.is_empty() || token.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return wrong("the token is empty, or has spaces");
    }
    Ok(token.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use secrecy::ExposeSecret;
    use serde_json::json;

    use super::*;

    fn read(headers: &[&'static str], params: Value) -> Result<Option<String>, Denied> {
        let headers: HeaderMap =
            headers.iter().map(|value| (header::AUTHORIZATION, HeaderValue::from_static(value))).collect();
        let context = RequestContext {
            request_id: http_api::RequestId::random(),
            transport: http_api::Transport::WebSocket,
            headers: Arc::new(headers),
            peer: None,
            connection_params: params.as_object().cloned().map(Arc::new),
            extensions: http::Extensions::new(),
            caller: None,
        };
        presented(&context).map(|found| found.bearer.map(|token| token.expose_secret().to_owned()))
    }

    #[test]
    fn a_token_is_read_from_the_header_and_from_connection_init() {
        let some = |token: &str| Ok(Some(token.to_owned()));
        assert_eq!(read(&["Bearer abc"], json!(null)), some("abc"));
        assert_eq!(read(&["bEARER  abc "], json!(null)), some("abc"));
        assert_eq!(read(&[], json!({ "Authorization": "Bearer abc" })), some("abc"));
        assert_eq!(read(&[], json!({ "headers": { "authorization": "Bearer abc" } })), some("abc"));
        assert_eq!(read(&["Bearer abc"], json!({ "authorization": "Bearer abc" })), some("abc"));
        assert_eq!(read(&[], json!({ "other": 1 })), Ok(None));
    }

    #[test]
    fn what_is_not_one_bearer_token_is_invalid_and_not_nothing() {
        for value in ["Basic abc", "Bearer", "Bearer ", "abc", "Bearer a b"] {
            assert!(matches!(read(&[value], json!(null)), Err(Denied::Invalid(_))), "{value}");
        }
        assert!(read(&["Bearer a", "Bearer b"], json!(null)).is_err());
        assert!(read(&["Bearer a"], json!({ "authorization": "Bearer b" })).is_err());
        assert!(read(&[], json!({ "authorization": 1 })).is_err());
    }
}
