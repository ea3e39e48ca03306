//! A GraphQL client, small and strict: an error where none is expected fails the test with its text.

use std::{net::SocketAddr, time::Instant};

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{bed::PATIENCE, server::ask};

/// The whole answer to a query.
pub async fn answer(address: SocketAddr, query: &str, variables: Value) -> Value {
    answer_as(address, "", query, variables).await
}

/// The whole answer to a query of somebody with a token; without one, if it is empty.
pub async fn answer_as(address: SocketAddr, token: &str, query: &str, variables: Value) -> Value {
    let bearer = format!("Bearer {token}");
    let mut headers =
        vec![("content-type", "application/json"), ("accept", "application/graphql-response+json")];
    if !token.is_empty() {
        headers.push(("authorization", &bearer));
    }
    let body = json!({ "query": query, "variables": variables }).to_string();
    let (_, body) = ask(address, "POST /graphql", &headers, &body).await;
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error} in {body}"))
}

/// The code of the first error; `none` if there is none.
pub fn code(answer: &Value) -> &str {
    answer["errors"][0]["extensions"]["code"].as_str().unwrap_or("none")
}

/// The data of a query that must succeed.
pub async fn data(address: SocketAddr, query: &str) -> Value {
    let mut answer = answer(address, query, json!({})).await;
    assert!(answer.get("errors").is_none(), "{query}: {}", answer["errors"]);
    answer["data"].take()
}

/// Asks until the answer is as wanted; errors in it don't matter.
pub async fn until(address: SocketAddr, query: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    until_as(address, "", query, wanted).await
}

/// The same of somebody with a token.
pub async fn until_as(
    address: SocketAddr,
    token: &str,
    query: &str,
    wanted: impl Fn(&Value) -> bool,
) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = answer_as(address, token, query, json!({})).await;
        if wanted(&answer["data"]) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{query} still answers {answer}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// The code and the reason that a socket is closed with after this first message.
pub async fn refused_socket(address: SocketAddr, first: &Value) -> (u16, String) {
    let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
    let mut refused = Subscription { socket, query: first.to_string() };
    refused.send(first).await;
    refused.closed().await
}

/// One subscription on a WebSocket of its own.
pub struct Subscription {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    query: String,
}

impl Subscription {
    pub async fn start(address: SocketAddr, query: &str) -> Self {
        Self::start_as(address, "", query).await
    }

    /// The subscription of somebody who has this token.
    pub async fn start_as(address: SocketAddr, token: &str, query: &str) -> Self {
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
        let (socket, _) = tokio_tungstenite::connect_async(request).await.unwrap();
        let mut this = Self { socket, query: query.to_owned() };
        let init = if token.is_empty() {
            json!({ "type": "connection_init" })
        } else {
            json!({ "type": "connection_init", "payload": { "authorization": format!("Bearer {token}") } })
        };
        this.send(&init).await;
        assert_eq!(this.receive().await["type"], "connection_ack");
        this.send(&json!({ "id": "1", "type": "subscribe", "payload": { "query": query } })).await;
        this
    }

    /// The error that is answered instead of any event.
    pub async fn refused(mut self) -> Value {
        let mut message = self.receive().await;
        assert_eq!(message["type"], "error", "{}: {message}", self.query);
        message["payload"][0].take()
    }

    /// The data of the next event.
    pub async fn next(&mut self) -> Value {
        let mut message = self.receive().await;
        assert_eq!(message["type"], "next", "{}: {message}", self.query);
        let payload = &mut message["payload"];
        assert!(payload.get("errors").is_none(), "{}: {payload}", self.query);
        payload["data"].take()
    }

    /// The first event that is wanted; others are passed over.
    pub async fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next().await;
            if wanted(&event) {
                return event;
            }
        }
    }

    /// The code and the reason that the server closes with; results until then are passed over.
    pub async fn closed(mut self) -> (u16, String) {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let message = message.expect("the socket stays open").expect("no close frame").unwrap();
            if let Message::Close(Some(frame)) = message {
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }

    async fn send(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.socket.next()).await;
            let message = message.unwrap_or_else(|_| panic!("no event within {PATIENCE:?}: {}", self.query));
            let Message::Text(text) = message.unwrap().unwrap() else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["type"] == "ping" {
                self.send(&json!({ "type": "pong" })).await;
                continue;
            }
            return message;
        }
    }
}
