//! One object as the store holds it: small where it is equal to others, whole text where it is not.
//!
//! ```text
//!   Object { key, revision, created, uid, body }
//!                                          ├─ Shared { template ──▶ text in parts, once for thousands; slots: what differs }
//!                                          └─ Own(text)              after a change of its own
//! ```
//!
//! Text is JSON without `kind` and `apiVersion`, which depend on the version that it is asked for in, and `metadata`
//! holds the resourceVersion. Labels and fields for selectors are read from the template or from the text; nothing
//! parsed is kept.

mod key;
mod read;
mod template;

use std::sync::Arc;

use serde_json::Value;

pub use key::{Key, intern};
pub use template::{Slot, Template, TemplateError};

/// A uid, as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Uid(pub [u8; 16]);

impl std::fmt::Display for Uid {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                formatter.write_str("-")?;
            }
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl Uid {
    /// 128 bits as a version 4 UUID.
    pub fn from_bits(bits: u128) -> Self {
        let mut bytes = bits.to_be_bytes();
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        Self(bytes)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        (digits.len() == 32).then_some(())?;
        u128::from_str_radix(&digits, 16).ok().map(|bits| Self(bits.to_be_bytes()))
    }
}

#[derive(Debug)]
pub struct Object {
    pub key: Key,
    pub revision: u64,
    /// Unix seconds.
    pub created: i64,
    pub uid: Uid,
    pub(crate) body: Body,
}

#[derive(Debug, Clone)]
pub(crate) enum Body {
    Shared {
        template: Arc<Template>,
        slots: Box<[Slot]>,
    },
    /// Begins with [`OPENING`]; the resourceVersion is put in there when it is written.
    Own(Arc<str>),
}

const OPENING: &str = r#"{"metadata":{"#;

impl Object {
    /// The text without `kind` and `apiVersion`, appended to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match &self.body {
            Body::Own(text) => {
                let rest = text.strip_prefix(OPENING).unwrap_or_default();
                out.extend_from_slice(OPENING.as_bytes());
                self.write_revision(out);
                out.extend_from_slice(rest.as_bytes());
            }
            Body::Shared { template, slots } => template.write(self, slots, out),
        }
    }

    /// The text with `kind` and `apiVersion` before all else.
    pub fn write_typed(&self, kind: &str, api_version: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(format!(r#"{{"kind":"{kind}","apiVersion":"{api_version}","#).as_bytes());
        let brace = out.len();
        self.write(out);
        // The text's own opening brace.
        out.remove(brace);
    }

    /// The metadata alone, as a JSON object.
    pub fn write_metadata(&self, out: &mut Vec<u8>) {
        match &self.body {
            Body::Own(text) => {
                let rest = text.strip_prefix(OPENING).unwrap_or_default();
                out.push(b'{');
                self.write_revision(out);
                out.extend_from_slice(&rest.as_bytes()[..end_of_object(rest.as_bytes())]);
            }
            Body::Shared { template, slots } => template.write_metadata(self, slots, out),
        }
    }

    /// What was only tried has no revision.
    fn write_revision(&self, out: &mut Vec<u8>) {
        if self.revision > 0 {
            out.extend_from_slice(format!("\"resourceVersion\":\"{}\",", self.revision).as_bytes());
        }
    }

    /// The same object at another revision.
    pub(crate) fn at_revision(&self, revision: u64) -> Self {
        Self {
            key: self.key.clone(),
            revision,
            created: self.created,
            uid: self.uid,
            body: self.body.clone(),
        }
    }

    pub(crate) fn with_body(&self, body: Body) -> Self {
        Self { key: self.key.clone(), revision: self.revision, created: self.created, uid: self.uid, body }
    }

    /// Keeps the text of `value`, whose metadata has at least a name.
    pub(crate) fn own(mut value: Value) -> Body {
        let mut metadata = value.get_mut("metadata").map(Value::take).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            for key in ["metadata", "kind", "apiVersion"] {
                object.remove(key);
            }
        }
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.remove("resourceVersion");
        }
        let rest = value.to_string();
        let metadata = metadata.to_string();
        Body::Own(match rest.as_str() {
            "{}" => format!(r#"{{"metadata":{metadata}}}"#).into(),
            rest => format!(r#"{{"metadata":{metadata},{}"#, &rest[1..]).into(),
        })
    }

    /// Without `kind` and `apiVersion`.
    pub fn value(&self) -> Value {
        let mut text = Vec::new();
        self.write(&mut text);
        serde_json::from_slice(&text).unwrap_or(Value::Null)
    }
}

/// Where the object ends whose opening brace stands before `text`: just after its closing brace.
fn end_of_object(text: &[u8]) -> usize {
    let (mut depth, mut quoted, mut escaped) = (1_usize, false, false);
    for (index, byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' if !quoted => depth += 1,
            b'}' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}
