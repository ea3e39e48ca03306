//! Values that differ between any two servers: each becomes the place of its first appearance in the script, so that
//! the same uid stays the same uid, and a version that should have changed still shows.

use std::collections::HashMap;

use serde_json::Value;

const LIST_VERSION: &str = "<list version>";

#[derive(Default)]
pub struct Names {
    seen: HashMap<(&'static str, String), usize>,
}

fn is_time(text: &str) -> bool {
    text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[4] == b'-' && text.as_bytes()[10] == b'T'
}

/// `7 (3m ago)` and `12s` with their ages taken out, if there are any.
fn without_age(cell: &str) -> Option<String> {
    let is_age = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_digit())
            && text.ends_with(['s', 'm', 'h', 'd', 'y'])
            && text.chars().all(|c| c.is_ascii_digit() || "smhdy".contains(c))
    };
    if is_age(cell) {
        return Some("<age>".to_owned());
    }
    let (before, after) = cell.split_once(" (")?;
    after.strip_suffix(" ago)").filter(|age| is_age(age))?;
    Some(format!("{before} (<age> ago)"))
}

fn is_uid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(index, byte)| match index {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

impl Names {
    fn place(&mut self, kind: &'static str, text: &str) -> Value {
        let next = self.seen.keys().filter(|(of, _)| *of == kind).count();
        let place = *self.seen.entry((kind, text.to_owned())).or_insert(next);
        Value::String(format!("<{kind} {place}>"))
    }

    pub fn normalise(&mut self, mut answer: Value) -> Value {
        self.walk(&mut answer, "");
        answer
    }

    fn walk(&mut self, value: &mut Value, key: &str) {
        match value {
            Value::Object(map) => {
                let list = map.contains_key("items") || map.get("kind").is_some_and(|kind| kind == "Table");
                let version =
                    map.get_mut("metadata").and_then(|metadata| metadata.get_mut("resourceVersion"));
                if list && let Some(version) = version {
                    // Other things happen on a real server between two requests.
                    *version = LIST_VERSION.into();
                }
                let mark =
                    map.get("annotations").is_some_and(|a| a.get("k8s.io/initial-events-end").is_some());
                if mark {
                    map.insert("resourceVersion".to_owned(), LIST_VERSION.into());
                }
                // Annotations that hold JSON are compared as JSON: Go and we order its keys differently.
                if key == "annotations" {
                    for value in map.values_mut() {
                        let text = value.as_str().filter(|text| text.starts_with(['{', '[']));
                        if let Some(json) = text.and_then(|text| serde_json::from_str(text).ok()) {
                            *value = json;
                        }
                    }
                }
                let generated = map.get("generateName").is_some();
                // In an order of their own, so that places agree whatever order the two write in.
                let mut keys: Vec<String> = map.keys().cloned().collect();
                keys.sort();
                for key in keys {
                    if generated && key == "name" {
                        map.insert(key, "<generated>".into());
                    } else if let Some(value) = map.get_mut(&key) {
                        self.walk(value, &key);
                    }
                }
            }
            // Ages count on between the two.
            Value::Array(cells) if key == "cells" => {
                for cell in cells {
                    if let Some(text) = cell.as_str().and_then(without_age) {
                        *cell = text.into();
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.walk(item, key)),
            Value::String(text) => {
                let kind = match key {
                    "resourceVersion" if text == LIST_VERSION => return,
                    "resourceVersion" => "version",
                    "uid" if !text.is_empty() => "uid",
                    "continue" => {
                        *value = "<continue>".into();
                        return;
                    }
                    _ if is_time(text) => {
                        *value = "<time>".into();
                        return;
                    }
                    _ if is_uid(text) => "uid",
                    "message" => {
                        *value = Value::String(self.message(text));
                        return;
                    }
                    _ => return,
                };
                *value = self.place(kind, text);
            }
            _ => {}
        }
    }

    /// Uids and versions within a message.
    fn message(&mut self, text: &str) -> String {
        let words: Vec<String> = text
            .split(' ')
            .map(|word| {
                let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
                if is_uid(bare) {
                    let place = self.place("uid", bare);
                    return word.replace(bare, place.as_str().unwrap_or_default());
                }
                if bare.len() > 1 && bare.bytes().all(|b| b.is_ascii_digit()) && text.contains("ersion") {
                    return word.replace(bare, "<number>");
                }
                if is_time(bare) {
                    return word.replace(bare, "<time>");
                }
                word.to_owned()
            })
            .collect();
        words.join(" ")
    }
}
