//! The parameters of a GraphQL request, checked one by one, so that a client learns which is wrong.
//!
//! The same parameters come as the body of a POST, in the URL of a GET, and as the payload of a WebSocket's `subscribe`:
//! `query`, `operationName`, `variables` and `extensions`; and instead of `query`, the name of a document that is known
//! already, as `documentId` or in `extensions.persistedQuery`. Others are ignored, as the specification leaves room for
//! them.

use async_graphql::{Request, Variables};
use fleetgraph_core::ErrorCode;
use http::Uri;
use serde_json::{Map, Value};

use crate::{
    documents::{NOT_SUPPORTED, Reference, Sent},
    failure::Failure,
};

/// Reads the body of a POST.
pub(crate) fn from_body(body: &[u8]) -> Result<Sent, Failure> {
    if body.is_empty() {
        return Err(Failure::bad_request("the body is empty; it should be a JSON object with a query"));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| not_json("the body", &error))?;
    match value {
        Value::Object(parameters) => from_map(parameters),
        Value::Array(_) => Err(Failure::new(
            ErrorCode::BatchingNotSupported,
            "the body is an array; send each request by itself, HTTP/2 carries them together",
        )),
        _ => Err(Failure::bad_request("the body should be a JSON object with a query")),
    }
}

/// Reads a JSON object of parameters.
pub(crate) fn from_map(mut parameters: Map<String, Value>) -> Result<Sent, Failure> {
    let query = text(&mut parameters, "query")?;
    let reference = reference(&mut parameters)?;
    match (&query, &reference) {
        (None, None) => return Err(Failure::bad_request("the parameter query is missing")),
        (Some(_), Some(Reference::Id(_))) => {
            return Err(Failure::bad_request("send documentId or query, not both"));
        }
        _ => {}
    }
    let has_query = query.is_some();
    let mut request = Request::new(query.unwrap_or_default());
    request.operation_name = text(&mut parameters, "operationName")?;
    request.variables = match parameters.remove("variables") {
        Some(value @ Value::Object(_)) => Variables::from_json(value),
        None | Some(Value::Null) => Variables::default(),
        Some(_) => return Err(Failure::bad_request("the parameter variables should be an object")),
    };
    match parameters.remove("extensions") {
        Some(Value::Object(extensions)) => {
            for (name, value) in extensions {
                if let Ok(value) = async_graphql::Value::from_json(value) {
                    request.extensions.insert(name, value);
                }
            }
        }
        None | Some(Value::Null) => {}
        Some(_) => return Err(Failure::bad_request("the parameter extensions should be an object")),
    }
    Ok(Sent { request, has_query, reference })
}

