//! `/openapi/v3`: for each group and version the schemas of its kinds (without descriptions) and the paths of its
//! resources, enough for clients that look up fields and patch strategies.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::discovery;
use crate::cluster::Cluster;
use crate::resources::Shape;
use crate::schema::BUILT_IN;

fn place(group: &str, version: &str) -> String {
    if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") }
}

pub(crate) fn index(cluster: &Cluster) -> Value {
    let mut paths = Map::new();
    for (group, versions) in discovery::groups(cluster) {
        for version in versions {
            let place = place(&group, &version);
            paths.insert(place.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{place}")}));
        }
    }
    json!({"paths": paths})
}

/// Kubectl looks for these in a document before it sends them.
fn parameters(method: &str) -> Value {
    let parameter =
        |name: &str| json!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}});
    match method {
        "get" => json!([]),
        _ => json!([parameter("dryRun"), parameter("fieldManager"), parameter("fieldValidation")]),
    }
}

fn add(name: &str, schemas: &mut Map<String, Value>, seen: &mut BTreeSet<String>) {
    if !seen.insert(name.to_owned()) {
        return;
    }
    let Some(schema) = BUILT_IN.raw.get(name) else { return };
    schemas.insert(name.to_owned(), schema.clone());
    references(schema, &mut |name| add(name, schemas, seen));
}

fn references(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(text) if key == "$ref" => found(text.rsplit('/').next().unwrap_or_default()),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

pub(crate) fn document(cluster: &Cluster, group: &str, version: &str) -> Value {
    let (mut schemas, mut paths, mut seen) = (Map::new(), Map::new(), BTreeSet::new());
    let prefix = place(group, version);
    for resource in discovery::resources(cluster, group, version) {
        let gvk = json!({"group": group, "version": version, "kind": resource.kind});
        let within = if resource.namespaced { "namespaces/{namespace}/" } else { "" };
        for (suffix, actions) in
            [("", [("get", "list"), ("post", "post")]), ("/{name}", [("get", "get"), ("patch", "patch")])]
        {
            let mut entry = Map::new();
            for (method, action) in actions {
                let operation = json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk, "parameters": parameters(method), "responses": {}});
                entry.insert(method.to_owned(), operation);
            }
            paths.insert(format!("/{prefix}/{within}{}{suffix}", resource.plural), Value::Object(entry));
        }
        match &resource.schema {
            Shape::BuiltIn(id) => {
                if let Some(name) = BUILT_IN.name_of(*id) {
                    add(name, &mut schemas, &mut seen);
                }
            }
            Shape::Custom(custom) => {
                let mut schema = custom.raw.clone();
                if schema.is_object() {
                    schema["x-kubernetes-group-version-kind"] = json!([gvk]);
                }
                let reversed: Vec<&str> = group.rsplit('.').collect();
                schemas.insert(format!("{}.{version}.{}", reversed.join("."), resource.kind), schema);
            }
            Shape::Open => {}
        }
    }
    let info = json!({"title": "Kubernetes", "version": cluster.options().version});
    json!({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}})
}
