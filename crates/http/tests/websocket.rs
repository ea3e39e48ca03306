//! Operations over a WebSocket: results, ends, pings, bounds and the drain.

mod support;

use std::{sync::atomic::Ordering, time::Duration};

use futures::{SinkExt, StreamExt};
use http_api::HttpConfig;
use serde_json::{Value, json};
use support::{Server, config, socket::Socket, until, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn a_subscription_gives_its_results_in_order_and_completes() {
    let server = Server::start(config()).await;
    let mut socket = Socket::acknowledged(&server).await;
    socket.subscribe("a", "subscription { count(to: 3) }").await;
    for n in 1..=3 {
        assert_eq!(
            socket.hear().await,
            json!({"id": "a", "type": "next", "payload": {"data": {"count": n}}})
        );
    }
    assert_eq!(socket.hear().await, json!({"id": "a", "type": "complete"}));
}

#[tokio::test]
async fn queries_and_mutations_run_beside_subscriptions() {
    let server = Server::start(config()).await;
    let mut socket = Socket::acknowledged(&server).await;
    socket.subscribe("slow", "{ slow(ms: 400) }").await;
    socket.subscribe("fast", "mutation { bump }").await;
    assert_eq!(socket.hear().await["payload"]["data"]["bump"], 1);
    assert_eq!(socket.hear().await, json!({"id": "fast", "type": "complete"}));
    assert_eq!(socket.hear().await["id"], "slow");
}

#[tokio::test]
async fn what_cannot_be_executed_ends_in_error_and_frees_its_id() {
    let server = Server::start(config()).await;
    let mut socket = Socket::acknowledged(&server).await;
    for (query, code) in [
        ("subscription { ", "GRAPHQL_PARSE_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($id: ID!) { hello }", "BAD_USER_INPUT"),
        ("{ boom }", "INTERNAL_ERROR"),
    ] {
        socket.subscribe("1", query).await;
        let message = socket.hear().await;
        assert_eq!(message["type"], "error", "{query}");
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{query}");
    }
    socket.say(r#"{"id":"1","type":"subscribe","payload":{"query":7}}"#).await;
    assert_eq!(socket.hear().await["payload"][0]["extensions"]["code"], "BAD_REQUEST");
}

#[tokio::test]
async fn a_panic_in_a_subscription_or_the_gate_ends_that_operation_only() {
    let server = Server::start(config()).await;
    let mut socket = Socket::open(&server).await;
    socket.say(r#"{"type":"connection_init","payload":{"token":"trapdoor"}}"#).await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    socket.subscribe("1", "{ hello }").await;
    let message = socket.hear().await;
    assert_eq!(message["payload"][0]["extensions"]["code"], "INTERNAL_ERROR");
    assert!(!message.to_string().contains("secret"));

    let mut socket = Socket::acknowledged(&server).await;
    socket.subscribe("1", "subscription { faulty }").await;
    assert_eq!(socket.hear().await["payload"]["data"]["faulty"], 1);
    assert_eq!(socket.hear().await["type"], "error");
    socket.subscribe("2", "{ hello }").await;
    assert_eq!(socket.hear().await["payload"]["data"]["hello"], "world");
}

#[tokio::test]
async fn complete_and_a_closed_socket_both_end_their_subscriptions() {
    let server = Server::start(config()).await;
    let mut socket = Socket::acknowledged(&server).await;
    for id in ["1", "2"] {
        socket.subscribe(id, "subscription { once }").await;
        assert_eq!(socket.hear().await["id"], id);
    }
    socket.say(r#"{"id":"1","type":"complete"}"#).await;
    until("the end of one", || server.seen.open.load(Ordering::SeqCst) == 1).await;
    socket.0.close(None).await.unwrap();
    until("the end of the other", || server.seen.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn the_clients_parameters_reach_the_gate() {
    let server = Server::start(config()).await;
    let mut socket = Socket::open(&server).await;
    socket.say(r#"{"type":"connection_init","payload":{"token":"ann"}}"#).await;
    assert_eq!(socket.hear().await["type"], "connection_ack");
    socket.subscribe("1", "{ caller }").await;
    assert_eq!(socket.hear().await["payload"]["data"]["caller"], "ann");
}

#[tokio::test]
async fn a_ping_of_the_client_is_answered_with_its_payload_even_before_the_init() {
    let server = Server::start(config()).await;
    let mut socket = Socket::open(&server).await;
    socket.say(r#"{"type":"ping","payload":{"n":1}}"#).await;
    assert_eq!(socket.hear().await, json!({"type": "pong", "payload": {"n": 1}}));
}

#[tokio::test]
async fn an_operation_too_many_is_refused_and_the_others_go_on() {
    let mut config = config();
    config.websocket.max_operations = 1;
    let server = Server::start(config).await;
    let mut socket = Socket::acknowledged(&server).await;
    socket.subscribe("1", "subscription { once }").await;
    assert_eq!(socket.hear().await["type"], "next");
    socket.subscribe("2", "{ hello }").await;
    let refused = socket.hear().await;
    assert_eq!(
        (&refused["id"], &refused["payload"][0]["extensions"]["code"]),
        (&json!("2"), &json!("RATE_LIMITED"))
    );
    socket.say(r#"{"id":"1","type":"complete"}"#).await;
    socket.subscribe("3", "{ hello }").await;
    assert_eq!(socket.hear().await["payload"]["data"]["hello"], "world");
}

#[tokio::test]
async fn a_client_that_answers_pings_is_kept_and_one_that_does_not_is_dropped() {
    let mut config = config();
    config.websocket.ping_interval = Duration::from_millis(50);
    config.websocket.pong_timeout = Duration::from_millis(300);
    let server = Server::start(config).await;
    let mut alive = Socket::acknowledged(&server).await;
    let mut pings = 0;
    while pings < 10 {
        // Reading makes the client's library answer.
        pings += usize::from(matches!(within("a ping", alive.0.next()).await, Some(Ok(Message::Ping(_)))));
    }
    let mut mute = Socket::acknowledged(&server).await;
    mute.subscribe("1", "subscription { once }").await;
    until("the subscription", || server.seen.open.load(Ordering::SeqCst) == 1).await;
    // Nothing is read from here on, so nothing is answered.
    until("the drop", || server.seen.open.load(Ordering::SeqCst) == 0).await;
    drop(mute);
}

#[tokio::test]
async fn a_client_that_does_not_read_stops_its_subscription_and_is_dropped() {
    let mut config = config();
    config.websocket.outgoing_bytes = 64 * 1024;
    config.websocket.write_timeout = Duration::from_secs(1);
    let server = Server::start(config).await;
    let mut socket = Socket::acknowledged(&server).await;
    socket.subscribe("1", "subscription { flood(length: 16384) }").await;
    let flooded = || server.seen.flooded.load(Ordering::SeqCst);
    until("the first results", || flooded() > 0).await;
    // The drop is the proof that writing was stuck; what was made until then fills the socket's buffers, the outbox
    // and the hands of the operation, and no more, however fast the source is.
    until("the drop", || server.seen.open.load(Ordering::SeqCst) == 0).await;
    assert!(flooded() < 2_000, "{} results of 16 KiB were made for a client that reads none", flooded());
}

#[tokio::test]
async fn a_draining_server_closes_its_sockets_with_1001() {
    let server = Server::start(config()).await;
    let mut socket = Socket::acknowledged(&server).await;
    socket.subscribe("1", "subscription { once }").await;
    let _: Value = socket.hear().await;
    let (closed, drained) = tokio::join!(socket.closed(), server.stop());
    assert_eq!((closed.0, drained.dropped), (1001, 0));
}

#[tokio::test]
async fn a_client_that_ignores_the_close_frame_does_not_hold_up_the_drain() {
    let mut config = config();
    config.drain_timeout = Duration::from_secs(10);
    let server = Server::start(config).await;
    let mut socket = Socket::acknowledged(&server).await;
    socket.0.send(Message::text(r#"{"type":"pong"}"#)).await.unwrap();
    assert_eq!(server.stop().await.dropped, 0);
    drop(socket);
}

#[tokio::test]
async fn a_socket_counts_among_the_connections_of_its_address_for_as_long_as_it_is_open() {
    let server = Server::start(HttpConfig { max_connections_per_peer: 1, ..config() }).await;
    let mut socket = Socket::acknowledged(&server).await;
    let refused = || async {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ =
            stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
        let mut answer = String::new();
        let _ = within("the end", stream.read_to_string(&mut answer)).await;
        answer.is_empty()
    };
    assert!(refused().await, "a second connection was let in beside the socket");
    socket.subscribe("1", "{ hello }").await;
    assert_eq!(socket.hear().await["payload"]["data"]["hello"], "world");
    drop(socket);
    within("room for another", async {
        while refused().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
