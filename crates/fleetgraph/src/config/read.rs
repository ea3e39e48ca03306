//! From a document to typed values, with every fault of type reported in one run.
//!
//! serde stops at the first value that doesn't fit. So a value that doesn't fit is reported, taken out (its default stands
//! in) and the reading begins again, until the rest fits.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::Segment;

use super::{
    document::{Document, Step},
    problem::Problem,
};

/// More faults than anyone mends in one go; bounds the work on a hostile file.
const MOST_FAULTS: usize = 100;

/// Reads a value of which every key has a default.
pub fn read<T: DeserializeOwned + Default>(document: &mut Document, problems: &mut Vec<Problem>) -> T {
    for _ in 0..MOST_FAULTS {
        let value = match document.root.to_value() {
            Value::Null => Value::Object(serde_json::Map::new()),
            value => value,
        };
        let error = match serde_path_to_error::deserialize(value) {
            Ok(read) => return read,
            Err(error) => error,
        };
        let mut path = steps(error.path());
        problems.push(document.problem(&path, explain(&error.into_inner().to_string())));
        // An element can't be left out of its list without renumbering the others: the whole list goes.
        while matches!(path.last(), Some(Step::Index(_))) {
            path.pop();
        }
        if !document.root.clear(&path) {
            break;
        }
    }
    T::default()
}

fn steps(path: &serde_path_to_error::Path) -> Vec<Step> {
    path.iter()
        .map_while(|segment| match segment {
            Segment::Seq { index } => Some(Step::Index(*index)),
            Segment::Map { key } => Some(Step::Key(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

/// serde's message in the words of a configuration file.
fn explain(message: &str) -> String {
    let (found, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    let expected = match expected {
        "" if found.contains("socket address") => {
            return format!("{found}; write ADDRESS:PORT, such as 127.0.0.1:8080");
        }
        "" => return found.to_owned(),
        "a string" | "path string" => "text; put it in quotes",
        "a duration" => "a duration, such as \"30s\", \"5m\" or \"1h 30m\"",
        "a sequence" => "a list, one \"- value\" a line",
        "f32" | "f64" => "a number",
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, zero or more",
        "a boolean" => "true or false",
        other => other,
    };
    format!("{found}, expected {expected}")
}
