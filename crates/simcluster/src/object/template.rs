//! A text that many objects share, cut where they differ.
//!
//! Whoever makes a world writes an object as JSON, with placeholders in its strings:
//!
//! ```text
//!   "spec": {"nodeName": "${node}", "replicas": "${#replicas}"}     a slot; `#` takes the quotes away, for numbers
//!   "metadata": {"labels": {"app": "shop-${name}"}}                 ${name} ${namespace} ${uid} ${created} are always there
//! ```
//!
//! Name, namespace, uid, creationTimestamp and resourceVersion are put in by themselves.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Object, Uid};
use crate::clock::rfc3339;

#[derive(Debug)]
pub struct Template {
    parts: Vec<Part>,
    metadata: Vec<Part>,
    /// The JSON with its placeholders, for labels and fields.
    value: Value,
    slots: Vec<String>,
}

#[derive(Debug)]
enum Part {
    Text(Box<str>),
    Name,
    Namespace,
    Uid,
    Created,
    Revision,
    Slot(usize),
}

/// The value of a placeholder in one object.
#[derive(Debug, Clone, PartialEq)]
pub enum Slot {
    Text(Arc<str>),
    Number(i64),
    /// Unix seconds, written as RFC 3339.
    Time(i64),
    Uid(Uid),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("the placeholder ${{{0}}} is not among the slots")]
    UnknownSlot(String),
    #[error("a placeholder is not closed near: {0}")]
    Unclosed(String),
    #[error("a template is a JSON object with metadata")]
    NoObject,
}

impl Template {
    /// `slots` names the values that [`Slot`]s give, in their order.
    ///
    /// # Errors
    /// When the value is no object, or has a placeholder that isn't a slot.
    pub fn new(mut value: Value, namespaced: bool, slots: &[&str]) -> Result<Arc<Self>, TemplateError> {
        let object = value.as_object_mut().ok_or(TemplateError::NoObject)?;
        object.remove("kind");
        object.remove("apiVersion");
        let metadata = object.entry("metadata").or_insert_with(|| json!({}));
        let metadata = metadata.as_object_mut().ok_or(TemplateError::NoObject)?;
        metadata.insert("name".to_owned(), json!("${name}"));
        if namespaced {
            metadata.insert("namespace".to_owned(), json!("${namespace}"));
        }
        metadata.insert("uid".to_owned(), json!("${uid}"));
        metadata.insert("creationTimestamp".to_owned(), json!("${created}"));
        metadata.insert("resourceVersion".to_owned(), json!("${resourceVersion}"));
        let slots: Vec<String> = slots.iter().map(|slot| (*slot).to_owned()).collect();
        let parts = cut(&value.to_string(), &slots)?;
        let metadata = cut(&value["metadata"].to_string(), &slots)?;
        Ok(Arc::new(Self { parts, metadata, value, slots }))
    }

    /// How many values an object of this template gives.
    pub fn slot_count(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn write(&self, object: &Object, slots: &[Slot], out: &mut Vec<u8>) {
        write_parts(&self.parts, object, slots, out);
    }

    pub(super) fn write_metadata(&self, object: &Object, slots: &[Slot], out: &mut Vec<u8>) {
        write_parts(&self.metadata, object, slots, out);
    }

    /// The text at a path of the object, such as `spec.nodeName`; empty when there is none.
    pub(super) fn text_at<'a>(
        &'a self,
        path: impl Iterator<Item = &'a str>,
        object: &Object,
        slots: &[Slot],
    ) -> Option<Cow<'a, str>> {
        let mut at = &self.value;
        for part in path {
            at = at.get(part)?;
        }
        match at {
            Value::String(text) if text.contains("${") => {
                let parts = cut(text, &self.slots).ok()?;
                Some(Cow::Owned(parts.iter().map(|part| part.value(object, slots)).collect()))
            }
            Value::String(text) => Some(Cow::Borrowed(text)),
            Value::Null | Value::Object(_) | Value::Array(_) => None,
            scalar => Some(Cow::Owned(scalar.to_string())),
        }
    }

    pub(super) fn labels(&self) -> Option<&serde_json::Map<String, Value>> {
        self.value["metadata"]["labels"].as_object()
    }
}

