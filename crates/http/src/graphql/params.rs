//! The parameters of a GraphQL request, checked one by one, so that a client learns which is wrong.
//!
//! The same four parameters come as the body of a POST, in the URL of a GET, and as the payload of a WebSocket's
//! `subscribe`. Others are ignored, as the specification leaves room for them.

use async_graphql::{Request, Variables};
use fleetgraph_core::ErrorCode;
use http::Uri;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// Reads the body of a POST.
pub(crate) fn from_body(body: &[u8]) -> Result<Request, Failure> {
    if body.is_empty() {
        return Err(Failure::bad_request("the body is empty; it should be a JSON object with a query"));
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|error| Failure::bad_request(format!("the body is not JSON: {error}")))?;
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
pub(crate) fn from_map(mut parameters: Map<String, Value>) -> Result<Request, Failure> {
    let query = match parameters.remove("query") {
        Some(Value::String(query)) => query,
        None | Some(Value::Null) => return Err(Failure::bad_request("the parameter query is missing")),
        Some(_) => return Err(Failure::bad_request("the parameter query should be a string")),
    };
    let mut request = Request::new(query);
    request.operation_name = match parameters.remove("operationName") {
        Some(Value::String(name)) => Some(name),
        None | Some(Value::Null) => None,
        Some(_) => return Err(Failure::bad_request("the parameter operationName should be a string")),
    };
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
    Ok(request)
}

/// Reads the URL of a GET, where variables and extensions are JSON in text.
pub(crate) fn from_uri(uri: &Uri) -> Result<Request, Failure> {
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|_| Failure::bad_request("the query string can't be read"))?;
    let mut parameters = Map::new();
    for (name, text) in pairs.0 {
        let value = match name.as_str() {
            "query" | "operationName" => Value::String(text),
            "variables" | "extensions" if text.is_empty() => Value::Null,
            "variables" | "extensions" => serde_json::from_str(&text).map_err(|error| {
                Failure::bad_request(format!("the parameter {name} is not JSON: {error}"))
            })?,
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
    fn null_is_the_same_as_absent() {
        let body = br#"{"query": "{a}", "operationName": null, "variables": null, "extensions": null}"#;
        let request = from_body(body).unwrap();
        assert!(
            request.operation_name.is_none() && request.variables.is_empty() && request.extensions.is_empty()
        );
    }

    #[test]
    fn a_url_carries_variables_as_json() {
        let uri =
            Uri::from_static("/graphql?query=%7Ba%7D&variables=%7B%22n%22%3A1%7D&operationName=A&other=1");
        let request = from_uri(&uri).unwrap();
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
