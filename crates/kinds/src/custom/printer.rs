//! The columns that `kubectl get` prints for a custom resource.

use async_graphql::SimpleObject;
use fleetgraph_core::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Path;
use crate::text::List;

/// A column that `kubectl get` prints.
#[derive(SimpleObject, Debug, PartialEq, Eq)]
pub struct PrinterColumn {
    name: String,
    /// `string`, `integer`, `number`, `boolean` or `date`.
    #[graphql(name = "type")]
    kind: String,
    description: Option<String>,
    /// Columns above 0 are printed with `-o wide` only.
    priority: i32,
    /// As kubectl prints it, except that a date is the time itself, not an age; null where there is nothing.
    value: Option<String>,
}

#[derive(Deserialize)]
struct Definition {
    spec: Spec,
}

#[derive(Deserialize)]
struct Spec {
    versions: List<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    name: String,
    #[serde(default)]
    additional_printer_columns: List<Column>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Column {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    priority: i32,
    json_path: String,
}

impl PrinterColumn {
    /// The columns of an object by its definition's text. A version without columns has kubectl's own one, the age.
    pub fn of(definition: &str, version: &str, object: &Value) -> Result<Vec<Self>, serde_json::Error> {
        let definition: Definition = serde_json::from_str(definition)?;
        let version = definition.spec.versions.into_iter().find(|known| known.name == version);
        let mut columns = version.map(|version| version.additional_printer_columns.0).unwrap_or_default();
        if columns.is_empty() {
            columns.push(Column {
                name: "Age".to_owned(),
                kind: "date".to_owned(),
                description: None,
                priority: 0,
                json_path: ".metadata.creationTimestamp".to_owned(),
            });
        }
        Ok(columns.into_iter().map(|column| Self::new(column, object)).collect())
    }

    fn new(column: Column, object: &Value) -> Self {
        let value = Path::parse(&column.json_path)
            .ok()
            .and_then(|path| path.values(object).first().and_then(|value| printed(value, &column.kind)));
        let Column { name, kind, description, priority, .. } = column;
        Self { name, kind, description, priority, value }
    }
}

/// After apiextensions' table convertor: the first value, if it is of the column's type.
fn printed(value: &Value, kind: &str) -> Option<String> {
    match (kind, value) {
        (_, Value::Null) => None,
        ("integer", Value::Number(number)) => {
            number.as_i64().or_else(|| number.as_f64().map(|float| float as i64)).map(|n| n.to_string())
        }
        ("number", Value::Number(number)) => Some(number.to_string()),
        ("boolean", Value::Bool(truth)) => Some(truth.to_string()),
        ("date", Value::String(text)) => text.parse::<Timestamp>().ok().map(|time| time.to_string()),
        ("integer" | "number" | "boolean" | "date", _) => None,
        (_, Value::String(text)) => Some(text.clone()),
        (_, other) => Some(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn columns_hold_the_first_value_of_their_path_if_its_type_fits() {
        let definition = json!({"spec": {"versions": [{"name": "v1", "additionalPrinterColumns": [
            {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
            {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
            {"name": "Wrong", "type": "integer", "jsonPath": ".spec.name"},
            {"name": "Missing", "type": "string", "jsonPath": ".spec.nothing"},
            {"name": "Hosts", "type": "string", "jsonPath": ".spec.hosts", "priority": 1},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]}]}});
        let object = json!({
            "metadata": {"creationTimestamp": "2026-11-21T04:08:52Z"},
            "spec": {"replicas": 3, "name": "x", "hosts": ["a", "b"]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        let columns = PrinterColumn::of(&definition.to_string(), "v1", &object).unwrap();
        let values: Vec<_> = columns.iter().map(|c| (c.name.as_str(), c.value.as_deref())).collect();
        assert_eq!(
            values,
            [
                ("Ready", Some("True")),
                ("Replicas", Some("3")),
                ("Wrong", None),
                ("Missing", None),
                ("Hosts", Some(r#"["a","b"]"#)),
                ("Age", Some("2026-11-21T04:08:52Z")),
            ]
        );
        assert_eq!(columns[4].priority, 1);
    }

    #[test]
    fn a_version_without_columns_has_the_age() {
        let definition = json!({"spec": {"versions": [{"name": "v1"}]}}).to_string();
        let columns = PrinterColumn::of(&definition, "v1", &json!({})).unwrap();
        assert_eq!(columns[0].name, "Age");
        assert_eq!(columns[0].value, None);
    }
}
