//! Takes what paths name out of an object's text. Everything else stays as it stands, byte for byte.

use std::{collections::BTreeSet, sync::Arc};

use fleetgraph_core::Timestamp;
use serde_json::value::RawValue;

use super::{
    FieldPath, PLACEHOLDER,
    copies::is_copy,
    path::{Segment, escaped},
};
use crate::raw::{Fields, push_key};

/// Lists within lists that a path is followed through. What lies deeper is masked whole.
const MAX_LISTS: usize = 32;

/// What becomes of a masked value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A text becomes [`PLACEHOLDER`], a time null, and anything else what its type begins with: 0, false, `{}`, `[]`. That is
    /// what API servers write where there is no value, so that almost every field can be it.
    Replaced,
    /// It is left out, with its key. For what follows from an object, where it can't be that.
    LeftOut,
    /// Nothing but the metadata is left of the object, without annotations. For an object that has to have what is masked.
    Bare,
}

/// A masked object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Masked {
    pub text: String,
    /// Those of the paths that named something, in order; and annotations that hold copies of the object.
    pub fields: Vec<Arc<str>>,
}

/// Masks an object; `None` if the paths name nothing in it. Copies of the object in its annotations are masked too.
///
/// # Errors
/// When the text is no object.
pub(crate) fn mask(
    object: &str,
    paths: &BTreeSet<&FieldPath>,
    way: Way,
) -> Result<Option<Masked>, serde_json::Error> {
    let copies = FieldPath::copies();
    let active: Vec<Active<'_>> =
        paths.iter().copied().chain([&copies]).map(|path| Active { path, rest: path.segments() }).collect();
    let mut masker = Masker { way, out: String::with_capacity(object.len()), fields: BTreeSet::new() };
    masker.object(object, &active, 0)?;
    if masker.fields.is_empty() {
        return Ok(None);
    }
    if way == Way::Bare {
        return bare(object, masker.fields).map(Some);
    }
    Ok(Some(Masked { text: masker.out, fields: masker.fields.into_iter().collect() }))
}

/// A path, and what of it is yet to come.
#[derive(Clone, Copy)]
struct Active<'p> {
    path: &'p FieldPath,
    rest: &'p [Segment],
}

struct Masker {
    way: Way,
    out: String,
    fields: BTreeSet<Arc<str>>,
}

