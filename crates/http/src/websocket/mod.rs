//! GraphQL over WebSocket: the `graphql-transport-ws` protocol of npm's graphql-ws, which Apollo's, Hive's and urql's
//! clients and gateways speak.

mod close;
mod connection;
mod message;
mod operation;
mod outbox;
mod session;

use std::sync::Arc;

use async_graphql::Executor;
use axum::{
    extract::{
        FromRequestParts, WebSocketUpgrade,
        ws::{Message, WebSocket},
    },
    response::Response,
};
use http::{HeaderValue, Method, request::Parts};
use tracing::Instrument;

use crate::{
    app::App,
    context::{RequestContext, Transport},
    failure::Failure,
    origins,
};
use close::Close;
use connection::Connection;
#[cfg(test)]
pub(crate) use message::ClientMessage;
#[cfg(test)]
pub(crate) use session::{Session, Step};

const SUBPROTOCOL: &str = "graphql-transport-ws";

/// Upgrades a request to a WebSocket.
pub(crate) async fn upgrade<E: Executor>(
    app: &Arc<App<E>>,
    mut parts: Parts,
    mut context: RequestContext,
) -> Result<Response, Failure> {
    if parts.method != Method::GET {
        return Err(Failure::method("GET", "a WebSocket is opened by a GET"));
    }
    if !origins::is_allowed(&parts.headers, &app.config.allowed_origins) {
        return Err(origins::refusal());
    }
    let mut upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &())
        .await
        .map_err(|rejection| Failure::bad_request(rejection.body_text()))?;
    let Ok(slot) = Arc::clone(&app.websocket_slots).try_acquire_owned() else {
        return Err(Failure::busy("too many WebSockets are open; try again later"));
    };
    let known = upgrade.requested_protocols().any(|name| name == SUBPROTOCOL);
    // A client of another protocol is answered in that protocol's name, since clients drop the connection unread
    // otherwise, and would never see the code that says why.
    let name = if known {
        Some(HeaderValue::from_static(SUBPROTOCOL))
    } else {
        upgrade.requested_protocols().next().cloned()
    };
    if let Some(name) = name {
        upgrade.set_selected_protocol(name);
    }
    let config = &app.config.websocket;
    context.transport = Transport::WebSocket;
    let span = tracing::info_span!("websocket", request_id = %context.request_id);
    let app = Arc::clone(app);
    let response = upgrade
        .max_message_size(config.max_message_bytes)
        .max_frame_size(config.max_message_bytes)
        .on_upgrade(move |socket| {
            let tasks = app.shutdown.tasks().clone();
            tasks.track_future(
                async move {
                    let _slot = slot;
                    if known {
                        Connection::new(app, context, socket).run().await
                    } else {
                        refuse(socket).await
                    }
                }
                .instrument(span),
            )
        });
    Ok(response)
}

async fn refuse(mut socket: WebSocket) {
    // A client that went away meanwhile needs no answer.
    let _ = socket.send(Message::Close(Some(Close::subprotocol().frame()))).await;
    let _ = tokio::time::timeout(std::time::Duration::from_secs(2), socket.recv()).await;
}
