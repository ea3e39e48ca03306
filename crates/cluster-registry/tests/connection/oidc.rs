//! An OpenID Connect token that is fetched and renewed with a refresh token.
//!
//! kube trusts the machine's authorities for the issuer, so the test runs itself again with one of its own in
//! `SSL_CERT_FILE`.

use std::{
    env, fs,
    io::{Read, Write},
    net::TcpListener,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use cluster_registry::connection::{Auth, Token, classify};
use fleetgraph_core::ErrorCode;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

use crate::support::{Peer, answer, ask, open, spec};

const EMPTY_LIST: &str = r#"{"kind":"ConfigMapList","apiVersion":"v1","metadata":{},"items":[]}"#;
const DIRECTORY: &str = "FLEETGRAPH_TEST_ISSUER";

#[test]
fn an_id_token_is_fetched_and_renewed_with_the_refresh_token() {
    let Some(dir) = env::var_os(DIRECTORY) else { return run_again_with_an_authority() };
    let read = |name: &str| fs::read(std::path::Path::new(&dir).join(name)).unwrap();
    let (issuer, tokens) = issuer(&read("cert.pem"), &read("key.pem"));
    tokio::runtime::Runtime::new().unwrap().block_on(renewed(&issuer, &tokens));
}

fn run_again_with_an_authority() {
    let dir = tempfile::tempdir().unwrap();
    let authority = testkit::CertificateAuthority::new("issuers").unwrap();
    let issuer = authority.server_certificate().unwrap();
    for (name, text) in
        [("ca.pem", authority.pem()), ("cert.pem", issuer.certificate_pem), ("key.pem", issuer.key_pem)]
    {
        fs::write(dir.path().join(name), text).unwrap();
    }
    let again = Command::new(env::current_exe().unwrap())
        .args(["oidc::an_id_token_is_fetched_and_renewed_with_the_refresh_token", "--exact", "--nocapture"])
        .env("SSL_CERT_FILE", dir.path().join("ca.pem"))
        .env(DIRECTORY, dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
}

async fn renewed(issuer: &str, tokens: &AtomicUsize) {
    let peer = Peer::with(|request| {
        if fresh(request.headers().get("authorization")) {
            answer(200, "application/json", EMPTY_LIST)
        } else {
            answer(401, "application/json", r#"{"code":401}"#)
        }
    })
    .await;
    let auth = |refresh: &str| Auth::Oidc {
        server: peer.url.clone(),
        issuer_url: issuer.to_owned(),
        client_id: "fleet".into(),
        client_secret: None,
        id_token: None,
        refresh_token: Some(Token::Inline(refresh.into())),
    };
    let connection = open(spec(auth("first"))).await;
    connection.first_health().await;
    assert!(tokens.load(Ordering::Acquire) >= 1);
    // The issuer's tokens live for twelve seconds and kube renews ten before the end.
    let before = tokens.load(Ordering::Acquire);
    crate::support::eventually("the token is renewed", async || {
        ask(&connection).await.unwrap();
        tokens.load(Ordering::Acquire) > before
    })
    .await;

    let refused = open(spec(auth("revoked"))).await;
    let told = classify(&ask(&refused).await.unwrap_err());
    assert_eq!(told.code, ErrorCode::ClusterUnauthenticated);
    assert!(told.message.contains("refuses the refresh token"), "{}", told.message);
    assert!(refused.breaker().reachable(), "the issuer's refusal says nothing about the cluster");
}

/// An HTTPS issuer. Each refresh token is good for one refresh and is replaced by the ID token's number.
fn issuer(cert: &[u8], key: &[u8]) -> (String, Arc<AtomicUsize>) {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let certs = CertificateDer::pem_slice_iter(cert).collect::<Result<Vec<_>, _>>().unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(certs, PrivateKeyDer::from_pem_slice(key).unwrap())
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let tokens = Arc::new(AtomicUsize::new(0));
    let (base, issued) = (url.clone(), tokens.clone());
    thread::spawn(move || {
        let mut good = "first".to_owned();
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            let mut tls = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::Stream::new(&mut tls, &mut socket);
            let Some(request) = request(&mut stream) else { continue };
            let (status, body) = if request.starts_with("GET /.well-known/openid-configuration") {
                ("200 OK", serde_json::json!({ "token_endpoint": format!("{base}/token") }))
            } else if request.contains(&format!("refresh_token={good}")) {
                let number = issued.fetch_add(1, Ordering::AcqRel) + 1;
                good = format!("next-{number}");
                ("200 OK", serde_json::json!({ "id_token": id_token(number), "refresh_token": good }))
            } else {
                ("400 Bad Request", serde_json::json!({ "error": "invalid_grant" }))
            };
            let body = body.to_string();
            let head =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            // The client may have hung up already.
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
    });
    (url, tokens)
}

fn request(stream: &mut impl Read) -> Option<String> {
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
        text.push_str(std::str::from_utf8(&piece[..length]).ok()?);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let expected = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
        if body.len() >= expected.unwrap_or(0) {
            return Some(text);
        }
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// What an API server asks of a token, its signature aside.
fn fresh(header: Option<&http::HeaderValue>) -> bool {
    let expiry = || {
        let claims = header?.to_str().ok()?.strip_prefix("Bearer e30.")?.strip_suffix(".x")?;
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        claims["exp"].as_u64()
    };
    expiry().is_some_and(|expiry| expiry > now())
}

fn id_token(number: usize) -> String {
    let claims = serde_json::json!({ "exp": now() + 12, "number": number });
    format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims.to_string()))
}
