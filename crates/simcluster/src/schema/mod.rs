//! The fields of every kind, as the real server publishes them: which exist, their types, which are always written,
//! which lists are merged by which key.
//!
//! `data/schemas.json` is the OpenAPI v3 of a real 1.36 server without descriptions, and what OpenAPI doesn't
//! tell: `omitZero`, the fields that Go leaves out when they are empty, false or 0, and `nulls`, those it writes as null. One table thus serves decoding (types, unknown fields), strategic merge, apply, and `/openapi/v3` itself. The
//! example `tables` writes it, the test `tables` compares it with the running server.
//!
//! ```text
//!   Struct ─ fields ─▶ Field { node, default, omit_zero, merge } ─▶ Node: Ref │ Inline │ Map │ List │ Text │ …
//! ```

mod custom;
mod decode;
mod quantity;

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::Value;

use crate::resources::{Resource, Shape};

pub(crate) use custom::Custom;
pub(crate) use decode::{Decoded, decode, decode_custom};

/// The place of a definition in the table.
pub(crate) type DefId = usize;

#[derive(Debug, Clone)]
pub(crate) enum Node {
    Ref(DefId),
    Inline(Arc<Struct>),
    Map(Box<Node>),
    List(Box<List>),
    Text,
    /// `int32` or `int64`.
    Integer(&'static str),
    Number,
    Bool,
    IntOrString,
    Quantity,
    Bytes,
    /// Anything: raw extensions, JSON, sets of fields.
    Any,
}

#[derive(Debug, Clone)]
pub(crate) struct List {
    pub item: Node,
    /// For server-side apply: the keys of a list map; empty for others.
    pub keys: Vec<String>,
    /// A set for server-side apply: its values are its keys.
    pub set: bool,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Struct {
    /// As Go calls it: `PodSpec`.
    pub name: String,
    pub fields: BTreeMap<String, Field>,
    /// One value for apply: nobody owns a part of it.
    pub atomic: bool,
    /// Unknown fields stay (custom resources only).
    pub preserve: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub node: Node,
    pub default: Option<Value>,
    /// Written even when it has no value.
    pub required: bool,
    pub omit_zero: bool,
    /// A time, a list or a map that is written as null when there is none.
    pub null: bool,
    /// For a strategic merge: how a list is merged.
    pub merge: Option<Merge>,
}

/// How a strategic merge patch merges a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Merge {
    /// Objects by the value of this field.
    ByKey(String),
    /// Scalars, as a set.
    Scalars,
}

pub(crate) struct Schemas {
    pub definitions: Vec<Struct>,
    names: BTreeMap<String, DefId>,
    kinds: BTreeMap<(String, String, String), DefId>,
    /// As served by `/openapi/v3`.
    pub raw: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    definitions: BTreeMap<String, Value>,
    omit_zero: BTreeMap<String, Vec<String>>,
    nulls: BTreeMap<String, Vec<String>>,
}

pub(crate) static BUILT_IN: LazyLock<Schemas> = LazyLock::new(|| {
    let file: File = serde_json::from_str(include_str!("../../data/schemas.json"))
        .unwrap_or_else(|error| unreachable!("the table of schemas is part of the program: {error}"));
    let names: BTreeMap<String, DefId> =
        file.definitions.keys().enumerate().map(|(id, name)| (name.clone(), id)).collect();
    let none = Vec::new();
    let mut kinds = BTreeMap::new();
    let mut definitions = Vec::with_capacity(names.len());
    for (id, (name, raw)) in file.definitions.iter().enumerate() {
        let omit = file.omit_zero.get(name).unwrap_or(&none);
        let mut structure = read_struct(name, raw, &names, omit);
        for field in file.nulls.get(name).unwrap_or(&none) {
            if let Some(field) = structure.fields.get_mut(field) {
                field.null = true;
            }
        }
        definitions.push(structure);
        for gvk in raw["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            let part = |key: &str| gvk[key].as_str().unwrap_or_default().to_owned();
            kinds.insert((part("group"), part("version"), part("kind")), id);
        }
    }
    Schemas { definitions, names, kinds, raw: file.definitions }
});

impl Schemas {
    pub fn find(&self, group: &str, version: &str, kind: &str) -> Option<DefId> {
        self.kinds.get(&(group.to_owned(), version.to_owned(), kind.to_owned())).copied()
    }

    pub fn named(&self, name: &str) -> Option<DefId> {
        self.names.get(name).copied()
    }

