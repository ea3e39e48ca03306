//! The two etcd calls that testkit needs, through etcd's JSON gateway on loopback.

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// Where API servers keep the last compacted revision, and watch for each other's compactions. A compaction that
/// left it alone would be one that no API server makes.
const COMPACT_REVISION_KEY: &str = "compact_rev_key";

/// Forgets all history, as the API server's own compactor does every five minutes. Returns the revision up to which.
///
/// etcd keeps what a compaction names: a watch may still start at exactly that revision. So the compaction names the
/// write of its own key, which comes after everything that any watch has seen.
pub(crate) async fn compact(port: u16) -> Result<i64> {
    let key = STANDARD.encode(COMPACT_REVISION_KEY);
    let present = revision(&call(port, "/v3/kv/range", json!({ "key": key })).await?)?;
    let value = STANDARD.encode((present + 1).to_string());
    let written = revision(&call(port, "/v3/kv/put", json!({ "key": key, "value": value })).await?)?;
    call(port, "/v3/kv/compaction", json!({ "revision": written.to_string(), "physical": true })).await?;
    Ok(written)
}

/// The gateway writes 64-bit numbers as strings.
fn revision(answer: &Value) -> Result<i64> {
    let text = answer["header"]["revision"].as_str().context("etcd's answer has no revision")?;
    Ok(text.parse()?)
}

async fn call(port: u16, path: &str, body: Value) -> Result<Value> {
    let request = http::Request::post(format!("http://127.0.0.1:{port}{path}"))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body.to_string())))?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let response = client.request(request).await.context("calling etcd's gateway")?;
    let status = response.status();
    let bytes = response.into_body().collect().await?.to_bytes();
    if !status.is_success() {
        bail!("etcd answered {status} to {path}: {}", String::from_utf8_lossy(&bytes));
    }
    Ok(serde_json::from_slice(&bytes)?)
}
