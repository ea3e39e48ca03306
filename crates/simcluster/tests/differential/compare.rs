//! What differs between two answers.

use std::fmt;

use serde_json::Value;

#[derive(Debug)]
pub struct Difference {
    /// Such as `body.spec.containers[0].image`.
    pub at: String,
    pub real: Option<Value>,
    pub simulated: Option<Value>,
}

fn shown(value: Option<&Value>) -> String {
    value.map_or("(nothing)".to_owned(), |value| value.to_string().chars().take(600).collect())
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (real, simulated) = (shown(self.real.as_ref()), shown(self.simulated.as_ref()));
        write!(formatter, "{}\n        real:      {real}\n        simulated: {simulated}", self.at)
    }
}

pub fn compare(real: &Value, simulated: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    walk("", real, simulated, &mut found);
    found
}

fn walk(at: &str, real: &Value, simulated: &Value, found: &mut Vec<Difference>) {
    match (real, simulated) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: std::collections::BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for key in keys {
                let at = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                match (left.get(key), right.get(key)) {
                    (Some(left), Some(right)) => walk(&at, left, right, found),
                    (left, right) => {
                        found.push(Difference { at, real: left.cloned(), simulated: right.cloned() });
                    }
                }
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                walk(&format!("{at}[{index}]"), left, right, found);
            }
        }
        (left, right) if left != right => {
            found.push(Difference {
                at: at.to_owned(),
                real: Some(left.clone()),
                simulated: Some(right.clone()),
            });
        }
        _ => {}
    }
}