    pub fn name_of(&self, wanted: DefId) -> Option<&str> {
        self.names.iter().find(|(_, id)| **id == wanted).map(|(name, _)| name.as_str())
    }
}

/// The status that a new object of a built-in kind has: what is always written, with its zero values.
pub(crate) fn empty_status(resource: &Resource) -> Option<Value> {
    let Shape::BuiltIn(id) = &resource.schema else { return None };
    let field = BUILT_IN.definitions.get(*id)?.fields.get("status")?;
    let default = field.default.clone()?;
    decode(&field.node, default).ok().map(|decoded| decoded.value)
}

pub(crate) fn object_meta() -> &'static Struct {
    static META: LazyLock<DefId> = LazyLock::new(|| {
        BUILT_IN.named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta").unwrap_or_default()
    });
    &BUILT_IN.definitions[*META]
}

impl Node {
    /// The struct that a value of this node is, if it is one.
    pub fn as_struct(&self) -> Option<&Struct> {
        match self {
            Self::Ref(id) => BUILT_IN.definitions.get(*id),
            Self::Inline(inline) => Some(inline),
            _ => None,
        }
    }

    /// As Go names the type, for messages.
    pub fn go_type(&self) -> String {
        match self {
            Self::Ref(_) | Self::Inline(_) => {
                format!("v1.{}", self.as_struct().map_or("", |s| s.name.as_str()))
            }
            Self::Map(value) => format!("map[string]{}", value.go_type()),
            Self::List(list) => format!("[]{}", list.item.go_type()),
            Self::Integer(width) => (*width).to_owned(),
            Self::Number => "float64".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Bytes => "[]uint8".to_owned(),
            _ => "string".to_owned(),
        }
    }
}

fn read_struct(name: &str, raw: &Value, names: &BTreeMap<String, DefId>, omit: &[String]) -> Struct {
    let required: Vec<&str> =
        raw["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let mut fields = BTreeMap::new();
    for (field, schema) in raw["properties"].as_object().into_iter().flatten() {
        let strategy = schema["x-kubernetes-patch-strategy"].as_str().unwrap_or_default();
        let merge = strategy.split(',').any(|s| s == "merge").then(|| {
            schema["x-kubernetes-patch-merge-key"]
                .as_str()
                .map_or(Merge::Scalars, |key| Merge::ByKey(key.to_owned()))
        });
        let field_of = Field {
            node: read_node(schema, names),
            default: schema.get("default").cloned(),
            required: required.contains(&field.as_str()),
            omit_zero: omit.iter().any(|o| o == field),
            null: false,
            merge,
        };
        fields.insert(field.clone(), field_of);
    }
    Struct {
        name: name.rsplit('.').next().unwrap_or(name).to_owned(),
        fields,
        atomic: raw["x-kubernetes-map-type"] == "atomic",
        preserve: raw["x-kubernetes-preserve-unknown-fields"] == true,
    }
}

/// A schema as a node. `names` is empty for the schema of a custom resource, which has no references.
pub(crate) fn read_node(schema: &Value, names: &BTreeMap<String, DefId>) -> Node {
    let reference = schema["$ref"].as_str().or_else(|| schema["allOf"][0]["$ref"].as_str());
    if let Some(reference) = reference {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return match name {
            "io.k8s.apimachinery.pkg.api.resource.Quantity" => Node::Quantity,
            "io.k8s.apimachinery.pkg.util.intstr.IntOrString" => Node::IntOrString,
            "io.k8s.apimachinery.pkg.apis.meta.v1.Time"
            | "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime" => Node::Text,
            _ if name.ends_with(".RawExtension")
                || name.ends_with(".FieldsV1")
                || name.ends_with(".JSON") =>
            {
                Node::Any
            }
            _ if name.contains(".JSONSchemaPropsOr") => Node::Any,
            _ => names.get(name).map_or(Node::Any, |id| Node::Ref(*id)),
        };
    }
    if schema["x-kubernetes-int-or-string"] == true || schema["format"] == "int-or-string" {
        return Node::IntOrString;
    }
    match schema["type"].as_str() {
        Some("string") if schema["format"] == "byte" && !names.is_empty() => Node::Bytes,
        Some("string") => Node::Text,
        Some("integer") => Node::Integer(if schema["format"] == "int32" { "int32" } else { "int64" }),
        Some("number") => Node::Number,
        Some("boolean") => Node::Bool,
        Some("array") => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
            Node::List(Box::new(List {
                item: read_node(&schema["items"], names),
                keys: keys.filter_map(Value::as_str).map(str::to_owned).collect(),
                set: schema["x-kubernetes-list-type"] == "set",
            }))
        }
        Some("object") if schema["properties"].is_object() => {
            Node::Inline(Arc::new(read_struct("", schema, names, &[])))
        }
        Some("object") if schema["additionalProperties"].is_object() => {
            Node::Map(Box::new(read_node(&schema["additionalProperties"], names)))
        }
        Some("object") if names.is_empty() && schema["x-kubernetes-preserve-unknown-fields"] != true => {
            Node::Inline(Arc::new(Struct::default()))
        }
        _ => Node::Any,
    }
}
