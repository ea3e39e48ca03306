//! What a hostile client may try, each with what it gets, while somebody else's queries go on being answered.
//!
//! Every row of `ATTACKS` is launched over real sockets at one server. What takes a setting of its own has a test
//! elsewhere: stalled TLS handshakes in `tls.rs`, sockets and event streams that are not read or too many in
//! `websocket.rs`, `websocket_rules.rs` and `drain.rs`.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod support;

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use futures::{FutureExt, SinkExt, future::BoxFuture};
use http_api::HttpConfig;
use serde_json::{Value, json};
use support::{
    Server, config,
    http2::{self, CONTINUATION, END_HEADERS, END_STREAM, HEADERS, RST_STREAM},
    socket::Socket,
    within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

/// What is sent.
enum Means {
    /// A POST of this document.
    Document(fn() -> String),
    /// A POST of this body.
    Body(fn() -> String),
    /// These bytes; the client then reads until an answer or the end.
    Bytes(fn() -> Vec<u8>),
    /// Anything else; what it sees is its outcome.
    Any(for<'a> fn(&'a Server) -> BoxFuture<'a, String>),
}

use Means::{Any, Body, Bytes, Document};

/// The connection ends without an answer.
const CLOSED: &str = "closed";
/// RFC 9113, 7: the peer does what might be an attack.
const ENHANCE_YOUR_CALM: u32 = 0xb;

/// The attack, who refuses it, with what, and how it is made.
const ATTACKS: &[(&str, &str, &str, Means)] = &[
    ("array batching", "params", "BATCHING_NOT_SUPPORTED", Body(|| r#"[{"query":"{ hello }"}]"#.to_owned())),
    (
        "alias flood",
        "limits",
        "ALIAS_LIMIT",
        Document(|| format!("{{ node {{ {} }} }}", numbered(500, |n| format!("a{n}: id ")))),
    ),
    (
        "root field flood",
        "limits",
        "ROOT_FIELD_LIMIT",
        Document(|| format!("{{ {} }}", numbered(500, |n| format!("a{n}: hello ")))),
    ),
    (
        "field duplication flood",
        "limits",
        "TOKEN_LIMIT",
        Document(|| format!("{{ {} }}", "hello ".repeat(20_000))),
    ),
    ("deep nesting", "limits", "DEPTH_LIMIT", Document(|| nested("child { ", 25))),
    ("nesting against the parser's stack", "limits", "DEPTH_LIMIT", Document(|| nested("a { ", 9_000))),
    (
        "lists against the parser's stack",
        "limits",
        "DEPTH_LIMIT",
        Document(|| format!("{{ a(b: {}", "[".repeat(9_000))),
    ),
    (
        "circular fragments",
        "limits",
        "GRAPHQL_VALIDATION_FAILED",
        Document(|| "{ ...A } fragment A on Query { hello ...B } fragment B on Query { ...A }".to_owned()),
    ),
    ("fragment fan-out", "limits", "COMPLEXITY_LIMIT", Document(fan_out)),
    (
        "directive overload",
        "limits",
        "DIRECTIVE_LIMIT",
        Document(|| format!("{{ hello {} }}", "@include(if: true) ".repeat(300))),
    ),
    (
        "a list without measure",
        "limits",
        "COMPLEXITY_LIMIT",
        Document(|| "{ nodes(limit: 900000000) { id } }".to_owned()),
    ),
    (
        "a long document",
        "limits",
        "DOCUMENT_TOO_LARGE",
        Document(|| format!("{{ hello }} #{}", "x".repeat(200_000))),
    ),
    (
        "introspection",
        "limits",
        "INTROSPECTION_DISABLED",
        Document(|| "{ __schema { types { name } } }".to_owned()),
    ),
    (
        "deep variables",
        "params",
        "DEPTH_LIMIT",
        Body(|| format!(r#"{{"query":"{{ hello }}","variables":{}"#, r#"{"a":"#.repeat(100_000))),
    ),
    (
        "huge variables",
        "body",
        "PAYLOAD_TOO_LARGE",
        Body(|| json!({ "query": "{ hello }", "variables": { "a": "x".repeat(2_000_000) } }).to_string()),
    ),
    (
        "a huge body, announced",
        "body",
        "PAYLOAD_TOO_LARGE",
        Bytes(|| post("content-length: 1000000000000", b"{")),
    ),
    ("a huge body, in chunks", "body", "PAYLOAD_TOO_LARGE", Bytes(chunks)),
    (
        "a compressed body",
        "body",
        "UNSUPPORTED_MEDIA_TYPE",
        Bytes(|| post("content-encoding: gzip\r\ncontent-length: 9", b"bomb")),
    ),
    ("a body that does not come", "body", "TIMEOUT", Bytes(|| post("content-length: 50", b"{"))),
    (
        "a header that does not end",
        "hyper",
        CLOSED,
        Bytes(|| b"POST /graphql HTTP/1.1\r\nhost: localhost\r\n".to_vec()),
    ),
    ("a connection that says nothing", "connection", CLOSED, Bytes(Vec::new)),
    ("half a preface of HTTP/2", "connection", CLOSED, Bytes(|| b"PRI * HTTP/2.0\r\n".to_vec())),
    ("header flood", "hyper", "431", Bytes(|| get(&numbered(200, |n| format!("x-{n}: 1\r\n"))))),
    ("a long header", "hyper", "431", Bytes(|| get(&format!("x: {}\r\n", "y".repeat(200_000))))),
    ("two hosts", "hosts", "HOST_NOT_ALLOWED", Bytes(|| get("host: evil.example\r\n"))),
    (
        "a name that was pointed here",
        "hosts",
        "HOST_NOT_ALLOWED",
        Bytes(|| b"GET /graphql HTTP/1.1\r\nhost: evil.example\r\n\r\n".to_vec()),
    ),
    (
        "a foreign page's mutation",
        "origins",
        "ORIGIN_NOT_ALLOWED",
        Bytes(|| post("origin: https://evil.example\r\ncontent-length: 2", b"{}")),
    ),
    (
        "an image tag's mutation",
        "graphql",
        "METHOD_NOT_ALLOWED",
        Bytes(|| b"GET /graphql?query=mutation%7Bbump%7D HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec()),
    ),
    (
        "a foreign page's WebSocket",
        "origins",
        "ORIGIN_NOT_ALLOWED",
        Bytes(|| upgrade("origin: https://evil.example")),
    ),
    ("an answer that is not read", "connection", CLOSED, Any(|server| unread(server).boxed())),
    ("rapid reset", "h2", "goaway", Any(|server| rapid_reset(server).boxed())),
    ("CONTINUATION flood", "h2", "goaway", Any(|server| continuation_flood(server).boxed())),
    (
        "a thousand connections of one address",
        "peers",
        CLOSED,
        Any(|server| connection_flood(server).boxed()),
    ),
    ("a WebSocket without init", "websocket", "4408", Any(|server| websocket(server, "", &[]).boxed())),
    (
        "init flood",
        "websocket",
        "4429",
        Any(|server| {
            websocket(server, r#"{"type":"connection_init"}"#, &[r#"{"type":"connection_init"}"#]).boxed()
        }),
    ),
    ("deep message", "websocket", "4400", Any(|server| deep_message(server).boxed())),
    ("subscribe flood", "websocket", "RATE_LIMITED", Any(|server| subscribe_flood(server).boxed())),
    ("an oversized message", "websocket", "1009", Any(|server| oversized(server).boxed())),
    ("a message in fragments without end", "websocket", "1009", Any(|server| fragments(server).boxed())),
    ("ping flood", "websocket", CLOSED, Any(|server| ping_flood(server).boxed())),
    ("another protocol", "websocket", "4406", Any(|server| unknown_protocol(server).boxed())),
];

/// Times short enough to be waited for.
fn bounds() -> HttpConfig {
    let mut config = HttpConfig {
        header_timeout: Duration::from_secs(1),
        body_timeout: Duration::from_millis(500),
        write_timeout: Duration::from_secs(1),
        max_connections_per_peer: 200,
        ..config()
    };
    config.websocket.init_timeout = Duration::from_millis(500);
    config.websocket.write_timeout = Duration::from_secs(1);
    config.websocket.max_message_bytes = 100_000;
    config
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attack_is_refused_with_its_code_while_others_are_answered() {
    let server = Server::start(bounds()).await;
    let mut bystander = Socket::acknowledged(&server).await;
    let mut serial = 0;
    for (name, refused_by, wanted, means) in ATTACKS {
        let over = AtomicBool::new(false);
        let attack = async {
            let outcome = launch(&server, means).await;
            over.store(true, Ordering::SeqCst);
            outcome
        };
        let meanwhile = async {
            // Once at least, and for as long as the attack goes on.
            loop {
                serial += 1;
                bystander.subscribe(&serial.to_string(), "{ hello }").await;
                assert_eq!(bystander.hear().await["payload"]["data"]["hello"], "world", "during {name}");
                assert_eq!(bystander.hear().await["type"], "complete", "during {name}");
                let answer = read(&mut sent(&server, &document("{ hello }")).await).await;
                assert!(answer.contains(r#"{"hello":"world"}"#), "during {name}: {answer}");
                if over.load(Ordering::SeqCst) {
                    return;
                }
            }
        };
        let (outcome, ()) = tokio::join!(attack, meanwhile);
        assert_eq!(outcome, *wanted, "{name}, to be refused by {refused_by}");
    }
    assert_eq!(server.seen.bumps.load(Ordering::SeqCst), 0, "an attack has changed something");
}

async fn launch(server: &Server, means: &Means) -> String {
    let bytes = match means {
        Document(text) => document(&text()),
        Body(text) => {
            let body = text();
            post(&format!("content-length: {}", body.len()), body.as_bytes())
        }
        Bytes(bytes) => bytes(),
        Any(launch) => return launch(server).await,
    };
    outcome(&read(&mut sent(server, &bytes).await).await)
}

fn numbered(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).map(part).collect()
}

fn nested(open: &str, depth: usize) -> String {
    format!("{{ node {{ {} id {} }} }}", open.repeat(depth), "} ".repeat(depth))
}

fn fan_out() -> String {
    let doubled = numbered(25, |n| format!(" fragment F{n} on Query {{ ...F{0} ...F{0} }}", n + 1));
    format!("{{ ...F0 }}{doubled} fragment F25 on Query {{ hello }}")
}

fn get(headers: &str) -> Vec<u8> {
    format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").into_bytes()
}

fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    let head = "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    let mut bytes = format!("{head}{headers}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn document(query: &str) -> Vec<u8> {
    let body = json!({ "query": query }).to_string();
    post(&format!("content-length: {}", body.len()), body.as_bytes())
}

fn chunks() -> Vec<u8> {
    let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
    post("transfer-encoding: chunked", chunk.repeat(20).as_bytes())
}

fn upgrade(header: &str) -> Vec<u8> {
    let head = "GET /graphql HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n";
    let key = "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    format!("{head}{key}{header}\r\n\r\n").into_bytes()
}

async fn sent(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    // A server that has read enough may close before all is written.
    let _ = stream.write_all(bytes).await;
    stream
}

/// Reads until the connection ends, or the answer has come.
async fn read(stream: &mut TcpStream) -> String {
    within("an answer", async {
        let mut text = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            text.extend_from_slice(&buffer[..read]);
            let so_far = String::from_utf8_lossy(&text);
            let whole = so_far.split_once("\r\n\r\n").is_some_and(|(head, body)| {
                let mut lines = head.lines().filter_map(|line| line.split_once(": "));
                let length = lines.find(|(name, _)| *name == "content-length");
                length.is_some_and(|(_, length)| body.len() >= length.parse().unwrap())
            });
            if read == 0 || whole {
                return so_far.into_owned();
            }
        }
    })
    .await
}

/// The code of an answer's error, or its status, or that there was none.
fn outcome(answer: &str) -> String {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return CLOSED.to_owned() };
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let code = body["errors"][0]["extensions"]["code"].as_str();
    code.or_else(|| head.split(' ').nth(1)).unwrap_or_default().to_owned()
}

/// Asks for more than the sockets hold, reads nothing, and finds out by writing that the server has given up.
async fn unread(server: &Server) -> String {
    let mut stream = sent(server, &document("{ text(length: 50000000) }")).await;
    within("the end of the connection", async {
        while stream.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    CLOSED.to_owned()
}

async fn rapid_reset(server: &Server) -> String {
    let mut stream = http2::open(server).await;
    let mut flood = Vec::new();
    for n in 0..2_000 {
        flood.extend(http2::frame(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &http2::get_livez()));
        flood.extend(http2::frame(RST_STREAM, 0, 2 * n + 1, &8_u32.to_be_bytes()));
    }
    let _ = stream.write_all(&flood).await;
    calmed(http2::goaway(stream).await)
}

async fn continuation_flood(server: &Server) -> String {
    let mut stream = http2::open(server).await;
    // A field that is never sent to an end.
    let mut flood = http2::frame(HEADERS, END_STREAM, 1, &http2::get_livez());
    for _ in 0..10_000 {
        flood.extend(http2::frame(CONTINUATION, 0, 1, &[0x00, 0x01, b'x', 0x01, b'y']));
    }
    let _ = stream.write_all(&flood).await;
    calmed(http2::goaway(stream).await)
}

fn calmed(code: Option<u32>) -> String {
    match code {
        Some(ENHANCE_YOUR_CALM) => "goaway".to_owned(),
        other => format!("{other:?}"),
    }
}

/// From an address of its own, as far as loopback has some.
async fn connection_flood(server: &Server) -> String {
    let mut open = Vec::new();
    let mut closed = 0;
    for _ in 0..1_000 {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 2], 0))).unwrap();
        open.push(socket.connect(server.address).await.unwrap());
    }
    // Those that are let in say something, and so stay open; the others are at their end at once.
    for stream in &mut open {
        let _ = stream.write_all(&get("")).await;
    }
    for stream in &mut open {
        closed += usize::from(!read(stream).await.starts_with("HTTP/1.1 200"));
    }
    if closed >= 800 { CLOSED.to_owned() } else { format!("{closed} of 1000 were closed") }
}

async fn websocket(server: &Server, first: &str, then: &[&str]) -> String {
    let mut socket = Socket::open(server).await;
    for text in [first].iter().chain(then).filter(|text| !text.is_empty()) {
        socket.say(text).await;
    }
    socket.closed().await.0.to_string()
}

async fn deep_message(server: &Server) -> String {
    let mut socket = Socket::acknowledged(server).await;
    socket.say(&"[".repeat(50_000)).await;
    socket.closed().await.0.to_string()
}

async fn subscribe_flood(server: &Server) -> String {
    let mut socket = Socket::acknowledged(server).await;
    for n in 0..1_000 {
        socket.subscribe(&n.to_string(), "subscription { once }").await;
    }
    loop {
        let message = socket.hear().await;
        if message["type"] == "error" {
            return message["payload"][0]["extensions"]["code"].as_str().unwrap().to_owned();
        }
    }
}

async fn oversized(server: &Server) -> String {
    let mut socket = Socket::acknowledged(server).await;
    let _ = socket.0.send(Message::text(" ".repeat(200_000))).await;
    socket.closed().await.0.to_string()
}

async fn fragments(server: &Server) -> String {
    let mut socket = Socket::acknowledged(server).await;
    let mut opcode = OpCode::Data(Data::Text);
    for _ in 0..1_000 {
        let fragment = Frame::message(vec![b' '; 1_000], opcode, false);
        if socket.0.send(Message::Frame(fragment)).await.is_err() {
            break;
        }
        opcode = OpCode::Data(Data::Continue);
    }
    socket.closed().await.0.to_string()
}

/// Each ping is answered, and no answer is read.
async fn ping_flood(server: &Server) -> String {
    let mut socket = Socket::acknowledged(server).await;
    let ping = json!({ "type": "ping", "payload": { "x": "y".repeat(50_000) } }).to_string();
    within("the end of the connection", async {
        while socket.0.send(Message::text(ping.clone())).await.is_ok() {}
    })
    .await;
    CLOSED.to_owned()
}

async fn unknown_protocol(server: &Server) -> String {
    Socket::open_as(server, "soap").await.closed().await.0.to_string()
}