impl Part {
    fn value<'a>(&'a self, object: &'a Object, slots: &'a [Slot]) -> Cow<'a, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Name => Cow::Borrowed(&object.key.name),
            Self::Namespace => Cow::Borrowed(&object.key.namespace),
            Self::Uid => Cow::Owned(object.uid.to_string()),
            Self::Created => Cow::Owned(rfc3339(object.created)),
            Self::Revision => Cow::Owned(object.revision.to_string()),
            Self::Slot(index) => match slots.get(*index) {
                Some(Slot::Text(text)) => Cow::Borrowed(text),
                Some(Slot::Number(number)) => Cow::Owned(number.to_string()),
                Some(Slot::Time(seconds)) => Cow::Owned(rfc3339(*seconds)),
                Some(Slot::Uid(uid)) => Cow::Owned(uid.to_string()),
                None => Cow::Borrowed(""),
            },
        }
    }
}

fn write_parts(parts: &[Part], object: &Object, slots: &[Slot], out: &mut Vec<u8>) {
    for part in parts {
        match part {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            part => escaped(&part.value(object, slots), out),
        }
    }
}

/// As it stands between the quotes of a JSON string.
fn escaped(text: &str, out: &mut Vec<u8>) {
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        return out.extend_from_slice(text.as_bytes());
    }
    let quoted = Value::String(text.to_owned()).to_string();
    out.extend_from_slice(quoted.get(1..quoted.len() - 1).unwrap_or_default().as_bytes());
}

fn cut(text: &str, slots: &[String]) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, from) = rest.split_at(start);
        let end = from.find('}').ok_or_else(|| TemplateError::Unclosed(from.chars().take(30).collect()))?;
        let name = &from[2..end];
        let (bare, name) = (name.starts_with('#'), name.trim_start_matches('#'));
        let mut after = &from[end + 1..];
        let mut before = before;
        if bare && before.ends_with('"') && after.starts_with('"') {
            before = &before[..before.len() - 1];
            after = &after[1..];
        }
        if !before.is_empty() {
            parts.push(Part::Text(before.into()));
        }
        parts.push(match name {
            "name" => Part::Name,
            "namespace" => Part::Namespace,
            "uid" => Part::Uid,
            "created" => Part::Created,
            "resourceVersion" => Part::Revision,
            _ => Part::Slot(
                slots
                    .iter()
                    .position(|slot| slot == name)
                    .ok_or_else(|| TemplateError::UnknownSlot(name.to_owned()))?,
            ),
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.into()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::{Body, Key};

    #[test]
    fn a_template_and_its_slots_give_the_object() {
        let value = json!({"metadata": {"labels": {"app": "a-${name}"}}, "spec": {"nodeName": "${node}", "n": "${#n}"}});
        let template = Template::new(value, true, &["node", "n"]).unwrap();
        let slots = [Slot::Text("node \"1\"".into()), Slot::Number(7)];
        let object = Object {
            key: Key::new("shop", "cart"),
            revision: 12,
            created: 0,
            uid: Uid::from_bits(1),
            body: Body::Shared { template: Arc::clone(&template), slots: slots.into() },
        };
        let value = object.value();
        assert_eq!(value["metadata"]["labels"]["app"], "a-cart");
        assert_eq!(value["metadata"]["creationTimestamp"], "1970-01-01T00:00:00Z");
        assert_eq!(value["metadata"]["resourceVersion"], "12");
        assert_eq!(value["spec"], json!({"nodeName": "node \"1\"", "n": 7}));
        assert_eq!(object.field("spec.nodeName"), "node \"1\"");
        assert_eq!(object.labels()["app"], "a-cart");
    }

    #[test]
    fn a_placeholder_that_is_no_slot_is_refused() {
        let error = Template::new(json!({"spec": "${x}"}), true, &[]).unwrap_err();
        assert_eq!(error, TemplateError::UnknownSlot("x".to_owned()));
    }
}
