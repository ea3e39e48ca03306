//! Every limit of the HTTP side, in one place, with its unit and what happens when it is reached.
//!
//! The defaults suit a server that dashboards and gateways talk to: a hostile client can hold a bounded amount
//! of memory and time, and nobody who behaves meets a limit.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Limits of the HTTP server and of each GraphQL transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Open connections at most. Further ones wait in the kernel's accept queue, so health probes wait as well:
    /// keep this well above what clients need.
    pub max_connections: usize,
    /// Time a client has to send a request's header. Then the connection is closed.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Length of a request's header at most, in bytes, with the URL and so with the document of a GET. Longer
    /// ones get status 431 from HTTP/1.1, and are refused by the HTTP/2 framing.
    pub max_header_bytes: usize,
    /// Concurrent HTTP/2 streams of a connection at most. A client that opens more must wait.
    pub http2_max_streams: u32,
    /// Length of a request's body at most, in bytes. Longer ones get status 413.
    pub max_body_bytes: usize,
    /// Time a client has to send the whole body. Then it gets status 408.
    #[serde(with = "humantime_serde")]
    pub body_timeout: Duration,
    /// Time a query or mutation may take, on every transport. Then the answer is an error with code TIMEOUT. A
    /// mutation that has begun goes on, since its effect can't be taken back.
    #[serde(with = "humantime_serde")]
    pub request_timeout: Duration,
    /// Answers from this length on, in bytes, are compressed for clients that accept gzip. Event streams never are.
    pub compress_from_bytes: u64,
    /// Origins (`https://app.example.com`) of web pages that may open WebSockets, besides the server's own. `*`
    /// stands for every origin. Clients that are not browsers send no Origin and are not concerned.
    pub allowed_origins: Vec<String>,
    /// Time between failing the readiness probe and closing the listener, so that load balancers can take notice.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// Time that requests in flight have to finish once the listener is closed. Then they are dropped.
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
    pub websocket: WebSocketConfig,
    pub sse: SseConfig,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            header_timeout: Duration::from_secs(10),
            max_header_bytes: 64 * 1024,
            http2_max_streams: 250,
            max_body_bytes: 1024 * 1024,
            body_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            compress_from_bytes: 1024,
            allowed_origins: Vec::new(),
            drain_delay: Duration::from_secs(3),
            drain_timeout: Duration::from_secs(20),
            websocket: WebSocketConfig::default(),
            sse: SseConfig::default(),
        }
    }
}

/// Limits of `graphql-transport-ws` connections.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketConfig {
    /// Open WebSockets at most. Further upgrades get status 503.
    pub max_connections: usize,
    /// Time from the upgrade to `connection_init`. Then the socket is closed with code 4408.
    #[serde(with = "humantime_serde")]
    pub init_timeout: Duration,
    /// Time between two pings of the server; HTTP/2 connections are pinged as often.
    #[serde(with = "humantime_serde")]
    pub ping_interval: Duration,
    /// Time that a client has to send anything after a ping. Then the connection is dropped without a close
    /// frame, which clients take as a reason to connect again.
    #[serde(with = "humantime_serde")]
    pub pong_timeout: Duration,
    /// Time that a client has to take one message off the wire. Then the connection is dropped.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
    /// Length of a message from the client at most, in bytes. A longer one closes the socket with code 1009.
    pub max_message_bytes: usize,
    /// Operations under way on one socket at most. A further one is answered with code RATE_LIMITED.
    pub max_operations: usize,
    /// Messages that may wait for a slow client at most. When they are that many, its subscriptions are no longer
    /// polled, so they lag behind their source, and are told so by the source's own rules.
    pub outgoing_messages: usize,
    /// Length, in bytes, of the messages that may wait for a slow client at most; what happens then is the same.
    /// A single longer message is let through alone.
    pub outgoing_bytes: u32,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self {
            max_connections: 5_000,
            init_timeout: Duration::from_secs(5),
            ping_interval: Duration::from_secs(20),
            pong_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            max_message_bytes: 1024 * 1024,
            max_operations: 100,
            outgoing_messages: 64,
            outgoing_bytes: 1024 * 1024,
        }
    }
}

/// Limits of subscriptions over server-sent events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SseConfig {
    /// Open event streams at most. Further ones get status 503.
    pub max_streams: usize,
    /// Time of silence after which a comment is sent, so that proxies keep the stream open.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
}

impl Default for SseConfig {
    fn default() -> Self {
        Self { max_streams: 5_000, keep_alive: Duration::from_secs(12) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_with_their_unit() {
        let config: HttpConfig =
            serde_json::from_str(r#"{"request_timeout": "1m 30s", "sse": {"keep_alive": "200ms"}}"#).unwrap();
        assert_eq!(config.request_timeout, Duration::from_secs(90));
        assert_eq!(config.sse.keep_alive, Duration::from_millis(200));
        assert_eq!(config.max_body_bytes, HttpConfig::default().max_body_bytes);
    }

    #[test]
    fn an_unknown_key_is_refused_at_every_level() {
        assert!(serde_json::from_str::<HttpConfig>(r#"{"max_body_byte": 1}"#).is_err());
        assert!(serde_json::from_str::<HttpConfig>(r#"{"websocket": {"pings": "1s"}}"#).is_err());
        assert!(serde_json::from_str::<HttpConfig>(r#"{"sse": {"max": 1}}"#).is_err());
    }

    #[test]
    fn the_default_reads_back_as_it_was_written() {
        let text = serde_json::to_string(&HttpConfig::default()).unwrap();
        assert_eq!(serde_json::from_str::<HttpConfig>(&text).unwrap(), HttpConfig::default());
    }
}
