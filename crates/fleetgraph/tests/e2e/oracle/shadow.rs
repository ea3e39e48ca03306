//! A cluster that holds only what somebody may see: an HTTP server in front of a real API server, which leaves out of each
//! list and each watch what it was told to hide.
//!
//! ```text
//!   fleetgraph ──/u07/api/v1/pods?watch=true──▶ shadow ──/api/v1/pods?watch=true──▶ kube-apiserver
//!              ◀── the events of what u07 may see ──     ◀── all events ──
//! ```
//!
//! This is the reference for everything that is read with rights: who may not see an object must be answered as if it did
//! not exist. It makes the second cluster of comparisons too: one that lacks some objects, and has others changed.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response,
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::Client;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

use super::world::Key;

/// What is left of an object, in the cluster of the first segment of a path.
type Sieve = Arc<dyn Fn(&str, &Key, Value) -> Option<Value> + Send + Sync>;
type Failed = Box<dyn std::error::Error + Send + Sync>;

/// The server; ends when it is dropped.
pub struct Shadow {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Shadow {
    pub async fn start(
        client: Client,
        sieve: impl Fn(&str, &Key, Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sieve: Sieve = Arc::new(sieve);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (client, sieve) = (client.clone(), Arc::clone(&sieve));
                let service = service_fn(move |request| answer(client.clone(), Arc::clone(&sieve), request));
                connections.spawn(async move {
                    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    // Who breaks off is gone.
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, task }
    }
}

impl Drop for Shadow {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    client: Client,
    sieve: Sieve,
    request: Request<Incoming>,
) -> Result<Response<UnsyncBoxBody<Bytes, Failed>>, Failed> {
    let target = request.uri().path_and_query().unwrap().as_str().to_owned();
    let (cluster, rest) = target[1..].split_once('/').ok_or("a path without a cluster")?;
    let cluster = cluster.to_owned();
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let resource = resource_of(path);
    let method = request.method().clone();
    let accept = request.headers().get("accept").cloned();
    let kind = request.headers().get("content-type").cloned();
    let body = request.into_body().collect().await?.to_bytes();
    let mut forwarded = Request::builder().method(method).uri(format!("/{rest}"));
    for (name, value) in [("accept", accept), ("content-type", kind)] {
        if let Some(value) = value {
            forwarded = forwarded.header(name, value);
        }
    }
    let response = client.send(forwarded.body(kube::client::Body::from(body.to_vec()))?).await?;
    let (mut parts, body) = response.into_parts();
    parts.headers.remove("content-length");
    parts.headers.remove("transfer-encoding");
    let Some((group, resource)) = resource.filter(|_| parts.status.is_success()) else {
        return Ok(Response::from_parts(parts, body.map_err(Failed::from).boxed_unsync()));
    };
    let left = move |object: Value| {
        let text = |field: &str| object["metadata"][field].as_str().unwrap_or("").to_owned();
        let key = Key {
            group: group.clone(),
            resource: resource.clone(),
            namespace: text("namespace"),
            name: text("name"),
        };
        sieve(&cluster, &key, object)
    };
    if query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1") {
        let events = lines(body).try_filter_map(move |line| {
            let mut event: Value = serde_json::from_slice(&line).unwrap_or_default();
            let passes = if event["type"] == "BOOKMARK" || event["type"] == "ERROR" {
                Some(line)
            } else {
                // The type first, as API servers write it.
                left(event["object"].take()).map(|object| {
                    Bytes::from(format!("{{\"type\":{},\"object\":{object}}}\n", event["type"]))
                })
            };
            std::future::ready(Ok(passes.map(Frame::data)))
        });
        return Ok(Response::from_parts(parts, StreamBody::new(events).boxed_unsync()));
    }
    let mut list: Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
    if let Some(items) = list["items"].as_array_mut() {
        *items = items.drain(..).filter_map(left).collect();
    }
    let body = http_body_util::Full::new(Bytes::from(serde_json::to_vec(&list)?));
    Ok(Response::from_parts(parts, body.map_err(|never| match never {}).boxed_unsync()))
}

/// Group and resource of the path of a list; nothing for any other path.
fn resource_of(path: &str) -> Option<(String, String)> {
    let segments: Vec<&str> = path.split('/').collect();
    match segments[..] {
        ["api", "v1", resource] => Some((String::new(), resource.to_owned())),
        ["apis", group, _, resource] => Some((group.to_owned(), resource.to_owned())),
        _ => None,
    }
    .filter(|(group, _)| !group.starts_with("authorization.") && !group.starts_with("authentication."))
}

/// A body, line by line, each with its end.
fn lines(body: kube::client::Body) -> impl futures::Stream<Item = Result<Bytes, Failed>> + Send {
    let chunks = body.into_data_stream().map_err(Failed::from);
    stream::unfold((Box::pin(chunks), Vec::<u8>::new()), |(mut chunks, mut held)| async move {
        loop {
            if let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                let rest = held.split_off(end + 1);
                return Some((Ok(Bytes::from(held)), (chunks, rest)));
            }
            match chunks.next().await? {
                Ok(chunk) => held.extend_from_slice(&chunk),
                Err(error) => return Some((Err(error), (chunks, Vec::new()))),
            }
        }
    })
}
