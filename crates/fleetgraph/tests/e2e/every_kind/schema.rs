//! The running schema, by introspection: which kinds there are, and which fields they have.

use std::{collections::BTreeMap, net::SocketAddr};

use serde_json::{Value, json};

use crate::{bed::Bed, client, compare::KINDS};

/// The type of a field.
#[derive(Debug, Clone)]
pub enum Type {
    NonNull(Box<Type>),
    List(Box<Type>),
    Named(String),
}

impl Type {
    pub fn named(&self) -> &str {
        match self {
            Self::NonNull(inner) | Self::List(inner) => inner.named(),
            Self::Named(name) => name,
        }
    }

    fn read(value: &Value) -> Self {
        let inner = || Box::new(Self::read(&value["ofType"]));
        match value["kind"].as_str().unwrap() {
            "NON_NULL" => Self::NonNull(inner()),
            "LIST" => Self::List(inner()),
            _ => Self::Named(value["name"].as_str().unwrap().to_owned()),
        }
    }
}

pub struct Definition {
    pub kind: String,
    /// Without those that need arguments.
    pub fields: BTreeMap<String, Type>,
    /// With them.
    pub all_fields: Vec<String>,
    is_resource: bool,
}

#[derive(Default)]
pub struct Schema(BTreeMap<String, Definition>);

/// A kind by its names in the schema.
#[derive(Debug)]
pub struct Kind {
    pub type_name: String,
    pub one: String,
    pub list: String,
    pub namespaced: bool,
}

impl Kind {
    pub fn all(&self) -> String {
        format!("all{}{}", self.list[..1].to_uppercase(), &self.list[1..])
    }

    /// The path of the list at the API server.
    pub fn path(&self) -> &'static str {
        let row = KINDS.iter().find(|(_, list)| *list == self.list);
        row.unwrap_or_else(|| panic!("nobody says where the API server has {}", self.list)).0
    }
}

impl Schema {
    pub async fn ask(bed: &Bed) -> Self {
        Self::ask_as(bed.http(), "").await
    }

    /// As somebody who has this token.
    pub async fn ask_as(address: SocketAddr, token: &str) -> Self {
        let answer = client::answer_as(
                address,
                token,
                "{ __schema { types { name kind interfaces { name }
                    fields { name args { defaultValue type { kind } }
                        type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } }",
                json!({}),
            )
            .await;
        let data = &answer["data"];
        let types = data["__schema"]["types"].as_array().unwrap();
        Self(
            types
                .iter()
                .map(|definition| (text(&definition["name"]), Definition::read(definition)))
                .collect(),
        )
    }

    pub fn root_fields(&self, root: &str) -> Vec<String> {
        self.definition(root).all_fields.clone()
    }

    pub fn definition(&self, name: &str) -> &Definition {
        self.0.get(name).unwrap_or_else(|| panic!("the schema has no type {name}"))
    }

    /// Every kind that has a connection at the query root.
    pub fn kinds(&self) -> Vec<Kind> {
        self.definition("Query")
            .fields
            .iter()
            .filter_map(|(field, connection)| {
                let list = field.strip_suffix("Connection")?.to_owned();
                let nodes = self.definition(connection.named()).fields.get("nodes").unwrap();
                let type_name = nodes.named().to_owned();
                // The connection of all kinds together.
                if self.definition(&type_name).kind != "OBJECT" {
                    return None;
                }
                let one = format!("{}{}", type_name[..1].to_lowercase(), &type_name[1..]);
                let namespaced = self.definition(&type_name).fields.contains_key("namespaceName");
                Some(Kind { type_name, one, list, namespaced })
            })
            .collect()
    }

    /// Whether a field of this type leads to another object.
    pub fn is_relation(&self, name: &str) -> bool {
        let definition = self.definition(name);
        definition.kind == "INTERFACE" || definition.is_resource
    }

    pub fn is_leaf(&self, name: &str) -> bool {
        matches!(self.definition(name).kind.as_str(), "SCALAR" | "ENUM")
    }
}

impl Definition {
    fn read(value: &Value) -> Self {
        let needs_arguments = |field: &Value| {
            let arguments = field["args"].as_array().unwrap();
            arguments.iter().any(|a| a["type"]["kind"] == "NON_NULL" && a["defaultValue"].is_null())
        };
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        Self {
            kind: text(&value["kind"]),
            all_fields: list(&value["fields"]).iter().map(|field| text(&field["name"])).collect(),
            fields: list(&value["fields"])
                .iter()
                .filter(|field| !needs_arguments(field))
                .map(|field| (text(&field["name"]), Type::read(&field["type"])))
                .collect(),
            is_resource: list(&value["interfaces"]).iter().any(|interface| interface["name"] == "Resource"),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
