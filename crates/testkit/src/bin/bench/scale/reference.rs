//! What a client without fleetgraph would do: list every kind from every cluster as JSON, or a page of each.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use serde_json::Value;

use super::simulated::Simulated;
use crate::api;

/// Clusters that are listed at a time.
const ABREAST: usize = 16;

/// A list of everything.
pub struct Listed {
    pub took: Duration,
    pub bytes: usize,
    pub objects: usize,
}

/// Lists these kinds from all clusters. The bytes are only counted, so nobody who reads JSON can be faster.
pub async fn list(fleet: &Simulated, paths: &[String]) -> Result<Listed> {
    let begun = Instant::now();
    let each = |name: &String| -> Result<_> {
        let client = fleet.client(name)?;
        Ok(async move {
            let (mut bytes, mut objects) = (0, 0);
            for path in paths {
                let list = api::get(client, path).await?.bytes();
                bytes += list.len();
                objects += memchr::memmem::find_iter(&list, OBJECT).count();
            }
            anyhow::Ok((bytes, objects))
        })
    };
    let all = fleet.names().iter().map(each).collect::<Result<Vec<_>>>()?;
    let sums: Vec<_> = stream::iter(all).buffer_unordered(ABREAST).try_collect().await?;
    let (bytes, objects) =
        sums.into_iter().fold((0, 0), |sum, (bytes, objects)| (sum.0 + bytes, sum.1 + objects));
    Ok(Listed { took: begun.elapsed(), bytes, objects })
}

/// Each object in a list has one; that of a template is null.
const OBJECT: &[u8] = b"\"creationTimestamp\":\"";

/// Where the kinds are listed that fleetgraph says it watches in a cluster.
pub async fn paths(client: &Client, kinds: &[String]) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut groups = vec!["/api/v1".to_owned()];
    let served: Value = serde_json::from_slice(&api::get(client, "/apis").await?.bytes())?;
    for group in served["groups"].as_array().context("groups are a list")? {
        let version = group["preferredVersion"]["groupVersion"].as_str().context("a group has a version")?;
        groups.push(format!("/apis/{version}"));
    }
    let mut missing: Vec<&String> = kinds.iter().collect();
    for group in groups {
        let served: Value = serde_json::from_slice(&api::get(client, &group).await?.bytes())?;
        for resource in served["resources"].as_array().context("resources are a list")? {
            let text = |field: &str| resource[field].as_str().unwrap_or_default();
            let listed =
                resource["verbs"].as_array().is_some_and(|verbs| verbs.iter().any(|verb| verb == "watch"));
            let before = missing.len();
            missing.retain(|kind| !(listed && is(kind, &group, text("kind"), text("name"))));
            if missing.len() < before {
                paths.push(format!("{group}/{}", text("name")));
            }
        }
    }
    anyhow::ensure!(missing.is_empty(), "the cluster has no {missing:?}");
    Ok(paths)
}

/// A kind is named alone, or a custom one as `plural.group`.
fn is(kind: &str, group: &str, served: &str, plural: &str) -> bool {
    let group = group.trim_start_matches("/apis/").split('/').next().unwrap_or_default();
    kind == served
        || kind.split_once('.').is_some_and(|(name, of)| of == group && (name == plural || name == served))
}

/// The first page of pods of each cluster, all asked at once: the least from which a page over all can be made.
pub async fn pages(fleet: &Simulated, times: usize) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        let clients = fleet.names().iter().map(|name| fleet.client(name)).collect::<Result<Vec<_>>>()?;
        let asked = clients.into_iter().map(|client| api::get(client, "/api/v1/pods?limit=100"));
        let _pages: Vec<_> = stream::iter(asked).buffer_unordered(ABREAST).try_collect().await?;
        took.push(begun.elapsed());
    }
    Ok(took)
}
