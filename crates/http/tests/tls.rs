//! TLS with real certificates and real clients: renewal, client certificates, and clients that stall.

#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod support;

use std::{path::Path, sync::Arc, time::Duration};

use http_api::{HttpConfig, Tls, TlsConfig, TlsError};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use rustls::{ClientConfig, pki_types::ServerName};
use serde_json::json;
use support::{
    Server, config,
    pki::{Authority, Identity, Valid},
    within,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

const SOON: Duration = Duration::from_millis(20);

/// A folder of certificates, and the authority of the server's.
struct World {
    folder: tempfile::TempDir,
    authority: Authority,
}

impl World {
    fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new("servers") };
        world.issue("first", Valid::Now).write(world.path());
        world
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn issue(&self, name: &str, valid: Valid) -> Identity {
        self.authority.server(name, valid)
    }

    fn tls(&self) -> TlsConfig {
        TlsConfig {
            cert_file: self.path().join("tls.crt"),
            key_file: self.path().join("tls.key"),
            reload_interval: SOON,
            ..TlsConfig::default()
        }
    }

    fn with_authority(&self, file: &str) -> (Authority, std::path::PathBuf) {
        let (authority, path) = (Authority::new(file), self.path().join(file));
        std::fs::write(&path, authority.pem()).unwrap();
        (authority, path)
    }

    async fn serve(&self) -> Server {
        Server::start(HttpConfig { tls: self.tls(), ..config() }).await
    }

    async fn connect(&self, server: &Server) -> TlsStream<TcpStream> {
        connect(server, self.authority.trusting(None)).await.unwrap()
    }
}

async fn connect(server: &Server, client: Arc<ClientConfig>) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(server.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    within("a handshake", TlsConnector::from(client).connect(name, stream)).await
}

/// Asks over an open connection, which stays open.
async fn ask(stream: &mut TlsStream<TcpStream>, query: &str) -> std::io::Result<String> {
    let body = json!({ "query": query }).to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    within("an answer", async {
        while !text.contains("}}") && !text.contains("}]") {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).await?;
            if read == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            text.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        Ok(text.clone())
    })
    .await
}

