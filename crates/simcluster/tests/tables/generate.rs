//! The tables of `data/`, as a running server and the sources of its types give them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use http::Request;
use kube::Client;
use serde_json::{Value, json};
use testkit::{ControlPlane, Options};

use crate::go;

/// The text of the files.
pub struct Tables {
    pub resources: String,
    pub schemas: String,
    pub columns: String,
}

pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

/// Starts a server and asks it.
///
/// # Errors
/// When no server starts or it can't be asked, and those of [`go::read`].
pub async fn generate() -> Result<Tables> {
    let plane = ControlPlane::start(Options::bare("tables")).await?;
    let client = plane.admin_client().await?;
    let paths = group_versions(&client).await?;
    let (mut tables, mut definitions, mut columns) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
    for (group, version) in &paths {
        let path =
            if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
        let list = get(&client, &format!("/{path}")).await?;
        for resource in list["resources"].as_array().into_iter().flatten() {
            let (Some(plural), Some(verbs)) = (resource["name"].as_str(), resource["verbs"].as_array())
            else {
                continue;
            };
            if !plural.contains('/') && verbs.iter().any(|verb| verb == "list") {
                let name = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
                columns.insert(name, columns_of(&client, &format!("/{path}/{plural}")).await?);
            }
        }
        tables.push((group.clone(), version.clone(), list["resources"].clone()));
        let mut document = get(&client, &format!("/openapi/v3/{path}")).await?;
        strip(&mut document);
        let schemas = document["components"]["schemas"].as_object().context("a document without schemas")?;
        definitions.extend(schemas.clone());
    }
    plane.stop().await?;
    let tags = tokio::task::block_in_place(|| go::read(&definitions))?;
    let columns: Vec<String> = columns.iter().map(|(name, list)| format!("{}:{list}", json!(name))).collect();
    Ok(Tables {
        resources: resources(&tables)?,
        schemas: schemas(&definitions, &tags)?,
        columns: format!("{{\n{}\n}}\n", columns.join(",\n")),
    })
}

async fn get(client: &Client, path: &str) -> Result<Value> {
    Ok(client.request(Request::get(path).body(Vec::new())?).await?)
}

/// What `kubectl get` shows of a kind.
async fn columns_of(client: &Client, path: &str) -> Result<Value> {
    let request = Request::get(path).header("accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    let table: Value = client.request(request.body(Vec::new())?).await?;
    Ok(table["columnDefinitions"].clone())
}

/// In the order of `/apis`, the versions in order of preference.
async fn group_versions(client: &Client) -> Result<Vec<(String, String)>> {
    let mut found = vec![(String::new(), "v1".to_owned())];
    let groups = get(client, "/apis").await?;
    for group in groups["groups"].as_array().into_iter().flatten() {
        for version in group["versions"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().map(str::to_owned).context("a group without a name");
            found.push((text(&group["name"])?, text(&version["version"])?));
        }
    }
    Ok(found)
}

/// Takes the descriptions away, nine tenths of the text. A property that has this name is an object.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            if map.get("description").is_some_and(Value::is_string) {
                map.remove("description");
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// A line for each resource, so that a new version shows as a readable diff.
fn resources(tables: &[(String, String, Value)]) -> Result<String> {
    let mut out = "[\n".to_owned();
    for (index, (group, version, entries)) in tables.iter().enumerate() {
        let entries = entries.as_array().context("a list without resources")?;
        let lines: Vec<String> = entries.iter().map(Value::to_string).collect();
        let comma = if index + 1 < tables.len() { "," } else { "" };
        writeln!(out, "{{\"group\":{},\"version\":{},\"resources\":[", json!(group), json!(version))?;
        writeln!(out, "{}\n]}}{comma}", lines.join(",\n"))?;
    }
    out.push_str("]\n");
    Ok(out)
}

fn schemas(definitions: &BTreeMap<String, Value>, tags: &go::Tags) -> Result<String> {
    let section = |name: &str, lines: Vec<String>| format!("\"{name}\":{{\n{}\n}}", lines.join(",\n"));
    let lists = |fields: &BTreeMap<String, Vec<String>>| {
        fields.iter().map(|(name, list)| format!("{}:{}", json!(name), json!(list))).collect::<Vec<_>>()
    };
    let all = definitions.iter().map(|(name, schema)| format!("{}:{schema}", json!(name))).collect();
    let sections = [
        section("definitions", all),
        section("omitZero", lists(&tags.omit_zero)),
        section("nulls", lists(&tags.nulls)),
    ];
    let mut out = String::new();
    writeln!(out, "{{\n{}\n}}", sections.join(",\n"))?;
    Ok(out)
}
