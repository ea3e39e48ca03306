//! One form for all objects that differ in a few values only: what the server would have made of it, as a shared
//! template. A thousand clusters that run the same application hold its text once.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cluster::settled;
use crate::object::{Slot, Template};
use crate::resources::Resource;

/// Numbers in a template stand for themselves while the server's rules go over it.
const NUMBERS: i64 = 1_900_000_000;

/// A template and the order of its slots.
#[derive(Debug)]
pub(super) struct Form {
    template: Arc<Template>,
    slots: Vec<String>,
}

impl Form {
    /// `value` has placeholders as [`Template`] wants them; those that are no slots need not be named.
    fn new(resource: &Resource, mut value: Value) -> Result<Self, String> {
        let mut slots = Vec::new();
        number(&mut value, &mut slots);
        value["metadata"]["name"] = json!("${name}");
        let mut settled = settled(resource, value).map_err(|error| error.to_string())?;
        restore(&mut settled, &slots);
        let names: Vec<&str> = slots.iter().map(String::as_str).collect();
        let template =
            Template::new(settled, resource.namespaced, &names).map_err(|error| error.to_string())?;
        Ok(Self { template, slots })
    }

    pub fn template(&self) -> &Arc<Template> {
        &self.template
    }

    /// The given values in the template's order; a missing one is an empty text, which the tests of the world find.
    pub fn order(&self, given: &[(&str, Slot)]) -> Box<[Slot]> {
        let find = |name: &String| given.iter().find(|(key, _)| key == name).map(|(_, slot)| slot.clone());
        self.slots.iter().map(|name| find(name).unwrap_or_else(|| Slot::Text("".into()))).collect()
    }
}

/// Forms by what they are of.
#[derive(Default)]
pub(super) struct Forms {
    known: HashMap<String, Arc<Form>>,
    /// Forms that the server's rules refuse: a fault of this module.
    pub faults: Vec<String>,
}

impl Forms {
    pub fn get(
        &mut self,
        resource: &Resource,
        key: &str,
        build: impl FnOnce() -> Value,
    ) -> Option<Arc<Form>> {
        let key = format!("{}/{key}", resource.storage);
        if let Some(form) = self.known.get(&key) {
            return Some(Arc::clone(form));
        }
        match Form::new(resource, build()) {
            Ok(form) => {
                let form = Arc::new(form);
                self.known.insert(key, Arc::clone(&form));
                Some(form)
            }
            Err(error) => {
                tracing::error!(%key, %error, "a form of the world is refused");
                self.faults.push(format!("{key}: {error}"));
                None
            }
        }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }
}

/// Finds the slots, and puts numbers in the places of `${#…}`, whose types are checked.
fn number(value: &mut Value, slots: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let mut rest = text.as_str();
            let mut number = None;
            while let Some(start) = rest.find("${") {
                let Some(end) = rest[start..].find('}') else { break };
                let name = &rest[start + 2..start + end];
                rest = &rest[start + end + 1..];
                let bare = name.trim_start_matches('#');
                if ["name", "namespace", "uid", "created", "resourceVersion"].contains(&bare) {
                    continue;
                }
                let at = slots.iter().position(|slot| slot == bare).unwrap_or_else(|| {
                    slots.push(bare.to_owned());
                    slots.len() - 1
                });
                if name.starts_with('#') {
                    number = i64::try_from(at).ok();
                }
            }
            if let Some(at) = number {
                *value = json!(NUMBERS + at);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| number(item, slots)),
        Value::Object(map) => map.values_mut().for_each(|item| number(item, slots)),
        _ => {}
    }
}

fn restore(value: &mut Value, slots: &[String]) {
    match value {
        Value::Number(number) => {
            let slot = number.as_i64().and_then(|n| usize::try_from(n - NUMBERS).ok());
            if let Some(slot) = slot.and_then(|at| slots.get(at)) {
                *value = json!(format!("${{#{slot}}}"));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| restore(item, slots)),
        Value::Object(map) => map.values_mut().for_each(|item| restore(item, slots)),
        _ => {}
    }
}
