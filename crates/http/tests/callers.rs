//! Who is calling, over each transport, and what becomes of a stream whose caller's credential ends.

mod support;

use std::sync::atomic::Ordering;

use fleetgraph_core::ErrorCode;
use support::{Server, config, raw, socket::Socket, until};

const ENDED: &str = "the credential is no longer valid; connect again with another";

fn post(token: &str, accept: &str, query: &str) -> String {
    let body = serde_json::json!({ "query": query }).to_string();
    format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\naccept: {accept}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

async fn socket_of(server: &Server, token: &str) -> Socket {
    let mut socket = Socket::open(server).await;
    socket
        .say(&serde_json::json!({"type": "connection_init", "payload": {"token": token}}).to_string())
        .await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    socket
}

#[tokio::test]
async fn a_stranger_gets_401_with_the_scheme_before_the_body_is_read() {
    let server = Server::start(config()).await;
    server.seen.end("eve", ErrorCode::Unauthenticated);
    // The body is announced, and never sent.
    let request = "POST /graphql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer eve\r\n\
                   content-type: application/json\r\ncontent-length: 100\r\nconnection: close\r\n\r\n";
    let answer = raw::exchange(&server, request).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("www-authenticate: Bearer\r\n"), "{answer}");
    assert!(answer.contains(r#""code":"UNAUTHENTICATED""#), "{answer}");
}

#[tokio::test]
async fn a_websocket_is_closed_soon_after_its_credential_ended_and_the_others_stay() {
    let server = Server::start(config()).await;
    let (mut ann, mut bob) = (socket_of(&server, "ann").await, socket_of(&server, "bob").await);
    for socket in [&mut ann, &mut bob] {
        socket.subscribe("1", "subscription { once }").await;
        assert_eq!(socket.hear().await["type"], "next");
    }
    server.seen.end("ann", ErrorCode::Unauthenticated);
    assert_eq!(ann.closed().await, (4403, ENDED.to_owned()));
    until("the end of ann's subscription", || server.seen.open.load(Ordering::SeqCst) == 1).await;
    bob.subscribe("2", "{ hello }").await;
    assert_eq!(bob.hear().await["payload"]["data"]["hello"], "world");
}

#[tokio::test]
async fn a_websocket_stays_open_while_it_can_not_be_told_whether_its_credential_holds() {
    let server = Server::start(config()).await;
    let mut ann = socket_of(&server, "ann").await;
    let asked = server.seen.asked.load(Ordering::SeqCst);
    server.seen.end("ann", ErrorCode::AuthenticationUnavailable);
    until("two looks", || server.seen.asked.load(Ordering::SeqCst) >= asked + 2).await;
    ann.subscribe("1", "{ hello }").await;
    assert_eq!(ann.hear().await["payload"]["data"]["hello"], "world");
    let mut stranger = Socket::open(&server).await;
    stranger.say(r#"{"type":"connection_init","payload":{"token":"ann"}}"#).await;
    assert_eq!(stranger.closed().await.0, 1013);
}

#[tokio::test]
async fn an_event_stream_ends_with_the_reason_soon_after_its_credential_ended() {
    let server = Server::start(config()).await;
    let ending = async {
        until("the subscription", || server.seen.open.load(Ordering::SeqCst) == 1).await;
        server.seen.end("ann", ErrorCode::Unauthenticated);
    };
    let request = post("ann", "text/event-stream", "subscription { once }");
    let (stream, ()) = tokio::join!(raw::exchange(&server, &request), ending);
    let (first, last) = (stream.find(r#"{"data":{"once":1}}"#), stream.find(ENDED));
    assert!(first.is_some() && first < last, "{stream}");
    assert!(stream.contains("event: complete"), "{stream}");
    assert_eq!(server.seen.open.load(Ordering::SeqCst), 0);
}
