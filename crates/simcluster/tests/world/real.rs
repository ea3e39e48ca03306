//! A real API server is given the objects, and makes nothing else of them than what the world says.

use std::collections::{BTreeMap, BTreeSet};

use http::Request;
use serde_json::{Value, json};
use simcluster::world::{World, WorldOptions};
use testkit::{ControlPlane, Options};

use crate::everything::{Everything, KINDS, resource, text};

async fn send(client: &kube::Client, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(body.to_string().into_bytes()).unwrap();
    match client.request::<Value>(request).await {
        Ok(value) => Ok(value),
        Err(error) => Err(error.to_string()),
    }
}

/// What a client sends: without what only the server gives.
fn asked(kind: &str, value: &Value, has_status: bool) -> Value {
    let mut value = value.clone();
    let metadata = value["metadata"].as_object_mut().unwrap();
    for key in ["uid", "resourceVersion", "creationTimestamp", "generation"] {
        metadata.remove(key);
    }
    if has_status {
        value.as_object_mut().unwrap().remove("status");
    }
    match kind {
        // They have the uid in them.
        "Job" => {
            value["spec"].as_object_mut().unwrap().remove("selector");
            let labels = value["spec"]["template"]["metadata"]["labels"].as_object_mut().unwrap();
            labels.retain(|key, _| !key.contains("controller-uid") && !key.contains("job-name"));
        }
        "Service" => {
            for key in ["clusterIP", "clusterIPs"] {
                if value["spec"]["clusterIP"] != "None" {
                    value["spec"].as_object_mut().unwrap().remove(key);
                }
            }
        }
        _ => {}
    }
    value
}

/// What may differ, since the server chooses it.
fn compared(kind: &str, mut value: Value) -> Value {
    let object = value.as_object_mut().unwrap();
    for key in ["kind", "apiVersion"] {
        object.remove(key);
    }
    let metadata = value["metadata"].as_object_mut().unwrap();
    for key in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "selfLink"] {
        metadata.remove(key);
    }
    match kind {
        "Job" => {
            // They have the uid in them.
            value["spec"]["selector"] = Value::Null;
            for at in ["/spec/template/metadata/labels", "/metadata/labels"] {
                let Some(labels) = value.pointer_mut(at).and_then(Value::as_object_mut) else { continue };
                labels.retain(|key, _| !key.contains("controller-uid"));
            }
        }
        "Service" => {
            for key in ["clusterIP", "clusterIPs"] {
                value["spec"].as_object_mut().unwrap().remove(key);
            }
        }
        // A node is not ready before its kubelet says so.
        "Node" => {
            let taints = value["spec"]["taints"].as_array().cloned().unwrap_or_default();
            value["spec"]["taints"] =
                taints.into_iter().filter(|taint| taint["key"] != "node.kubernetes.io/not-ready").collect();
        }
        _ => {}
    }
    value
}

fn difference(path: &str, ours: &Value, real: &Value, found: &mut Vec<String>) {
    match (ours, real) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()).collect::<BTreeSet<_>>() {
                let (x, y) = (a.get(key).unwrap_or(&Value::Null), b.get(key).unwrap_or(&Value::Null));
                difference(&format!("{path}.{key}"), x, y, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (x, y)) in a.iter().zip(b).enumerate() {
                difference(&format!("{path}[{index}]"), x, y, found);
            }
        }
        (ours, real) if ours != real => found.push(format!("{path}: {ours}, but really {real}")),
        _ => {}
    }
}

/// One object of each form: those of the same shape are given only once, since the server is slow.
fn shape(value: &Value) -> String {
    match value {
        Value::Object(map) => map.iter().map(|(key, value)| format!("{key}:{}", shape(value))).collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::String(text) if text.len() < 24 && !text.contains(|c: char| c.is_ascii_digit()) => {
            text.clone()
        }
        _ => String::new(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_server_accepts_every_object_and_adds_nothing_to_it() {
    let options = Options::bare("world").apiserver_arg("--disable-admission-plugins=ServiceAccount");
    let plane = ControlPlane::start(options).await.unwrap();
    let client = plane.admin_client().await.unwrap();
    let world = World::new(&WorldOptions { start: 1_763_000_000, ..WorldOptions::new(3, 2_400, 11) });
    assert_eq!(world.faults(), [""; 0]);
    let mut found = Vec::new();
    let mut given: BTreeMap<String, usize> = BTreeMap::new();
    for cluster in world.clusters() {
        let all = Everything::of(cluster);
        let mut shapes = BTreeSet::new();
        for kind in KINDS {
            let resource = resource(cluster, *kind);
            for (namespace, name, value) in all.all(&resource.kind) {
                // The namespaces and accounts that others need are all made.
                let needed = matches!(
                    resource.kind.as_str(),
                    "Namespace" | "CustomResourceDefinition" | "PriorityClass"
                );
                if !shapes.insert(format!("{}{}", resource.kind, shape(value))) && !needed {
                    continue;
                }
                let base = if resource.group.is_empty() {
                    "/api/v1".to_owned()
                } else {
                    format!("/apis/{}/{}", resource.group, resource.version)
                };
                let scope =
                    if namespace.is_empty() { String::new() } else { format!("/namespaces/{namespace}") };
                let path = format!("{base}{scope}/{}", resource.plural);
                let mut body = asked(&resource.kind, value, resource.subresource("status").is_some());
                body["kind"] = json!(resource.kind);
                body["apiVersion"] = json!(resource.api_version());
                let what = format!("{} {namespace}/{name}", resource.kind);
                let mut real =
                    match send(&client, "POST", &format!("{path}?fieldValidation=Strict"), &body).await {
                        Ok(real) => real,
                        Err(error) if error.contains("already exists") => continue,
                        Err(error) => {
                            found.push(format!("{what}: refused: {error}"));
                            continue;
                        }
                    };
                *given.entry(resource.kind.clone()).or_default() += 1;
                let status = resource.subresource("status").is_some()
                    && value.get("status").is_some()
                    && resource.kind != "CustomResourceDefinition";
                if status {
                    real["status"] = value["status"].clone();
                    match send(&client, "PUT", &format!("{path}/{name}/status?fieldValidation=Strict"), &real)
                        .await
                    {
                        Ok(written) => real = written,
                        Err(error) => {
                            found.push(format!("{what}: its status is refused: {error}"));
                            continue;
                        }
                    }
                }
                if matches!(resource.kind.as_str(), "CustomResourceDefinition" | "Namespace") {
                    continue;
                }
                let mut differences = Vec::new();
                difference(
                    "",
                    &compared(&resource.kind, value.clone()),
                    &compared(&resource.kind, real),
                    &mut differences,
                );
                found.extend(differences.into_iter().map(|difference| format!("{what}: {difference}")));
                if text(&value["metadata"]["name"]).is_empty() {
                    found.push(format!("{what}: no name"));
                }
            }
            if resource.kind == "CustomResourceDefinition" {
                tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            }
        }
    }
    println!("given: {given:?}");
    found.sort();
    println!("{}", found.iter().take(120).cloned().collect::<Vec<_>>().join("\n"));
    assert!(found.is_empty(), "{} differences", found.len());
    assert_eq!(given.len(), KINDS.len(), "every kind was given");
}
