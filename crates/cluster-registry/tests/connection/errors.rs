//! Real failures, and what is said about them.

use std::time::Duration;

use cluster_registry::connection::{Auth, ClusterError, ClusterSpec, classify};
use fleetgraph_core::ErrorCode;
use testkit::{CertificateAuthority, Credentials};
use tokio::{io::AsyncWriteExt, net::TcpListener};

use crate::support::{Peer, admin, answer, ask, by_url, file, open, plane, spec};

async fn failure(spec: ClusterSpec) -> ClusterError {
    let connection = open(spec).await;
    let error = ask(&connection).await.unwrap_err();
    connection.close().await;
    classify(&error)
}

fn expect(told: &ClusterError, code: ErrorCode, says: &str) {
    assert_eq!(told.code, code, "{}", told.message);
    assert!(told.message.contains(says), "{says:?} is not in {:?}", told.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_real_api_server_refuses_is_told_apart() {
    let plane = plane("errors").await;

    let mut wrong_ca = admin(&plane);
    wrong_ca.tls.ca_data = Some(CertificateAuthority::new("wrong").unwrap().pem());
    expect(&failure(wrong_ca).await, ErrorCode::ClusterTls, "authority");

    let mut wrong_name = admin(&plane);
    wrong_name.tls.server_name = Some("elsewhere.example".into());
    expect(&failure(wrong_name).await, ErrorCode::ClusterTls, "not for this host name");

    let mut insecure = admin(&plane);
    insecure.tls.server_name = Some("elsewhere.example".into());
    insecure.tls.insecure = true;
    ask(&open(insecure).await).await.unwrap();

    let dir = tempfile::tempdir().unwrap();
    let nobody = plane.kubeconfig(&Credentials::from(plane.client_cert("nobody", &[]).unwrap()));
    let nobody = spec(Auth::kubeconfig(file(&dir, "nobody", &nobody), None));
    expect(&failure(nobody).await, ErrorCode::ClusterForbidden, "nobody");

    let expired = plane.kubeconfig(&Credentials::Bearer("expired".into()));
    let expired = spec(Auth::kubeconfig(file(&dir, "expired", &expired), None));
    expect(&failure(expired).await, ErrorCode::ClusterUnauthenticated, "expired");

    let plain = by_url(&plane.url().replace("https://", "http://"));
    expect(&failure(plain).await, ErrorCode::ClusterProtocol, "HTTPS server");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve_and_a_port_that_nobody_listens_on() {
    expect(
        &failure(by_url("https://no-such-host.invalid:6443")).await,
        ErrorCode::ClusterUnavailable,
        "not known to DNS",
    );
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let nobody = by_url(&format!("https://127.0.0.1:{port}"));
    expect(&failure(nobody).await, ErrorCode::ClusterUnavailable, "connection refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_that_are_no_api_servers() {
    let login = Peer::answering(|| answer(200, "text/html; charset=utf-8", "<html>Log in</html>")).await;
    expect(&failure(by_url(&login.url)).await, ErrorCode::ClusterProtocol, "an HTML page (HTTP 200)");

    let dead = Peer::answering(|| answer(503, "text/html", "<html>503</html>")).await;
    expect(&failure(by_url(&dead.url)).await, ErrorCode::ClusterProtocol, "no healthy API server behind it");

    let moved = Peer::answering(|| answer(302, "text/plain", "")).await;
    expect(&failure(by_url(&moved.url)).await, ErrorCode::ClusterProtocol, "redirect");

    let other = Peer::answering(|| answer(200, "text/plain", "welcome to the intranet")).await;
    expect(&failure(by_url(&other.url)).await, ErrorCode::ClusterProtocol, "JSON");

    let no_tls = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", no_tls.local_addr().unwrap());
    let talking = tokio::spawn(async move {
        while let Ok((mut socket, _)) = no_tls.accept().await {
            // The client may have hung up already.
            let _ = socket.write_all(b"220 mail.example ESMTP\r\n").await;
        }
    });
    expect(&failure(by_url(&url)).await, ErrorCode::ClusterTls, "does not speak TLS");
    talking.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_accepts_and_says_nothing_costs_the_connect_time_only() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut spec = by_url(&format!("https://{}", silent.local_addr().unwrap()));
    spec.tuning.connect_timeout = Duration::from_millis(300);
    expect(&failure(spec).await, ErrorCode::ClusterUnavailable, "in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_in_a_header_reaches_the_caller() {
    let busy = Peer::answering(|| {
        let mut busy = answer(429, "text/plain", "Too many requests, please try again later.");
        busy.headers_mut().insert("retry-after", "17".parse().unwrap());
        busy
    })
    .await;
    let told = failure(by_url(&busy.url)).await;
    expect(&told, ErrorCode::ClusterRateLimited, "17 s");
    assert_eq!(told.retry_after, Some(Duration::from_secs(17)));
}
