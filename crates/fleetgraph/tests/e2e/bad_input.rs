//! Clusters that can't be used: each is marked with what to do about it; the rest goes on.

use std::net::SocketAddr;

use serde_json::Value;
use testkit::{ControlPlane, Options};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{
    bed, client,
    server::{self, Server},
};

/// A server that gives the same answers to whoever asks, by path.
async fn fake(answer: impl Fn(&str) -> (String, String) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let answer = std::sync::Arc::new(answer);
    tokio::spawn(async move {
        loop {
            let Ok((mut socket, _)) = listener.accept().await else { return };
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                    match socket.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(read) => request.extend_from_slice(&buffer[..read]),
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                let path = text.split(' ').nth(1).unwrap_or("").to_owned();
                if path.contains("sendInitialEvents=true") {
                    // A server that says it is new, behind something that is not.
                    let status = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","message":"sendInitialEvents is forbidden","code":422}"#;
                    let head = format!(
                        "HTTP/1.1 422 Unprocessable Entity\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                        status.len()
                    );
                    let _ = socket.write_all(format!("{head}{status}").as_bytes()).await;
                    return;
                }
                if path.contains("watch=true") {
                    // A watch on which nothing happens.
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
                    let _ = socket.write_all(head.as_bytes()).await;
                    std::future::pending::<()>().await;
                }
                let (kind, body) = answer(&path);
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = socket.write_all(format!("{head}{body}").as_bytes()).await;
            });
        }
    });
    address
}

fn token_cluster(id: &str, url: &str, ca: &str, token: &str) -> String {
    let ca = if ca.is_empty() { String::new() } else { format!("    tls_config: {{ ca_file: {ca} }}\n") };
    format!(
        "  - id: {id}\n    auth_method: token\n    api_server_url: {url}\n    service_account_token: {token}\n{ca}"
    )
}

