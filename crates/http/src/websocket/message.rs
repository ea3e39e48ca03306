//! The messages of `graphql-transport-ws`, read strictly and written without a detour through a JSON tree.

use serde_json::{Map, Value};

use super::close::Close;

/// What a client says.
#[derive(Debug, PartialEq)]
pub(crate) enum ClientMessage {
    Init(Option<Map<String, Value>>),
    Ping(Option<Map<String, Value>>),
    Pong,
    Subscribe { id: String, payload: Map<String, Value> },
    Complete { id: String },
}

impl ClientMessage {
    /// Reads a message. What isn't one closes the socket with code 4400, as the protocol asks.
    pub fn read(text: &str) -> Result<Self, Close> {
        let Ok(Value::Object(mut message)) = serde_json::from_str(text) else {
            return Err(Close::bad_request("Invalid message received: not a JSON object"));
        };
        let kind = match message.remove("type") {
            Some(Value::String(kind)) => kind,
            _ => return Err(Close::bad_request("Invalid message received: type is missing")),
        };
        match kind.as_str() {
            "connection_init" => Ok(Self::Init(payload(&mut message)?)),
            "ping" => Ok(Self::Ping(payload(&mut message)?)),
            "pong" => payload(&mut message).map(|_| Self::Pong),
            "complete" => Ok(Self::Complete { id: id(&mut message)? }),
            "subscribe" => {
                let id = id(&mut message)?;
                let payload = payload(&mut message)?.ok_or_else(|| {
                    Close::bad_request("Invalid message received: subscribe needs a payload")
                })?;
                Ok(Self::Subscribe { id, payload })
            }
            other => Err(Close::bad_request(format!("Invalid message received: unknown type {other:?}"))),
        }
    }
}

fn payload(message: &mut Map<String, Value>) -> Result<Option<Map<String, Value>>, Close> {
    match message.remove("payload") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(payload)) => Ok(Some(payload)),
        Some(_) => Err(Close::bad_request("Invalid message received: payload should be an object")),
    }
}

fn id(message: &mut Map<String, Value>) -> Result<String, Close> {
    match message.remove("id") {
        Some(Value::String(id)) if !id.is_empty() => Ok(id),
        _ => Err(Close::bad_request("Invalid message received: id should be a string that is not empty")),
    }
}

pub(crate) fn ack() -> String {
    r#"{"type":"connection_ack"}"#.to_owned()
}

pub(crate) fn pong(payload: Option<Map<String, Value>>) -> String {
    match payload {
        None => r#"{"type":"pong"}"#.to_owned(),
        Some(payload) => format!(r#"{{"type":"pong","payload":{}}}"#, Value::Object(payload)),
    }
}

pub(crate) fn complete(id: &str) -> String {
    format!(r#"{{"id":{},"type":"complete"}}"#, Value::from(id))
}

/// A message whose payload is JSON already: `next` with an answer, `error` with a list of errors.
pub(crate) fn with_payload(kind: &str, id: &str, payload: &[u8]) -> String {
    let payload = String::from_utf8_lossy(payload);
    format!(r#"{{"id":{},"type":"{kind}","payload":{payload}}}"#, Value::from(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_no_message_closes_with_4400() {
        for text in [
            "",
            "[]",
            "{}",
            r#"{"type": 1}"#,
            r#"{"type": "start"}"#,
            r#"{"type": "subscribe", "payload": {}}"#,
            r#"{"type": "subscribe", "id": "", "payload": {}}"#,
            r#"{"type": "subscribe", "id": "1"}"#,
            r#"{"type": "connection_init", "payload": "token"}"#,
            r#"{"type": "complete"}"#,
        ] {
            assert_eq!(ClientMessage::read(text).unwrap_err().code, 4400, "{text}");
        }
    }

    #[test]
    fn a_null_payload_is_no_payload() {
        let init = ClientMessage::read(r#"{"type": "connection_init", "payload": null}"#);
        assert_eq!(init, Ok(ClientMessage::Init(None)));
    }

    #[test]
    fn an_id_is_escaped_wherever_it_is_written() {
        let id = "a\"b\\";
        for text in [complete(id), with_payload("next", id, b"{\"data\":1}")] {
            let value: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(value["id"], id);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "\\PC{0,80}") {
            let _ = ClientMessage::read(&text);
        }
    }
}
