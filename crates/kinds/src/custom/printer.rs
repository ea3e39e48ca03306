//! The columns that `kubectl get` prints for a custom resource.

use async_graphql::SimpleObject;
use fleetgraph_core::Timestamp;
use serde_json::Value;

use super::Path;
use crate::custom_resource_definition::CustomResourcePrinterColumn;

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

/// What is printed of the objects of each version of a kind. Its paths are read once, with the definition.
pub struct Printers(Box<[(String, Box<[Column]>)]>);

struct Column {
    name: String,
    kind: String,
    description: Option<String>,
    priority: i32,
    /// `None` where the definition's path can't be read: its values are null.
    path: Option<Path>,
}

impl Printers {
    /// By the columns that each version declares. A version without any has kubectl's own one, the age.
    pub fn new(versions: impl IntoIterator<Item = (String, Vec<CustomResourcePrinterColumn>)>) -> Self {
        let read = |(version, mut columns): (String, Vec<CustomResourcePrinterColumn>)| {
            if columns.is_empty() {
                columns.push(CustomResourcePrinterColumn {
                    name: "Age".to_owned(),
                    kind: "date".to_owned(),
                    json_path: ".metadata.creationTimestamp".to_owned(),
                    ..CustomResourcePrinterColumn::default()
                });
            }
            (version, columns.into_iter().map(Column::new).collect())
        };
        Self(versions.into_iter().map(read).collect())
    }

    /// The columns of an object of a version.
    pub fn print(&self, version: &str, object: &Value) -> Vec<PrinterColumn> {
        let columns = self.0.iter().find(|(known, _)| known == version);
        columns.map_or_else(Vec::new, |(_, columns)| columns.iter().map(|c| c.print(object)).collect())
    }
}

impl Column {
    fn new(column: CustomResourcePrinterColumn) -> Self {
        let CustomResourcePrinterColumn { name, kind, description, priority, json_path, .. } = column;
        Self { name, kind, description, priority, path: Path::parse(&json_path).ok() }
    }

    fn print(&self, object: &Value) -> PrinterColumn {
        let found = self.path.as_ref().map(|path| path.values(object)).unwrap_or_default();
        PrinterColumn {
            name: self.name.clone(),
            kind: self.kind.clone(),
            description: self.description.clone(),
            priority: self.priority,
            value: found.first().and_then(|value| printed(value, &self.kind)),
        }
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
        let declared = json!([
            {"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"},
            {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
            {"name": "Wrong", "type": "integer", "jsonPath": ".spec.name"},
            {"name": "Missing", "type": "string", "jsonPath": ".spec.nothing"},
            {"name": "Hosts", "type": "string", "jsonPath": ".spec.hosts", "priority": 1},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]);
        let object = json!({
            "metadata": {"creationTimestamp": "2026-11-21T04:08:52Z"},
            "spec": {"replicas": 3, "name": "x", "hosts": ["a", "b"]},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        let printers = Printers::new([("v1".to_owned(), serde_json::from_value(declared).unwrap())]);
        assert_eq!(printers.print("v2", &object), []);
        let columns = printers.print("v1", &object);
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
        let columns = Printers::new([("v1".to_owned(), Vec::new())]).print("v1", &json!({}));
        assert_eq!(columns[0].name, "Age");
        assert_eq!(columns[0].value, None);
    }
}