async fn cluster(server: &Server, id: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let query = format!(
        "{{ cluster(id: {id:?}) {{ status {{ ready message }} health {{ status message }} freshness {{ kind state objects malformed error errorCode }} }} }}"
    );
    client::until(server.http(), &query, |data| wanted(&data["cluster"])).await["data"]["cluster"].take()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_cluster_that_cannot_be_used_says_why_and_the_others_go_on() {
    let plane =
        ControlPlane::start(Options::named("good").token_user("reader", &["system:masters"])).await.unwrap();
    let other = ControlPlane::start(Options::bare("other")).await.unwrap();
    let html = fake(|_| ("text/html".into(), "<!doctype html><title>Log in</title>".into())).await;
    let malformed = fake(|path| {
        let list = |kind: &str, version: &str, items: &str| {
            format!(r#"{{"kind":"{kind}List","apiVersion":"{version}","metadata":{{"resourceVersion":"10"}},"items":[{items}]}}"#)
        };
        let text = match path.split('?').next().unwrap_or("") {
            "/version" => r#"{"major":"1","minor":"36","gitVersion":"v1.36.0"}"#.to_owned(),
            "/readyz" => "ok".to_owned(),
            "/api/v1/pods" => list(
                "Pod",
                "v1",
                r#"{"metadata":{"name":"well","namespace":"default","uid":"1","resourceVersion":"5"},"spec":{"containers":[{"name":"c"}]},"status":{"phase":"Running"}},
                   {"metadata":{"name":"ill","namespace":"default","uid":"2","resourceVersion":"6"},"spec":{"containers":"none"}},
                   {"metadata":"what"},
                   {"metadata":{"name":"well-too","namespace":"default","uid":"3","resourceVersion":"7"},"spec":null,"status":null}"#,
            ),
            path => list(path.rsplit('/').next().unwrap_or("X"), "v1", ""),
        };
        ("application/json".into(), text)
    })
    .await;
    let files = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let wrong_ca = file("wrong-ca.pem", &other.ca_pem());
    let right_ca = file("right-ca.pem", &plane.ca_pem());
    let broken = file("broken-kubeconfig", "clusters: [");
    let config = format!(
        "clusters:\n{}{}{}{}{}  - id: unreadable\n    auth_method: kubeconfig\n    kubeconfig_path: {broken}\n  - id: missing\n    auth_method: kubeconfig\n    kubeconfig_path: {}/none\n",
        bed::cluster(&plane),
        token_cluster("wrong-ca", &plane.url(), &wrong_ca, "t"),
        token_cluster("expired", &plane.url(), &right_ca, "no-such-token"),
        token_cluster("html", &format!("http://{html}"), "", "t"),
        token_cluster("malformed", &format!("http://{malformed}"), "", "t"),
        files.path().display(),
    );
    let server = Server::configured(&config);

    for (id, hints) in [
        ("wrong-ca", &["certificate", "ca_file"][..]),
        ("expired", &["401", "token"][..]),
        ("html", &["HTML"][..]),
        ("unreadable", &["kubeconfig"][..]),
        ("missing", &["kubeconfig", "exists"][..]),
    ] {
        let cluster = cluster(&server, id, |c| {
            c["health"]["status"] == "UNHEALTHY" && !c["health"]["message"].is_null()
        })
        .await;
        let message = cluster["health"]["message"].as_str().unwrap().to_owned();
        eprintln!("{id}: {message}");
        for hint in hints {
            assert!(
                message.to_lowercase().contains(&hint.to_lowercase()),
                "{id}: {message:?} says nothing of {hint:?}"
            );
        }
        assert_eq!(cluster["status"]["ready"], false, "{id}");
        assert!(!message.contains("no-such-token"), "the token is in the message");
    }

    // Its API server refuses streamed lists, so this one was read in pages.
    let ill = cluster(&server, "malformed", |c| {
        c["freshness"]
            .as_array()
            .is_some_and(|f| f.iter().any(|f| f["kind"] == "Pod" && f["state"] == "LIVE"))
    })
    .await;
    let pods = ill["freshness"].as_array().unwrap().iter().find(|f| f["kind"] == "Pod").unwrap();
    assert_eq!((pods["objects"].as_i64(), pods["malformed"].as_i64()), (Some(2), Some(2)), "{pods}");
    assert_eq!(pods["errorCode"], "MALFORMED_OBJECT");
    assert!(pods["error"].as_str().unwrap().contains("log"));
    let query = r#"{ pods(cluster: "malformed") { name phase containers { name } } }"#;
    let answer = client::answer(server.http(), query, serde_json::json!({})).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"], "MALFORMED_OBJECT",
        "the rows are not all there are"
    );
    let listed = &answer["data"];
    let names: Vec<_> =
        listed["pods"].as_array().unwrap().iter().map(|pod| pod["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["well", "well-too"]);

    // The file that was missing comes: the cluster is taken up by itself.
    std::fs::copy(plane.proxied_kubeconfig_file(), files.path().join("none")).unwrap();
    cluster(&server, "missing", |c| c["health"]["status"] == "HEALTHY").await;

    // The good cluster is well, and a change there is seen.
    plane.kubectl(&["create", "namespace", "unharmed"]).await.unwrap();
    client::until(server.http(), r#"{ namespace(cluster: "good", name: "unharmed") { id } }"#, |d| {
        !d["namespace"].is_null()
    })
    .await;
    let ready = server::until(server.http(), "/health/ready", 200).await;
    assert!(ready.contains("ok"), "{ready}");
    assert!(!server.log().contains("no-such-token"), "a token is in the log");
}

#[test]
fn a_configuration_that_contradicts_itself_is_refused_with_its_place() {
    for (config, hints) in [
        ("clusters:\n  - id: a:b\n    auth_method: in_cluster\n", &["a:b", ":2:", "colon"][..]),
        (
            "clusters:\n  - id: twin\n    auth_method: in_cluster\n  - id: twin\n    auth_method: in_cluster\n",
            &["twin", ":4:"][..],
        ),
        ("clusters:\n  - id: a\n    auth_methud: in_cluster\n", &["auth_methud", "auth_method", ":3:"][..]),
        ("clusters:\n  - id: a\n    auth_method: token\n", &["api_server_url"][..]),
        ("listen: 0.0.0.0:8080\n", &["127.0.0.1", "authentication"][..]),
    ] {
        let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        std::fs::write(file.path(), config).unwrap();
        let path = file.path().to_str().unwrap();
        let (code, _, text) = server::run(&["serve", "--config", path]);
        assert_ne!(code, Some(0), "{config}");
        for hint in hints {
            assert!(text.contains(hint), "{config}: {text:?} says nothing of {hint:?}");
        }
    }
}
