//! Requests to the API server and to fleetgraph, by the same means: hyper's client over HTTP/1.1 on a connection that
//! is kept, the whole body read but not parsed. The API server's has TLS, as in every cluster.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use kube::Client;
use kube::client::Body;

pub const PODS: &str = "/api/v1/pods";

/// An answer and the time until its last byte was there.
pub struct Answer {
    pub took: Duration,
    chunks: Vec<Bytes>,
}

impl Answer {
    /// Reads a body to its end; `asked` is when its request was sent.
    pub async fn read<B>(asked: Instant, response: http::Response<B>) -> Result<Self>
    where
        B: http_body_util::BodyExt<Data = Bytes> + Unpin,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let (head, mut body) = response.into_parts();
        let mut chunks = Vec::new();
        while let Some(frame) = body.frame().await {
            chunks.extend(frame?.into_data());
        }
        let answer = Self { took: asked.elapsed(), chunks };
        ensure!(head.status.is_success(), "{}: {}", head.status, String::from_utf8_lossy(&answer.bytes()));
        Ok(answer)
    }

    pub fn len(&self) -> usize {
        self.chunks.iter().map(Bytes::len).sum()
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.chunks.concat()
    }
}

/// GET from the API server, as JSON.
pub async fn get(client: &Client, path: &str) -> Result<Answer> {
    let request =
        http::Request::get(path).header(http::header::ACCEPT, "application/json").body(Body::empty())?;
    let asked = Instant::now();
    let response = client.send(request).await.with_context(|| format!("GET {path}"))?;
    Answer::read(asked, response).await.with_context(|| format!("GET {path}"))
}

/// All pages of a list, one after the other, as kubectl asks for them. Gives the time of each.
pub async fn pages(client: &Client, limit: usize) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut path = format!("{PODS}?limit={limit}");
    loop {
        let page = get(client, &path).await?;
        times.push(page.took);
        let Some(token) = continue_token(&page.bytes())? else { return Ok(times) };
        path = format!("{PODS}?limit={limit}&continue={token}");
    }
}

/// A list's metadata stands before its items, so the items need not be parsed. The token is base64 for URLs.
fn continue_token(list: &[u8]) -> Result<Option<String>> {
    let items = list.windows(9).position(|window| window == b"\"items\":[").context("a list has items")?;
    let head: serde_json::Value = serde_json::from_slice(&[&list[..items], b"\"items\":[]}"].concat())?;
    Ok(head["metadata"]["continue"].as_str().filter(|token| !token.is_empty()).map(str::to_owned))
}
