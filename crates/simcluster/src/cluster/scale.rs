//! The scale subresource: `autoscaling/v1` Scale, of built-in workloads and of custom resources that have one.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Cluster, Patch, WriteOptions};
use crate::error::ApiError;
use crate::object::Object;
use crate::resources::{Resource, Shape};

struct Paths {
    spec: Vec<String>,
    status: Vec<String>,
    selector: Option<Vec<String>>,
}

fn split(path: &str) -> Vec<String> {
    path.trim_start_matches('.').split('.').map(str::to_owned).collect()
}

fn paths(resource: &Resource) -> Paths {
    match &resource.schema {
        Shape::Custom(custom) => {
            let (spec, status, selector) = custom.scale.clone().unwrap_or_default();
            Paths { spec: split(&spec), status: split(&status), selector: selector.as_deref().map(split) }
        }
        _ => Paths { spec: split("spec.replicas"), status: split("status.replicas"), selector: None },
    }
}

fn at<'a>(value: &'a Value, path: &[String]) -> &'a Value {
    path.iter().fold(value, |value, key| &value[key])
}

/// A label selector as text: `app=x,tier in (a,b)`.
fn selector_text(selector: &Value) -> String {
    let plain = selector["matchLabels"]
        .as_object()
        .or_else(|| selector.as_object().filter(|s| !s.contains_key("matchExpressions")));
    let mut parts: Vec<String> = plain
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)))
        .collect();
    for term in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = term["key"].as_str().unwrap_or_default();
        let values: Vec<&str> =
            term["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        parts.push(match term["operator"].as_str() {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("DoesNotExist") => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.sort();
    parts.join(",")
}

impl Cluster {
    /// The Scale of an object.
    pub fn scale(&self, resource: &Resource, object: &Object) -> Value {
        let value = object.value();
        let paths = paths(resource);
        let mut metadata = json!({
            "name": *object.key.name, "uid": object.uid.to_string(), "resourceVersion": object.revision.to_string(),
            "creationTimestamp": value["metadata"]["creationTimestamp"],
        });
        if resource.namespaced {
            metadata["namespace"] = json!(*object.key.namespace);
        }
        let mut spec = json!({});
        if let Some(replicas) = at(&value, &paths.spec).as_i64().filter(|replicas| *replicas != 0) {
            spec["replicas"] = json!(replicas);
        }
        let mut status = json!({"replicas": at(&value, &paths.status).as_i64().unwrap_or(0)});
        let selector = match &paths.selector {
            Some(path) => at(&value, path).as_str().unwrap_or_default().to_owned(),
            None if resource.is_custom() => String::new(),
            None => selector_text(&value["spec"]["selector"]),
        };
        if !selector.is_empty() {
            status["selector"] = json!(selector);
        }
        json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status})
    }

    /// Writes the wished number of replicas out of a Scale, at its resourceVersion if it says one.
    ///
    /// # Errors
    /// As [`Cluster::patch`].
    pub fn rescale(
        &self,
        resource: &Resource,
        namespace: &str,
        name: &str,
        scale: &Value,
        options: &WriteOptions,
    ) -> Result<Arc<Object>, ApiError> {
        let replicas = scale["spec"]["replicas"].as_i64().unwrap_or(0);
        let mut patch =
            paths(resource).spec.iter().rev().fold(json!(replicas), |inner, key| json!({key: inner}));
        if let Some(version) =
            scale["metadata"]["resourceVersion"].as_str().filter(|version| !version.is_empty())
        {
            patch["metadata"] = json!({"resourceVersion": version});
        }
        self.patch(resource, namespace, name, &Patch::Merge(patch), options)
    }
}
