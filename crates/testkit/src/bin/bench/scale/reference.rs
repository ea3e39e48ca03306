//! What a client without fleetgraph would do first: list every kind from every cluster, as JSON.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use kube::Client;
use serde_json::Value;

use super::simulated::Simulated;
use crate::api;

/// Lists that are under way at a time. More take no less time on two cores.
const ABREAST: usize = 16;

/// A list of everything.
pub struct Listed {
    pub took: Duration,
    pub bytes: usize,
    pub objects: usize,
}

/// Lists these kinds from all clusters, whole. The bytes are counted and not parsed.
pub async fn list(fleet: &Simulated, paths: &[String]) -> Result<Listed> {
    let begun = Instant::now();
    let mut all = Vec::new();
    for name in fleet.names() {
        let client = fleet.client(name)?;
        all.extend(paths.iter().map(|path| (client, path)));
    }
    let each = stream::iter(all).map(async |(client, path)| {
        let list = api::get(client, path).await?.bytes();
        anyhow::Ok((list.len(), memchr::memmem::find_iter(&list, OBJECT).count()))
    });
    let sum = async |sum: (usize, usize), (bytes, objects)| Ok((sum.0 + bytes, sum.1 + objects));
    let (bytes, objects) = each.buffer_unordered(ABREAST).try_fold((0, 0), sum).await?;
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