fn text(parameters: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, Failure> {
    match parameters.remove(name) {
        Some(Value::String(text)) => Ok(Some(text)),
        None | Some(Value::Null) => Ok(None),
        Some(_) => Err(Failure::bad_request(format!("the parameter {name} should be a string"))),
    }
}

/// How the request names its document, if it does.
fn reference(parameters: &mut Map<String, Value>) -> Result<Option<Reference>, Failure> {
    let id = text(parameters, "documentId")?;
    let persisted = parameters.get("extensions").and_then(|extensions| extensions.get("persistedQuery"));
    match (id, persisted) {
        (Some(_), Some(Value::Object(_))) => {
            Err(Failure::bad_request("send documentId or extensions.persistedQuery, not both"))
        }
        (Some(id), _) => Ok(Some(Reference::Id(id))),
        (None, None | Some(Value::Null)) => Ok(None),
        (None, Some(persisted)) => {
            if persisted.get("version").and_then(Value::as_u64) != Some(1) {
                return Err(Failure::new(ErrorCode::PersistedQueryNotSupported, NOT_SUPPORTED));
            }
            match persisted.get("sha256Hash") {
                Some(Value::String(hash)) => Ok(Some(Reference::Hash(hash.clone()))),
                _ => Err(Failure::bad_request("extensions.persistedQuery needs sha256Hash, a string")),
            }
        }
    }
}

/// serde_json reads values up to 128 deep, so that none can exhaust the stack; it tells this from other faults by its
/// words only.
fn not_json(what: &str, error: &serde_json::Error) -> Failure {
    if error.to_string().starts_with("recursion limit exceeded") {
        return Failure::new(ErrorCode::DepthLimit, format!("the JSON of {what} is nested too deep"));
    }
    Failure::bad_request(format!("{what} is not JSON: {error}"))
}

/// Reads the URL of a GET, where variables and extensions are JSON in text.
pub(crate) fn from_uri(uri: &Uri) -> Result<Sent, Failure> {
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| Failure::bad_request("the query string can't be read"))?;
    let mut parameters = Map::new();
    for (name, text) in pairs.0 {
        let value = match name.as_str() {
            "query" | "operationName" | "documentId" => Value::String(text),
            "variables" | "extensions" if text.is_empty() => Value::Null,
            "variables" | "extensions" => serde_json::from_str(&text)
                .map_err(|error| not_json(&format!("the parameter {name}"), &error))?,
            _ => continue,
        };
        if parameters.insert(name.clone(), value).is_some() {
            return Err(Failure::bad_request(format!("the parameter {name} stands twice")));
        }
    }
    from_map(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> String {
        from_body(body.as_bytes()).unwrap_err().message.into_owned()
    }

    #[test]
    fn each_parameter_of_a_wrong_type_is_named() {
        assert!(message(r#"{"query": 1}"#).contains("query"));
        assert!(message(r#"{"query": "{a}", "operationName": []}"#).contains("operationName"));
        assert!(message(r#"{"query": "{a}", "variables": "x"}"#).contains("variables"));
        assert!(message(r#"{"query": "{a}", "extensions": [1]}"#).contains("extensions"));
        assert!(message("{}").contains("missing"));
        assert!(message("7").contains("object"));
        assert!(message("").contains("empty"));
    }

    #[test]
    fn a_batch_has_its_own_code() {
        let failure = from_body(br#"[{"query": "{a}"}]"#).unwrap_err();
        assert_eq!((failure.code, failure.status.as_u16()), (ErrorCode::BatchingNotSupported, 400));
    }

    #[test]
    fn a_document_may_be_named_instead_of_sent() {
        let hash = r#"{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "ab"}}}"#;
        let sent = from_body(hash.as_bytes()).unwrap();
        assert_eq!((sent.has_query, sent.reference), (false, Some(Reference::Hash("ab".into()))));
        let sent = from_body(br#"{"documentId": "sha256:ab"}"#).unwrap();
        assert_eq!((sent.has_query, sent.reference), (false, Some(Reference::Id("sha256:ab".into()))));
        let sent = from_uri(&Uri::from_static("/graphql?documentId=ab")).unwrap();
        assert_eq!((sent.has_query, sent.reference), (false, Some(Reference::Id("ab".into()))));
        assert!(from_uri(&Uri::from_static("/graphql?documentId=ab&query=%7Ba%7D")).is_err());
    }

    #[test]
    fn a_name_of_a_document_that_means_nothing_is_refused() {
        let code = |body: &str| from_body(body.as_bytes()).unwrap_err().code;
        for (persisted, wanted) in [
            (r#"{"version": 2, "sha256Hash": "ab"}"#, ErrorCode::PersistedQueryNotSupported),
            ("7", ErrorCode::PersistedQueryNotSupported),
            (r#"{"version": 1}"#, ErrorCode::BadRequest),
        ] {
            let body = format!(r#"{{"query": "{{a}}", "extensions": {{"persistedQuery": {persisted}}}}}"#);
            assert_eq!(code(&body), wanted, "{persisted}");
        }
        let both =
            r#"{"documentId": "a", "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "b"}}}"#;
        assert_eq!(code(both), ErrorCode::BadRequest);
        assert_eq!(code(r#"{"documentId": 7}"#), ErrorCode::BadRequest);
    }

    #[test]
    fn json_that_is_nested_too_deep_has_its_own_code() {
        let deep =
            format!(r#"{{"query": "{{a}}", "variables": {}1{}}}"#, r#"{"a":"#.repeat(200), "}".repeat(200));
        assert_eq!(from_body(deep.as_bytes()).unwrap_err().code, ErrorCode::DepthLimit);
    }

    #[test]
    fn null_is_the_same_as_absent() {
        let body = br#"{"query": "{a}", "operationName": null, "variables": null, "extensions": null}"#;
        let request = from_body(body).unwrap().request;
        assert!(
            request.operation_name.is_none() && request.variables.is_empty() && request.extensions.is_empty()
        );
    }

    #[test]
    fn a_url_carries_variables_as_json() {
        let uri =
            Uri::from_static("/graphql?query=%7Ba%7D&variables=%7B%22n%22%3A1%7D&operationName=A&other=1");
        let request = from_uri(&uri).unwrap().request;
        assert_eq!(request.query, "{a}");
        assert_eq!(request.operation_name.as_deref(), Some("A"));
        assert_eq!(request.variables.get("n"), Some(&async_graphql::Value::from(1)));
        assert!(from_uri(&Uri::from_static("/graphql?query=a&query=b")).is_err());
        assert!(from_uri(&Uri::from_static("/graphql?query=a&variables=nonsense")).is_err());
        assert!(from_uri(&Uri::from_static("/graphql")).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_body_is_read_without_a_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = from_body(&body);
        }
    }
}
