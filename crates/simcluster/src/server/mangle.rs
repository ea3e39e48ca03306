//! Objects on their way out, as they are or as a fault makes them.

use serde_json::{Value, json};

use super::read::Form;
use crate::faults::{Faults, Mangled};
use crate::object::Object;
use crate::resources::Resource;

/// Whether the object stands in a list or a watch event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Item,
    Event,
}

pub(crate) fn write(
    faults: &Faults,
    place: Place,
    form: Form,
    resource: &Resource,
    object: &Object,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    match place {
        Place::Item => form.write_item(resource, object, out),
        Place::Event => form.write(resource, object, out),
    }
    let mangled = faults.mangles(object);
    if mangled == Mangled::No {
        return;
    }
    let Ok(mut written) = serde_json::from_slice::<Value>(&out[start..]) else { return };
    let value = match form {
        Form::Table(_) if place == Place::Item => &mut written["object"],
        Form::Table(_) => &mut written["rows"][0]["object"],
        _ => &mut written,
    };
    match mangled {
        Mangled::No => {}
        Mangled::Malformed => {
            value["metadata"]["labels"] = json!("this is no map");
            value["metadata"]["creationTimestamp"] = json!(7);
        }
        Mangled::Oversized => {
            if !value["metadata"]["annotations"].is_object() {
                value["metadata"]["annotations"] = json!({});
            }
            value["metadata"]["annotations"]["simulator/padding"] = json!("x".repeat(faults.oversized_bytes));
        }
    }
    out.truncate(start);
    out.extend_from_slice(written.to_string().as_bytes());
}
