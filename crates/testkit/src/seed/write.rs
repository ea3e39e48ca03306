//! Writing objects as JSON, as some named field manager, so that `managedFields` come out as real ones do.

use anyhow::{Context, Result, anyhow};
use kube::Client;
use kube::api::{Patch, PatchParams, PostParams, Request};
use serde_json::Value;
use tokio::task::JoinSet;

/// Creates `object` in the collection at `path`, such as `/api/v1/namespaces/x/pods`. Returns what the server made of
/// it.
pub(super) async fn create(client: &Client, path: &str, manager: &str, object: &Value) -> Result<Value> {
    let params = PostParams { field_manager: Some(manager.to_owned()), ..PostParams::default() };
    let request = Request::new(path).create(&params, serde_json::to_vec(object)?)?;
    let name = object["metadata"]["name"].as_str().unwrap_or("");
    client.request(request).await.with_context(|| format!("creating {path}/{name}"))
}

/// Patches the status subresource.
pub(super) async fn patch_status(
    client: &Client,
    path: &str,
    name: &str,
    manager: &str,
    status: Value,
) -> Result<Value> {
    let params = PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() };
    let patch = Patch::Strategic(serde_json::json!({ "status": status }));
    let request = Request::new(path).patch_subresource("status", name, &params, &patch)?;
    client.request(request).await.with_context(|| format!("patching the status of {path}/{name}"))
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