impl Masker {
    /// Writes a value that paths lead into, or end at. `false` if it is left out.
    fn value(&mut self, value: &str, active: &[Active<'_>], lists: usize) -> Result<bool, serde_json::Error> {
        let ends = active.iter().any(|active| active.rest.is_empty());
        if ends || lists > MAX_LISTS {
            if says_nothing(value) {
                self.out.push_str(value);
                return Ok(true);
            }
            let named = active.iter().filter(|active| active.rest.is_empty() || !ends);
            self.fields.extend(named.map(|active| Arc::clone(active.path.text())));
            if self.way == Way::LeftOut {
                return Ok(false);
            }
            self.replace(value);
            return Ok(true);
        }
        match value.as_bytes().first() {
            Some(b'{') => self.object(value, active, lists)?,
            Some(b'[') => self.list(value, active, lists)?,
            // A path that goes on names nothing here.
            _ => self.out.push_str(value),
        }
        Ok(true)
    }

    fn object(&mut self, object: &str, active: &[Active<'_>], lists: usize) -> Result<(), serde_json::Error> {
        let Fields(fields) = serde_json::from_str(object)?;
        let start = self.out.len();
        for (key, value) in &fields {
            let before = self.out.len();
            push_key(&mut self.out, key);
            let value = value.get();
            let (further, copies): (Vec<_>, Vec<_>) =
                active.iter().filter_map(|active| active.into_key(key, value)).partition(|(_, copy)| !copy);
            let further: Vec<Active<'_>> = further.into_iter().map(|(active, _)| active).collect();
            let kept = if !copies.is_empty() && !says_nothing(value) {
                self.fields.insert(format!("metadata.annotations.{}", escaped(key)).into());
                self.way != Way::LeftOut && {
                    self.replace(value);
                    true
                }
            } else if further.is_empty() {
                self.out.push_str(value);
                true
            } else {
                self.value(value, &further, lists)?
            };
            if !kept {
                self.out.truncate(before);
            }
        }
        self.close(start, '{', '}');
        Ok(())
    }

    fn list(&mut self, list: &str, active: &[Active<'_>], lists: usize) -> Result<(), serde_json::Error> {
        let items: Vec<&RawValue> = serde_json::from_str(list)?;
        let further: Vec<Active<'_>> = active.iter().copied().map(Active::into_item).collect();
        let start = self.out.len();
        for item in items {
            let before = self.out.len();
            self.out.push(',');
            if !self.value(item.get(), &further, lists + 1)? {
                self.out.truncate(before);
            }
        }
        self.close(start, '[', ']');
        Ok(())
    }

    /// Puts the brackets around members that each have a comma before them.
    fn close(&mut self, start: usize, open: char, close: char) {
        let mut bracket = [0; 4];
        let bracket = &*open.encode_utf8(&mut bracket);
        if self.out.len() == start {
            self.out.push_str(bracket);
        } else {
            self.out.replace_range(start..=start, bracket);
        }
        self.out.push(close);
    }

    fn replace(&mut self, value: &str) {
        match value.as_bytes() {
            [b'"', b'0'..=b'9', ..] if serde_json::from_str::<Timestamp>(value).is_ok() => {
                self.out.push_str("null");
            }
            [b'"', ..] => {
                self.out.push('"');
                self.out.push_str(PLACEHOLDER);
                self.out.push('"');
            }
            [b'{', ..] => self.out.push_str("{}"),
            [b'[', ..] => self.out.push_str("[]"),
            [b't' | b'f', ..] => self.out.push_str("false"),
            _ => self.out.push('0'),
        }
    }
}

impl<'p> Active<'p> {
    /// The path below a key, if it leads there; and whether it does because the value is a copy.
    fn into_key(self, key: &str, value: &str) -> Option<(Self, bool)> {
        let (first, rest) = self.rest.split_first()?;
        let (leads, copy) = match first {
            Segment::Key(name) => (name == key, false),
            Segment::Each => (true, false),
            Segment::Copy => (is_copy(key, value), true),
        };
        leads.then_some((Self { path: self.path, rest }, copy))
    }

    /// The path below each item of a list: `*` names the items, and a key is looked for in each.
    fn into_item(self) -> Self {
        match self.rest.split_first() {
            Some((Segment::Each, rest)) => Self { path: self.path, rest },
            _ => self,
        }
    }
}

/// Whether a value has nothing to mask.
fn says_nothing(value: &str) -> bool {
    match value.as_bytes() {
        b"null" => true,
        [b'{', within @ .., b'}'] | [b'[', within @ .., b']'] => within.iter().all(u8::is_ascii_whitespace),
        _ => false,
    }
}

/// Metadata without annotations. What else there was is said to be masked.
fn bare(object: &str, mut masked: BTreeSet<Arc<str>>) -> Result<Masked, serde_json::Error> {
    let text = metadata_only(object, &mut |left_out| {
        masked.insert(left_out.into());
    })?;
    Ok(Masked { text, fields: masked.into_iter().collect() })
}

/// What of an object remains where nothing but its metadata is shown, without annotations; tells what was left out.
///
/// # Errors
/// When the text is no object.
pub fn metadata_only(object: &str, left_out: &mut dyn FnMut(String)) -> Result<String, serde_json::Error> {
    let Fields(fields) = serde_json::from_str(object)?;
    let mut text = String::new();
    for (key, value) in &fields {
        match &**key {
            "apiVersion" | "kind" => {
                push_key(&mut text, key);
                text.push_str(value.get());
            }
            "metadata" => {
                let Fields(metadata) = serde_json::from_str(value.get())?;
                let mut kept = String::new();
                for (key, value) in metadata {
                    if key == "annotations" {
                        left_out("metadata.annotations".to_owned());
                        continue;
                    }
                    push_key(&mut kept, &key);
                    kept.push_str(value.get());
                }
                push_key(&mut text, key);
                text.push_str(&bracketed(&kept));
            }
            key => left_out(escaped(key)),
        }
    }
    Ok(bracketed(&text))
}

fn bracketed(members: &str) -> String {
    format!("{{{}}}", members.strip_prefix(',').unwrap_or(members))
}

#[cfg(test)]
mod tests;
