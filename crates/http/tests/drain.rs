//! A real server at the edges of a connection's life: slow clients, event streams, and the drain.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod support;

use std::{sync::atomic::Ordering, time::Duration};

use http_api::HttpConfig;
use support::{Server, config, until, within};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn connect(server: &Server) -> TcpStream {
    TcpStream::connect(server.address).await.unwrap()
}

/// Sends a document and leaves the answer on the wire.
async fn ask(server: &Server, accept: &str, query: &str) -> TcpStream {
    let mut stream = connect(server).await;
    let body = serde_json::json!({ "query": query }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: {accept}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// Reads until the text has come, or the connection has ended.
async fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    within(wanted, async {
        loop {
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            text.extend_from_slice(&buffer[..read]);
            let so_far = String::from_utf8_lossy(&text);
            if read == 0 || (!wanted.is_empty() && so_far.contains(wanted)) {
                return so_far.into_owned();
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_request_in_flight_is_finished_and_no_new_connection_is_taken() {
    let server = Server::start(config()).await;
    let address = server.address;
    let mut stream = ask(&server, "application/json", "mutation { bump(ms: 500) }").await;
    let mut idle = connect(&server).await;
    // The header alone shows that the connection was accepted before the drain begins.
    idle.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert!(read_until(&mut idle, "ok").await.contains("200 OK"));
    let drain = tokio::spawn(server.stop());
    assert!(read_until(&mut stream, "bump").await.contains(r#"{"data":{"bump":1}}"#));
    assert_eq!(within("the drain", drain).await.unwrap().dropped, 0);
    assert_eq!(read_until(&mut idle, "").await, "", "the idle connection is still open");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_is_not_done_at_the_deadline_is_dropped_and_counted() {
    let server = Server::start(HttpConfig { drain_timeout: Duration::from_millis(200), ..config() }).await;
    let mut stream = ask(&server, "application/json", "{ slow(ms: 60000) }").await;
    let mut probe = connect(&server).await;
    probe.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    read_until(&mut probe, "ok").await;
    assert_eq!(server.stop().await.dropped, 1);
    assert_eq!(read_until(&mut stream, "").await, "");
}

#[tokio::test]
async fn readiness_fails_for_the_delay_while_requests_are_still_served() {
    let server = Server::start(HttpConfig { drain_delay: Duration::from_secs(2), ..config() }).await;
    server.shutdown.begin();
    let mut probe = connect(&server).await;
    probe.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(read_until(&mut probe, "check failed").await.contains("503"));
    let mut stream = ask(&server, "application/json", "{ hello }").await;
    assert!(read_until(&mut stream, "world").await.contains("200 OK"));
    assert_eq!(server.stop().await.dropped, 0);
}

#[tokio::test]
async fn a_header_or_a_body_that_does_not_come_is_not_waited_for() {
    let slow = Duration::from_millis(100);
    let server = Server::start(HttpConfig { header_timeout: slow, body_timeout: slow, ..config() }).await;
    let mut header = connect(&server).await;
    header.write_all(b"POST /graphql HTTP/1.1\r\nhost:").await.unwrap();
    let answer = read_until(&mut header, "").await;
    assert!(answer.is_empty() || answer.contains("408"), "{answer}");
    let mut body = connect(&server).await;
    let request = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{";
    body.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut body, "TIMEOUT").await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn an_event_stream_gives_its_results_and_says_that_it_is_complete() {
    let server = Server::start(config()).await;
    let mut stream = ask(&server, "text/event-stream", "subscription { count(to: 2) }").await;
    let text = read_until(&mut stream, "event: complete\ndata: \n\n").await;
    assert!(text.contains("content-type: text/event-stream; charset=utf-8"), "{text}");
    assert!(text.contains("event: next\ndata: {\"data\":{\"count\":1}}\n\n"), "{text}");
    assert!(text.contains("event: next\ndata: {\"data\":{\"count\":2}}\n\n"), "{text}");
}

#[tokio::test]
async fn a_silent_event_stream_is_kept_alive_and_ends_with_its_client() {
    let mut config = config();
    config.sse.keep_alive = Duration::from_millis(30);
    let server = Server::start(config).await;
    let mut stream = ask(&server, "text/event-stream", "subscription { once }").await;
    read_until(&mut stream, "\n:\n\n").await;
    assert_eq!(server.seen.open.load(Ordering::SeqCst), 1);
    drop(stream);
    until("the end of the subscription", || server.seen.open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn an_event_stream_ends_without_complete_when_the_server_closes() {
    let server = Server::start(config()).await;
    let mut stream = ask(&server, "text/event-stream", "subscription { once }").await;
    read_until(&mut stream, "event: next").await;
    let drain = tokio::spawn(server.stop());
    let rest = read_until(&mut stream, "").await;
    assert!(!rest.contains("complete"), "{rest}");
    assert_eq!(within("the drain", drain).await.unwrap().dropped, 0);
}

#[tokio::test]
async fn an_event_stream_too_many_gets_503() {
    let mut config = config();
    config.sse.max_streams = 1;
    let server = Server::start(config).await;
    let mut first = ask(&server, "text/event-stream", "subscription { once }").await;
    read_until(&mut first, "event: next").await;
    let mut second = ask(&server, "text/event-stream", "subscription { once }").await;
    assert!(read_until(&mut second, "RATE_LIMITED").await.contains("503"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_event_stream_stops_the_subscription() {
    let server = Server::start(config()).await;
    let stream = ask(&server, "text/event-stream", "subscription { flood(length: 16384) }").await;
    let flooded = || server.seen.flooded.load(Ordering::SeqCst);
    until("the first results", || flooded() > 0).await;
    // Once the buffers are full, no further result is made: two looks half a second apart see the same number.
    let mut last = usize::MAX;
    within("a standstill", async {
        while flooded() != last {
            last = flooded();
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    })
    .await;
    assert!(last < 2_000, "{last} results of 16 KiB were made for a client that reads none");
    drop(stream);
}
