//! One subscription on a WebSocket, as `graphql-transport-ws` has it.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub struct Subscription(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Subscription {
    pub async fn start(address: SocketAddr, query: &str) -> Result<Self> {
        let mut request = format!("ws://{address}/graphql").into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse()?);
        let (socket, _) = tokio_tungstenite::connect_async(request).await?;
        let mut this = Self(socket);
        this.send(&json!({ "type": "connection_init" })).await?;
        let answer = this.receive().await?;
        ensure!(answer["type"] == "connection_ack", "{answer} instead of an acknowledgement");
        this.send(&json!({ "id": "1", "type": "subscribe", "payload": { "query": query } })).await?;
        Ok(this)
    }

    /// The data of the next event.
    pub async fn next(&mut self) -> Result<Value> {
        let mut message = self.receive().await?;
        let payload = &mut message["payload"];
        if payload["data"].is_null() || payload.get("errors").is_some() {
            bail!("{message} instead of an event");
        }
        Ok(payload["data"].take())
    }

    async fn send(&mut self, message: &Value) -> Result<()> {
        Ok(self.0.send(Message::text(message.to_string())).await?)
    }

    async fn receive(&mut self) -> Result<Value> {
        loop {
            let message = self.0.next().await.context("the server closed the WebSocket")??;
            let Message::Text(text) = message else { continue };
            let message: Value = serde_json::from_str(&text)?;
            if message["type"] == "ping" {
                self.send(&json!({ "type": "pong" })).await?;
                continue;
            }
            return Ok(message);
        }
    }
}
