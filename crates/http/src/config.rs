//! Every limit of the HTTP side, in one place, with its unit and what happens when it is reached.
//!
//! The defaults suit a server that dashboards and gateways talk to: a hostile client can hold a bounded amount
//! of memory and time, and nobody who behaves meets a limit.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::hosts::HostPattern;

/// Limits of the HTTP server and of each GraphQL transport.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Open connections at most. Further ones wait in the kernel's accept queue, so health probes wait as well:
    /// keep this well above what clients need.
    pub max_connections: usize,
    /// Open connections of one address at most, or of one IPv6 network of 64 bits; 0 is no bound. Further ones are
    /// closed at once. Behind a proxy all clients have the proxy's address: then raise this to what the proxy may open,
    /// or set 0 and let the proxy bound its clients.
    pub max_connections_per_peer: usize,
    /// Time a client has to send a request's header. Then the connection is closed.
    #[serde(with = "humantime_serde")]
    pub header_timeout: Duration,
    /// Time in which a client has to take something of what is written to it. When a write could not go on for so long,
    /// the connection is closed.
    #[serde(with = "humantime_serde")]
    pub write_timeout: Duration,
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
    /// Hosts that the server answers to: `fleet.example.com` at any port, `fleet.example.com:8443`, `*.example.com`, an
    /// address, or `*` for every host. The names and addresses of loopback always count, and the address that a
    /// connection has come in on. Requests for other hosts get status 421, so that no page reads the fleet under a name
    /// that it has pointed here; probes are answered by any address as well.
    pub allowed_hosts: Vec<HostPattern>,
    /// Origins (`https://app.example.com`) of web pages that may use the API, besides the server's own: POST requests,
    /// WebSockets, and reading answers (CORS). `*` stands for every origin, without the browser's credentials. Clients
    /// that are not browsers send no Origin and are not concerned.
    pub allowed_origins: Vec<String>,
    /// Time between failing the readiness probe and closing the listener, so that load balancers can take notice.
    #[serde(with = "humantime_serde")]
    pub drain_delay: Duration,
    /// Time that requests in flight have to finish once the listener is closed. Then they are dropped.
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
    pub tls: TlsConfig,
    pub persisted_queries: PersistedQueriesConfig,
    pub trusted_documents: TrustedDocumentsConfig,
    pub websocket: WebSocketConfig,
    pub sse: SseConfig,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_connections_per_peer: 2_500,
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(30),
            max_header_bytes: 64 * 1024,
            http2_max_streams: 250,
            max_body_bytes: 1024 * 1024,
            body_timeout: Duration::from_secs(15),
            request_timeout: Duration::from_secs(30),
            compress_from_bytes: 1024,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            drain_delay: Duration::from_secs(3),
            drain_timeout: Duration::from_secs(20),
            tls: TlsConfig::default(),
            persisted_queries: PersistedQueriesConfig::default(),
            trusted_documents: TrustedDocumentsConfig::default(),
            websocket: WebSocketConfig::default(),
            sse: SseConfig::default(),
        }
    }
}

/// TLS (1.2 and 1.3) of the server. Without a certificate it speaks plain HTTP.
///
/// The files are read again when they change, and new connections get what they hold; those that are open keep what they
/// have. What can't be used (an expired certificate, a key of another one) is logged, and the old one stays in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsConfig {
    /// File of the server's certificate, in PEM, followed by those of the authorities between it and the root. Empty is
    /// no TLS.
    pub cert_file: PathBuf,
    /// File of the certificate's private key, in PEM.
    pub key_file: PathBuf,
    /// File of the authorities, in PEM, that sign the certificates of end users. A client that shows none is let in all
    /// the same, and one that shows a certificate of another authority is not. Revocation lists are not read. Set by
    /// `authentication.client_certificates`.
    #[serde(skip)]
    pub client_ca_file: PathBuf,
    /// File of the authorities, in PEM, that sign the certificate of a trusted proxy in front of the server. They may
    /// share none with `client_ca_file`. Set by `authentication.trusted_proxy`.
    #[serde(skip)]
    pub proxy_ca_file: PathBuf,
    /// Time between two looks at the files.
    #[serde(with = "humantime_serde")]
    pub reload_interval: Duration,
    /// Time a client has for the whole handshake. Then the connection is closed.
    #[serde(with = "humantime_serde")]
    pub handshake_timeout: Duration,
    /// Handshakes at once at most, from the client's hello on. Further ones wait, within their time.
    pub max_handshakes: usize,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            cert_file: PathBuf::new(),
            key_file: PathBuf::new(),
            client_ca_file: PathBuf::new(),
            proxy_ca_file: PathBuf::new(),
            reload_interval: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            max_handshakes: 500,
        }
    }
}

/// Apollo's automatic persisted queries: a client sends a document with its hash once, and then the hash alone. Only
/// documents that pass the limits are kept; each replica keeps its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PersistedQueriesConfig {
    /// Documents at most; the one that was not used for longest leaves first. 0 keeps none, and says so to clients.
    pub max_entries: usize,
    /// Length of all of them together at most, in bytes.
    pub max_bytes: usize,
}

impl Default for PersistedQueriesConfig {
    fn default() -> Self {
        Self { max_entries: 1000, max_bytes: 8 * 1024 * 1024 }
    }
}

/// What is done with documents that are not in a list of trusted ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrustMode {
    #[default]
    Off,
    Log,
    Only,
}

/// A list of documents (operations) that are trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrustedDocumentsConfig {
    /// `off`: there is no list. `log`: every document is executed; those that are not in the list are counted and logged.
    /// `only`: those are refused with code DOCUMENT_NOT_TRUSTED, unless the caller is exempt. A document is in the list
    /// when its text is the same, byte for byte, or when the request names it by its id or hash.
    pub mode: TrustMode,
    /// File of the list, or a directory in which each `*.json` is one: a manifest of Apollo's persisted queries, or an
    /// object with an id and a document in each entry. Read again when it changes; one that can't be read leaves the old
    /// one in use.
    pub path: PathBuf,
    /// Groups whose callers may send any document with mode `only`: those of a federation gateway, which makes the
    /// operations that it sends.
    pub exempt_groups: Vec<String>,
    /// Time between two looks at the list.
    #[serde(with = "humantime_serde")]
    pub reload_interval: Duration,
}

impl Default for TrustedDocumentsConfig {
    fn default() -> Self {
        Self {
            mode: TrustMode::Off,
            path: PathBuf::new(),
            exempt_groups: Vec::new(),
            reload_interval: Duration::from_secs(10),
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
    fn a_host_that_means_nothing_is_refused_with_what_would_do() {
        let error = serde_json::from_str::<HttpConfig>(r#"{"allowed_hosts": ["https://fleet.example"]}"#);
        let message = error.unwrap_err().to_string();
        assert!(message.contains("https://fleet.example") && message.contains("*.example.com"), "{message}");
    }

    #[test]
    fn the_default_reads_back_as_it_was_written() {
        let text = serde_json::to_string(&HttpConfig::default()).unwrap();
        assert_eq!(serde_json::from_str::<HttpConfig>(&text).unwrap(), HttpConfig::default());
    }
}
