//! Writing objects as JSON, as some named field manager, so that `managedFields` come out as real ones do.

use anyhow::{Context, Result, anyhow};
use kube::Client;
use serde_json::Value;
use tokio::task::JoinSet;

/// Creates `object` in the collection at `path`, such as `/api/v1/namespaces/x/pods`. Returns its metadata.
pub(super) async fn create(client: &Client, path: &str, manager: &str, object: &Value) -> Result<Value> {
    let request = http::Request::post(with_manager(path, manager))
        .header(http::header::CONTENT_TYPE, "application/json")
        .header(http::header::ACCEPT, METADATA_ONLY)
        .body(serde_json::to_vec(object)?)?;
    let name = object["metadata"]["name"].as_str().unwrap_or("");
    client.request(request).await.with_context(|| format!("creating {path}/{name}"))
}

/// Patches the status subresource, as controllers and kubelets do.
pub(super) async fn patch_status(
    client: &Client,
    path: &str,
    name: &str,
    manager: &str,
    status: Value,
) -> Result<Value> {
    let request = http::Request::patch(with_manager(&format!("{path}/{name}/status"), manager))
        .header(http::header::CONTENT_TYPE, "application/strategic-merge-patch+json")
        .header(http::header::ACCEPT, METADATA_ONLY)
        .body(serde_json::to_vec(&serde_json::json!({ "status": status }))?)?;
    client.request(request).await.with_context(|| format!("patching the status of {path}/{name}"))
}

/// The whole object would cost the server as much again as storing it.
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";

/// A field that the server doesn't know is an error here, not something to drop in silence.
fn with_manager(path: &str, manager: &str) -> String {
    format!("{path}?fieldManager={manager}&fieldValidation=Strict")
}

/// Runs `work` for 0..count in `workers` tasks, each of which takes every `workers`-th number. Ends with the first
/// error.
pub(super) async fn in_parallel<F>(workers: usize, count: usize, work: impl Fn(usize) -> F) -> Result<()>
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for worker in 0..workers {
        let share: Vec<_> = (worker..count).step_by(workers).map(&work).collect();
        tasks.spawn(async move {
            for one in share {
                one.await?;
            }
            Ok::<_, anyhow::Error>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| anyhow!("a seeding task failed: {error}"))??;
    }
    Ok(())
}
