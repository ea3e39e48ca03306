//! Clusters behind an HTTP proxy.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::STANDARD};
use cluster_registry::connection::classify;
use fleetgraph_core::ErrorCode;
use futures::future::join_all;
use kube::api::WatchParams;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::support::{admin, ask, config_maps, open, plane};

/// A CONNECT proxy, which may want a user and a password, and notes where its tunnels lead.
pub async fn proxy(tunnels: Arc<Mutex<Vec<String>>>, password: Option<&str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let wanted = password.map(|password| format!("basic {}", STANDARD.encode(password)).to_lowercase());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let (tunnels, wanted) = (tunnels.clone(), wanted.clone());
            tokio::spawn(async move {
                let mut socket = BufReader::new(socket);
                let (mut target, mut allowed) = (String::new(), wanted.is_none());
                loop {
                    let mut line = String::new();
                    if socket.read_line(&mut line).await.unwrap_or(0) <= 2 {
                        break;
                    }
                    if let Some(rest) = line.strip_prefix("CONNECT ") {
                        target = rest.split(' ').next().unwrap_or_default().to_owned();
                    }
                    allowed |= wanted.as_ref().is_some_and(|wanted| line.to_lowercase().contains(wanted));
                }
                if !allowed {
                    let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
                    return socket.write_all(refusal).await.unwrap();
                }
                let mut server = TcpStream::connect(&target).await.unwrap();
                socket.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                tunnels.lock().unwrap().push(target);
                // Either side may end it.
                let _ = tokio::io::copy_bidirectional(&mut socket, &mut server).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn watches_share_one_connection_through_a_proxy_too() {
    let plane = plane("tunnel").await;
    let tunnels = Arc::default();
    let port = proxy(Arc::clone(&tunnels), Some("us@er:pass")).await;

    let mut spec = admin(&plane);
    spec.proxy_url = Some(format!("http://us%40er:pass@127.0.0.1:{port}"));
    let connection = open(spec).await;
    let api = config_maps(&connection);
    let params = WatchParams::default();
    let watches = join_all((0..20).map(|_| api.watch_metadata(&params, "0"))).await;
    assert!(watches.iter().all(Result::is_ok));
    assert_eq!(tunnels.lock().unwrap().len(), 1);

    let mut spec = admin(&plane);
    spec.proxy_url = Some(format!("http://127.0.0.1:{port}"));
    let connection = open(spec).await;
    let told = classify(&ask(&connection).await.unwrap_err());
    assert_eq!(told.code, ErrorCode::ClusterUnavailable);
    assert!(told.message.contains("proxy wants credentials"), "{}", told.message);
}
