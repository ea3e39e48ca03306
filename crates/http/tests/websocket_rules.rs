//! What breaks the rules of `graphql-transport-ws`, and the code each of it is closed with.

mod support;

use std::time::Duration;

use http::StatusCode;
use support::{Server, config, socket::Socket, within};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{self, Message, client::IntoClientRequest},
};

const INIT: &str = r#"{"type":"connection_init"}"#;

#[tokio::test]
async fn what_is_no_message_closes_with_4400() {
    let server = Server::start(config()).await;
    for text in ["nonsense", "[]", r#"{"type":"start"}"#, r#"{"type":"subscribe","payload":{}}"#] {
        let mut socket = Socket::acknowledged(&server).await;
        socket.say(text).await;
        assert_eq!(socket.closed().await.0, 4400, "{text}");
    }
    let mut socket = Socket::acknowledged(&server).await;
    futures::SinkExt::send(&mut socket.0, Message::binary(INIT.as_bytes().to_vec())).await.unwrap();
    assert_eq!(socket.closed().await.0, 4400);
}

#[tokio::test]
async fn a_subscription_before_the_acknowledgement_closes_with_4401() {
    let server = Server::start(config()).await;
    let mut socket = Socket::open(&server).await;
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(socket.closed().await.0, 4401);
}

#[tokio::test]
async fn a_connection_that_the_gate_refuses_closes_with_4403() {
    let server = Server::start(config()).await;
    let mut socket = Socket::open(&server).await;
    socket.say(r#"{"type":"connection_init","payload":{"token":"mallory"}}"#).await;
    assert_eq!(socket.closed().await, (4403, "not you".to_owned()));
}

#[tokio::test]
async fn another_subprotocol_closes_with_4406() {
    let server = Server::start(config()).await;
    assert_eq!(Socket::open_as(&server, "graphql-ws").await.closed().await.0, 4406);
    let request = format!("ws://{}/graphql", server.address).into_client_request().unwrap();
    let mut without = Socket(connect_async(request).await.unwrap().0);
    assert_eq!(without.closed().await.0, 4406);
    let mut second_choice = Socket::open_as(&server, "other, graphql-transport-ws").await;
    second_choice.say(INIT).await;
    assert_eq!(second_choice.hear().await["type"], "connection_ack");
}

#[tokio::test]
async fn silence_after_the_upgrade_closes_with_4408() {
    let mut config = config();
    config.websocket.init_timeout = Duration::from_millis(50);
    let server = Server::start(config).await;
    assert_eq!(Socket::open(&server).await.closed().await.0, 4408);
}

#[tokio::test]
async fn an_id_that_is_in_use_closes_with_4409_and_a_reason_that_fits() {
    let server = Server::start(config()).await;
    let mut socket = Socket::acknowledged(&server).await;
    let id = "ü".repeat(100);
    socket.subscribe(&id, "subscription { once }").await;
    socket.subscribe(&id, "subscription { once }").await;
    let (code, reason) = socket.closed().await;
    assert_eq!(code, 4409);
    assert!(reason.starts_with("Subscriber for üü") && reason.len() <= 123, "{reason}");
}

#[tokio::test]
async fn a_second_init_closes_with_4429() {
    let server = Server::start(config()).await;
    let mut socket = Socket::acknowledged(&server).await;
    socket.say(INIT).await;
    assert_eq!(socket.closed().await.0, 4429);
}

#[tokio::test]
async fn a_message_above_the_limit_closes_with_1009() {
    let mut config = config();
    config.websocket.max_message_bytes = 1000;
    let server = Server::start(config).await;
    let mut socket = Socket::acknowledged(&server).await;
    socket.subscribe("1", &" ".repeat(1001)).await;
    assert_eq!(socket.closed().await.0, 1009);
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_is_refused_before_the_upgrade() {
    let server = Server::start(config()).await;
    let mut request = format!("ws://{}/graphql", server.address).into_client_request().unwrap();
    request.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    let refused = within("the answer", connect_async(request)).await.unwrap_err();
    let tungstenite::Error::Http(response) = refused else { panic!("{refused}") };
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_socket_too_many_gets_503() {
    let mut config = config();
    config.websocket.max_connections = 1;
    let server = Server::start(config).await;
    let _first = Socket::acknowledged(&server).await;
    let mut request = format!("ws://{}/graphql", server.address).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    let refused = within("the answer", connect_async(request)).await.unwrap_err();
    let tungstenite::Error::Http(response) = refused else { panic!("{refused}") };
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}
