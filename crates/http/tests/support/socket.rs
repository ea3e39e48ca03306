//! A bare WebSocket client, for what a well-behaved one never does.

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use super::{Server, within};

pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub async fn open(server: &Server) -> Self {
        Self::open_as(server, "graphql-transport-ws").await
    }

    pub async fn open_as(server: &Server, protocol: &str) -> Self {
        let mut request = format!("ws://{}/graphql", server.address).into_client_request().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol.parse().unwrap());
        Self(connect_async(request).await.unwrap().0)
    }

    /// Opens a socket and waits for its acknowledgement.
    pub async fn acknowledged(server: &Server) -> Self {
        let mut socket = Self::open(server).await;
        socket.say(r#"{"type":"connection_init"}"#).await;
        assert_eq!(socket.hear().await["type"], "connection_ack");
        socket
    }

    pub async fn say(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    pub async fn subscribe(&mut self, id: &str, query: &str) {
        let message = serde_json::json!({ "id": id, "type": "subscribe", "payload": { "query": query } });
        self.say(&message.to_string()).await;
    }

    /// The next message.
    pub async fn hear(&mut self) -> Value {
        loop {
            match within("a message", self.0.next()).await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("{other:?} instead of a message"),
            }
        }
    }

    /// The code and reason that the server closes with, whatever it sent before.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            match within("a close frame", self.0.next()).await {
                Some(Ok(Message::Close(Some(frame)))) => {
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?} instead of a close frame"),
            }
        }
    }
}
