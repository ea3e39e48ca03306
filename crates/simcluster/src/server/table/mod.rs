//! Tables, as `kubectl get` asks for them: the columns are the real server's (`data/columns.json`), the cells are made
//! here for the kinds that people look at. Other kinds show their name and creation, as does the real server where it has
//! no printer.
//!
//! ```text
//!   columns ◀─ data/columns.json │ additionalPrinterColumns        cells ◀─ workload.rs  pod.rs  network.rs  cluster.rs
//!                                                                           custom.rs (JSONPath)      age.rs
//! ```

mod age;
mod cells;
mod cluster;
mod custom;
mod network;
mod pod;
mod workload;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::read::Form;
use crate::object::Object;
use crate::resources::{Resource, Shape};

/// What of the object stands in its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Include {
    Nothing,
    Metadata,
    Whole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Table {
    pub include: Include,
    /// Ages are told from here.
    pub now: Timestamp,
    /// A watch tells the columns once.
    pub headers: bool,
}

/// By storage.
static COLUMNS: LazyLock<BTreeMap<String, Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../../data/columns.json"))
        .unwrap_or_else(|error| unreachable!("the table of columns is part of the program: {error}"))
});

/// Of a kind without a printer; roles are one.
fn plain_columns() -> Value {
    COLUMNS.get("roles.rbac.authorization.k8s.io").cloned().unwrap_or_default()
}

impl Table {
    pub fn columns(self, resource: &Resource) -> Value {
        if !self.headers {
            return Value::Null;
        }
        match &resource.schema {
            Shape::Custom(custom) => {
                custom::columns(&plain_columns()[0], custom.columns.as_array().map(Vec::as_slice))
            }
            _ if cells::has(&resource.storage) => {
                COLUMNS.get(&*resource.storage).cloned().unwrap_or_default()
            }
            _ => plain_columns(),
        }
    }

    pub fn write_row(self, resource: &Resource, object: &Object, out: &mut Vec<u8>) {
        let value = object.value();
        let cells = self.cells(resource, &value);
        out.extend_from_slice(br#"{"cells":"#);
        out.extend_from_slice(json!(cells).to_string().as_bytes());
        if let Some(condition) = cells::completed(&resource.storage, &value) {
            out.extend_from_slice(format!(r#","conditions":[{condition}]"#).as_bytes());
        }
        out.extend_from_slice(br#","object":"#);
        match self.include {
            Include::Nothing => out.extend_from_slice(b"null"),
            Include::Metadata => Form::Metadata.write(resource, object, out),
            Include::Whole => Form::Whole.write(resource, object, out),
        }
        out.push(b'}');
    }

    /// Everything before the rows, with the bracket that opens them.
    pub fn head(self, resource: &Resource, metadata: &Value) -> String {
        let columns = self.columns(resource);
        format!(
            r#"{{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{metadata},"columnDefinitions":{columns},"rows":["#
        )
    }

    /// A bookmark is the row of an object with nothing but the mark.
    pub fn bookmark(self, resource: &Resource, metadata: &Value) -> Value {
        let empty = json!({"metadata": {"name": ""}});
        let object = match self.include {
            Include::Nothing => Value::Null,
            _ => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata})
            }
        };
        let version = json!({"resourceVersion": metadata["resourceVersion"]});
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": version,
            "columnDefinitions": self.columns(resource),
            "rows": [{"cells": self.cells(resource, &empty), "object": object}],
        })
    }

    fn cells(self, resource: &Resource, value: &Value) -> Vec<Value> {
        match &resource.schema {
            Shape::Custom(custom) => {
                custom::cells(value, custom.columns.as_array().map(Vec::as_slice), self.now)
            }
            _ => cells::of(&resource.storage, value, self.now).unwrap_or_else(|| {
                vec![value["metadata"]["name"].clone(), value["metadata"]["creationTimestamp"].clone()]
            }),
        }
    }

    /// A table of one object, as a GET and a watch event have it.
    pub fn write_one(self, resource: &Resource, object: &Object, out: &mut Vec<u8>) {
        let metadata = json!({"resourceVersion": object.revision.to_string()});
        out.extend_from_slice(self.head(resource, &metadata).as_bytes());
        self.write_row(resource, object, out);
        out.extend_from_slice(b"]}");
    }
}