/// The certificate that a new connection is shown.
async fn shown(world: &World, server: &Server) -> Vec<u8> {
    let stream = world.connect(server).await;
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

async fn until_shown(world: &World, server: &Server, wanted: &Identity) {
    within("the new certificate", async {
        while shown(world, server).await != wanted.der().as_ref() {
            tokio::time::sleep(SOON).await;
        }
    })
    .await;
}

#[tokio::test]
async fn both_versions_of_http_are_negotiated_and_answered() {
    let world = World::new();
    let server = world.serve().await;
    for (version, wanted) in [("h2", http::Version::HTTP_2), ("http/1.1", http::Version::HTTP_11)] {
        let builder = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config((*world.authority.trusting(None)).clone())
            .https_only();
        let connector =
            if version == "h2" { builder.enable_http2().build() } else { builder.enable_http1().build() };
        let client = Client::builder(TokioExecutor::new()).build::<_, Full<bytes::Bytes>>(connector);
        let request = http::Request::post(format!("https://localhost:{}/graphql", server.address.port()))
            .header("content-type", "application/json")
            .body(Full::from(r#"{"query":"{ hello }"}"#))
            .unwrap();
        let answer = within("an answer", client.request(request)).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, wanted));
        assert_eq!(answer.headers()["strict-transport-security"], "max-age=31536000");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, r#"{"data":{"hello":"world"}}"#);
    }
}

#[tokio::test]
async fn a_subscription_runs_over_tls() {
    let world = World::new();
    let server = world.serve().await;
    let url = "wss://localhost/graphql".to_owned();
    let mut request =
        tokio_tungstenite::tungstenite::client::IntoClientRequest::into_client_request(url).unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    let stream = world.connect(&server).await;
    let (socket, _) = within("an upgrade", tokio_tungstenite::client_async(request, stream)).await.unwrap();
    let (mut write, mut read) = futures::StreamExt::split(socket);
    for text in [
        r#"{"type":"connection_init"}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"subscription { count(to: 1) }"}}"#,
    ] {
        let message = tokio_tungstenite::tungstenite::Message::text(text);
        futures::SinkExt::send(&mut write, message).await.unwrap();
    }
    let mut heard = String::new();
    while !heard.contains("complete") {
        let message = within("a message", futures::StreamExt::next(&mut read)).await.unwrap().unwrap();
        heard.push_str(message.to_text().unwrap());
    }
    assert!(heard.contains(r#"{"data":{"count":1}}"#), "{heard}");
}

#[tokio::test]
async fn what_is_not_tls_is_not_answered() {
    let world = World::new();
    let server = world.serve().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = within("the end", stream.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_renewed_certificate_is_shown_to_new_connections_and_open_ones_go_on() {
    let world = World::new();
    let server = world.serve().await;
    let mut open = world.connect(&server).await;
    let second = world.issue("second", Valid::Now);
    second.write(world.path());
    until_shown(&world, &server, &second).await;
    assert!(ask(&mut open, "{ hello }").await.unwrap().contains("world"));
}

#[tokio::test]
async fn a_swapped_symbolic_link_brings_the_new_certificate() {
    let world = World::new();
    let (first, second) = (world.issue("a", Valid::Now), world.issue("b", Valid::Now));
    for (name, identity) in [("v1", &first), ("v2", &second)] {
        let folder = world.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        identity.write(&folder);
    }
    let data = world.path().join("..data");
    std::os::unix::fs::symlink("v1", &data).unwrap();
    let tls = TlsConfig { cert_file: data.join("tls.crt"), key_file: data.join("tls.key"), ..world.tls() };
    let server = Server::start(HttpConfig { tls, ..config() }).await;
    assert_eq!(shown(&world, &server).await, first.der().as_ref());
    let next = world.path().join("..next");
    std::os::unix::fs::symlink("v2", &next).unwrap();
    std::fs::rename(next, data).unwrap();
    until_shown(&world, &server, &second).await;
}

#[tokio::test]
async fn what_cannot_be_used_leaves_the_old_certificate_until_it_can() {
    let world = World::new();
    let server = world.serve().await;
    let first = shown(&world, &server).await;
    let third = world.issue("third", Valid::Now);
    let of_another_key =
        Identity { certificate: third.certificate.clone(), key: world.issue("x", Valid::Now).key };
    for unusable in [
        world.issue("late", Valid::UntilAMinuteAgo),
        world.issue("early", Valid::InAnHour),
        Identity { certificate: "nonsense".to_owned(), ..third.clone() },
        of_another_key,
    ] {
        unusable.write(world.path());
        // Long enough for several looks; nothing else can show that they changed nothing.
        tokio::time::sleep(SOON * 5).await;
        assert_eq!(shown(&world, &server).await, first);
    }
    std::fs::write(world.path().join("tls.key"), &third.key).unwrap();
    until_shown(&world, &server, &third).await;
}

#[tokio::test]
async fn a_clients_certificate_is_verified_and_tells_who_has_signed_it() {
    let world = World::new();
    let (clients, client_ca_file) = world.with_authority("clients.crt");
    let (proxies, proxy_ca_file) = world.with_authority("proxies.crt");
    let tls = TlsConfig { client_ca_file, proxy_ca_file, ..world.tls() };
    let server = Server::start(HttpConfig { tls, ..config() }).await;
    let (ann, proxy) = (clients.client("ann", Valid::Now), proxies.client("proxy", Valid::Now));
    for (identity, signed_by) in [(&ann, "Clients"), (&proxy, "Proxy")] {
        let mut stream = connect(&server, world.authority.trusting(Some(identity))).await.unwrap();
        let answer = ask(&mut stream, "{ certificate }").await.unwrap();
        let wanted = format!("\"{signed_by} {}\"", identity.der().len());
        assert!(answer.contains(&wanted), "{wanted}: {answer}");
    }
    let mut anonymous = world.connect(&server).await;
    assert!(ask(&mut anonymous, "{ certificate }").await.unwrap().contains(r#"{"certificate":null}"#));
    let foreign = Authority::new("clients.crt").client("ann", Valid::Now);
    for refused in [foreign, clients.client("bob", Valid::UntilAMinuteAgo), clients.server("srv", Valid::Now)]
    {
        // In TLS 1.3 the client's side is done before the server has looked at its certificate.
        let outcome = async {
            let mut stream = connect(&server, world.authority.trusting(Some(&refused))).await?;
            ask(&mut stream, "{ hello }").await
        };
        assert!(outcome.await.is_err(), "a certificate that nobody trusts was let in");
    }
}

#[tokio::test]
async fn a_client_that_stalls_its_handshake_holds_up_nobody_and_is_dropped() {
    let world = World::new();
    let tls = TlsConfig { max_handshakes: 1, handshake_timeout: Duration::from_secs(2), ..world.tls() };
    let server = Server::start(HttpConfig { tls, ..config() }).await;
    let mut stalled = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // The first bytes of a hello that never comes.
        stream.write_all(&[0x16, 0x03, 0x01, 0x02, 0x00]).await.unwrap();
        stalled.push(stream);
    }
    let mut prompt = world.connect(&server).await;
    assert!(ask(&mut prompt, "{ hello }").await.unwrap().contains("world"));
    for mut stream in stalled {
        let _ = within("the drop", stream.read_to_end(&mut Vec::new())).await;
    }
}

#[tokio::test]
async fn a_handshake_under_way_does_not_hold_up_the_drain() {
    let world = World::new();
    let server = world.serve().await;
    let mut stalled = TcpStream::connect(server.address).await.unwrap();
    // The listener takes connections in order, so the stalled one was accepted before this one is answered.
    let mut later = world.connect(&server).await;
    ask(&mut later, "{ hello }").await.unwrap();
    drop(later);
    assert_eq!(server.stop().await.dropped, 0);
    assert_eq!(stalled.read(&mut [0]).await.unwrap_or(0), 0);
}

#[test]
fn files_that_cannot_work_are_named_at_the_start() {
    let world = World::new();
    assert!(Tls::load(&TlsConfig::default()).unwrap().is_none());
    let load = |tls: TlsConfig| Tls::load(&tls).map(|_| ()).unwrap_err();
    let missing = load(TlsConfig { key_file: "".into(), ..world.tls() });
    assert!(matches!(missing, TlsError::Incomplete { missing: "key_file", .. }), "{missing}");
    let missing = load(TlsConfig {
        cert_file: "".into(),
        key_file: "".into(),
        client_ca_file: "x".into(),
        ..world.tls()
    });
    assert!(matches!(missing, TlsError::Incomplete { missing: "cert_file", .. }), "{missing}");
    let unreadable = load(TlsConfig { key_file: "/nowhere/tls.key".into(), ..world.tls() });
    assert!(unreadable.to_string().starts_with("/nowhere/tls.key can't be read"), "{unreadable}");
    let (_, shared) = world.with_authority("shared.crt");
    let both = load(TlsConfig { client_ca_file: shared.clone(), proxy_ca_file: shared, ..world.tls() });
    assert!(matches!(both, TlsError::SharedAuthority { .. }), "{both}");
    world.issue("late", Valid::UntilAMinuteAgo).write(world.path());
    assert!(matches!(load(world.tls()), TlsError::Expired { .. }));
}
