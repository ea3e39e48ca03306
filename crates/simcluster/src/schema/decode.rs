//! A client's JSON as the server would hold it: types checked, unknown fields gone, empty ones left out, those that are
//! always written put in.

use serde_json::{Map, Value};

use super::{Custom, Node, Struct, object_meta, quantity};

/// What came in, cleaned, and the unknown fields that were dropped (for `fieldValidation=Strict`).
#[derive(Debug)]
pub(crate) struct Decoded {
    pub value: Value,
    pub unknown: Vec<String>,
}

struct Decoder {
    /// Names from the root.
    path: Vec<String>,
    unknown: Vec<String>,
    /// Custom resources keep empty values; built-in ones leave them out as Go does.
    custom: bool,
}

/// # Errors
/// A value of the wrong type, with the text of the server's JSON decoder.
pub(crate) fn decode(node: &Node, value: Value) -> Result<Decoded, String> {
    let mut decoder = Decoder { path: Vec::new(), unknown: Vec::new(), custom: false };
    let value = decoder.value(node, value, "")?.unwrap_or_else(|| Value::Object(Map::new()));
    Ok(Decoded { value, unknown: decoder.unknown })
}

/// Metadata is decoded as everywhere, the rest by the definition's schema.
///
/// # Errors
/// A metadata value of the wrong type.
pub(crate) fn decode_custom(custom: &Custom, mut value: Value) -> Result<Decoded, String> {
    let mut decoder = Decoder { path: vec!["metadata".to_owned()], unknown: Vec::new(), custom: false };
    let taken =
        value.as_object_mut().map(|object| ["apiVersion", "kind", "metadata"].map(|key| object.remove(key)));
    let Some([version, kind, metadata]) = taken else { return Err("expected an object".to_owned()) };
    let metadata = decoder.structure(object_meta(), metadata.unwrap_or_else(|| Value::Object(Map::new())))?;
    decoder.path.clear();
    decoder.custom = true;
    let mut body = decoder.value(&custom.node, value, "")?.unwrap_or_else(|| Value::Object(Map::new()));
    if let Some(object) = body.as_object_mut() {
        object.insert("metadata".to_owned(), metadata);
        for (key, value) in [("apiVersion", version), ("kind", kind)] {
            if let Some(value) = value {
                object.insert(key.to_owned(), value);
            }
        }
    }
    Ok(Decoded { value: body, unknown: decoder.unknown })
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_zero(value: &Value) -> bool {
    match value {
        Value::Bool(b) => !b,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(s) => s.is_empty(),
        _ => false,
    }
}

impl Decoder {
    fn mismatch(&self, node: &Node, value: &Value, owner: &str) -> String {
        let path: Vec<&str> = self.path.iter().filter(|p| !p.starts_with('[')).map(String::as_str).collect();
        let place = if path.is_empty() {
            String::new()
        } else {
            format!("Go struct field {owner}.{} of type ", path.join("."))
        };
        let shown = match value {
            Value::Number(number) if matches!(node, Node::Integer(_)) => format!("number {number}"),
            _ => json_type(value).to_owned(),
        };
        format!(
            "json: cannot unmarshal {shown} into {}{}",
            if place.is_empty() { "Go value of type " } else { &place },
            node.go_type()
        )
    }

    /// `None` where the value is left out.
    fn value(&mut self, node: &Node, value: Value, owner: &str) -> Result<Option<Value>, String> {
        if value.is_null() {
            return Ok(self.custom.then_some(Value::Null));
        }
        let fits = match node {
            Node::Any => true,
            Node::Ref(_) | Node::Inline(_) | Node::Map(_) => value.is_object(),
            Node::List(_) => value.is_array(),
            Node::Text | Node::Bytes => value.is_string(),
            Node::Integer(_) => value.is_i64() || value.is_u64(),
            Node::Number => value.is_number(),
            Node::Bool => value.is_boolean(),
            Node::IntOrString => value.is_string() || value.is_i64(),
            Node::Quantity => value.is_string() || value.is_number(),
        };
        if !fits {
            // The definition's validation says it for custom resources.
            return if self.custom { Ok(Some(value)) } else { Err(self.mismatch(node, &value, owner)) };
        }
        Ok(Some(match (node, value) {
            (Node::Ref(_) | Node::Inline(_), value) => match node.as_struct() {
                Some(structure) => self.structure(structure, value)?,
                None => value,
            },
            (Node::Map(item), Value::Object(map)) => {
                let mut out = Map::new();
                for (key, value) in map {
                    // Go keeps a key whose value is null, with the zero value.
                    let value = if value.is_null() && matches!(**item, Node::Text) { Value::String(String::new()) } else { value };
                    if let Some(value) = self.value(item, value, owner)? {
                        out.insert(key, value);
                    }
                }
                Value::Object(out)
            }
            (Node::List(list), Value::Array(items)) => {
                let mut out = Vec::with_capacity(items.len());
                for (index, item) in items.into_iter().enumerate() {
                    self.path.push(format!("[{index}]"));
                    if let Some(value) = self.value(&list.item, item, owner)? {
                        out.push(value);
                    }
                    self.path.pop();
                }
                Value::Array(out)
            }
            (Node::Quantity, value) => match quantity::canonical(&value) {
                Some(text) => Value::String(text),
                None => return Err("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'".to_owned()),
            },
            (_, value) => value,
        }))
    }

    fn structure(&mut self, structure: &Struct, value: Value) -> Result<Value, String> {
        let Value::Object(given) = value else {
            return Err(self.mismatch(&Node::Inline(std::sync::Arc::new(structure.clone())), &value, ""));
        };
        let mut out = Map::new();
        for (key, value) in given {
            let Some(field) = structure.fields.get(&key) else {
                if structure.preserve {
                    out.insert(key, value);
                } else {
                    self.unknown.push(self.named(&key));
                }
                continue;
            };
            self.path.push(key);
            let value = self.value(&field.node, value, &structure.name)?;
            let key = self.path.pop().unwrap_or_default();
            let Some(value) = value else { continue };
            let empty = match &value {
                Value::Array(items) => items.is_empty(),
                Value::Object(map) => map.is_empty() && matches!(field.node, Node::Map(_)),
                scalar => field.omit_zero && is_zero(scalar),
            };
            if empty && (field.required || field.null) && !self.custom && value.is_array() {
                // An empty list is none to Go, and one that is always written is null then.
                out.insert(key, Value::Null);
            } else if self.custom || !empty || field.required {
                out.insert(key, value);
            }
        }
        for (key, field) in &structure.fields {
            if out.get(key).is_some_and(|value| !(self.custom && value.is_null() && field.default.is_some()))
            {
                continue;
            }
            match &field.default {
                Some(default) => {
                    self.path.push(key.clone());
                    let value = self.value(&field.node, default.clone(), &structure.name)?;
                    self.path.pop();
                    let keep = value.filter(|value| !(field.omit_zero && is_zero(value)));
                    if let Some(value) = keep {
                        out.insert(key.clone(), value);
                    }
                }
                None if field.null && !self.custom => drop(out.insert(key.clone(), Value::Null)),
                // Go writes a list or map that has no `omitempty` as null.
                None if field.required
                    && !self.custom
                    && matches!(field.node, Node::List(_) | Node::Map(_)) =>
                {
                    out.insert(key.clone(), Value::Null);
                }
                None => {}
            }
        }
        Ok(Value::Object(out))
    }

    /// `spec.containers[0].image`, as strict decoding names fields.
    fn named(&self, key: &str) -> String {
        let mut name = String::new();
        for part in self.path.iter().map(String::as_str).chain([key]) {
            if !part.starts_with('[') && !name.is_empty() {
                name.push('.');
            }
            name.push_str(part);
        }
        name
    }
}
