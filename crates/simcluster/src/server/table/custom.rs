//! The columns that a definition adds: `additionalPrinterColumns`, or the age alone.

use jiff::Timestamp;
use jsonpath_rust::parser::parse_json_path;
use jsonpath_rust::query::js_path_process;
use serde_json::{Value, json};

use super::age;

/// What the server adds to a definition without columns.
fn age_column() -> Value {
    json!({"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"})
}

fn all(columns: Option<&[Value]>) -> Vec<Value> {
    columns.filter(|columns| !columns.is_empty()).map_or_else(|| vec![age_column()], <[Value]>::to_vec)
}

/// `name` is the column of the name, as every kind has it.
pub(super) fn columns(name: &Value, columns: Option<&[Value]>) -> Value {
    let mut out = vec![name.clone()];
    for column in all(columns) {
        let text = |key: &str| column[key].as_str().unwrap_or_default();
        let description = match text("description") {
            "" if columns.is_none_or(<[Value]>::is_empty) => {
                name_of_age().unwrap_or_else(|| text("description").to_owned())
            }
            "" => format!("Custom resource definition column (in JSONPath format): {}", text("jsonPath")),
            given => given.to_owned(),
        };
        out.push(json!({
            "name": text("name"), "type": text("type"), "format": text("format"), "description": description,
            "priority": column["priority"].as_i64().unwrap_or(0),
        }));
    }
    json!(out)
}

/// The column that the server makes by itself is described by the field's documentation.
fn name_of_age() -> Option<String> {
    let columns = super::COLUMNS.get("namespaces")?.as_array()?;
    columns.iter().find(|c| c["name"] == "Age")?["description"].as_str().map(str::to_owned)
}

pub(super) fn cells(value: &Value, columns: Option<&[Value]>, now: Timestamp) -> Vec<Value> {
    let mut out = vec![value["metadata"]["name"].clone()];
    out.extend(all(columns).iter().map(|column| {
        let path = column["jsonPath"].as_str().unwrap_or_default();
        first(value, path)
            .map_or(Value::Null, |found| cell(column["type"].as_str().unwrap_or_default(), found, now))
    }));
    out
}

/// The first value at a path; a path that can't be read finds nothing.
fn first<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let query = parse_json_path(&standard(path)).ok()?;
    js_path_process(&query, value).ok()?.into_iter().next().map(|found| found.val())
}

/// Kubernetes' paths begin without `$` and escape dots within names; RFC 9535 quotes such names.
fn standard(path: &str) -> String {
    let path = path.trim_start_matches('$');
    let mut out = "$".to_owned();
    let mut name = String::new();
    let mut letters = path.chars().peekable();
    let flush = |name: &mut String, out: &mut String| {
        if !name.is_empty() {
            out.push_str(&format!("['{}']", name.replace('\'', "\\'")));
            name.clear();
        }
    };
    let mut depth = 0_usize;
    while let Some(letter) = letters.next() {
        match letter {
            '[' | ']' if depth > 0 || letter == '[' => {
                if depth == 0 {
                    flush(&mut name, &mut out);
                }
                depth = if letter == '[' { depth + 1 } else { depth - 1 };
                out.push(letter);
            }
            _ if depth > 0 => out.push(letter),
            '\\' => name.extend(letters.next()),
            '.' => {
                flush(&mut name, &mut out);
                if letters.peek() == Some(&'.') {
                    letters.next();
                    out.push_str("..");
                }
            }
            '*' => out.push_str("[*]"),
            letter => name.push(letter),
        }
    }
    flush(&mut name, &mut out);
    out
}

fn cell(kind: &str, value: &Value, now: Timestamp) -> Value {
    match kind {
        "string" => match value {
            Value::String(_) => value.clone(),
            Value::Null => json!("<nil>"),
            other => json!(other.to_string()),
        },
        #[expect(clippy::cast_possible_truncation, reason = "as the server cuts it")]
        "integer" => value.as_i64().or_else(|| value.as_f64().map(|n| n as i64)).into(),
        "number" if value.is_number() => value.clone(),
        "boolean" if value.is_boolean() => value.clone(),
        "date" => match value.as_str() {
            Some("") | None => Value::Null,
            Some(text) if text.parse::<Timestamp>().is_err() => json!("<invalid>"),
            Some(_) => json!(age::since(value, now)),
        },
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_as_definitions_write_them_are_found() {
        let value = json!({
            "metadata": {"labels": {"app.kubernetes.io/name": "shop"}},
            "spec": {"hosts": ["a", "b"]},
            "status": {"conditions": [{"type": "Synced", "status": "False"}, {"type": "Ready", "status": "True"}]},
        });
        for (path, found) in [
            (".metadata.labels.app\\.kubernetes\\.io/name", json!("shop")),
            (".metadata.labels['app.kubernetes.io/name']", json!("shop")),
            (".spec.hosts[1]", json!("b")),
            (".spec.hosts[*]", json!("a")),
            (".status.conditions[?(@.type==\"Ready\")].status", json!("True")),
            (".status.conditions[?(@.type=='Ready')].status", json!("True")),
        ] {
            assert_eq!(first(&value, path), Some(&found), "{path}");
        }
        assert_eq!(first(&value, ".spec.nothing.here"), None);
        assert_eq!(first(&value, ".spec[?("), None);
    }
}
