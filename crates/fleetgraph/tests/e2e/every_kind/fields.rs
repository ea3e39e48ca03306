//! Each typed field against the API's own JSON.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    fixture::{Fixture, Plane, start_with},
    schema::{Kind, Schema, Type},
    table::{DERIVED, Expected, GENERIC, NEVER_SET, Row, rows},
};
use crate::compare;

/// How deep a kind's own fields are looked for: `template.containers.resources.requests.cpu`.
pub const DEPTH: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn every_typed_field_of_every_kind_has_the_value_of_the_apis_json() {
    let bed = start_with("typed", Plane::Bare, "secrets: keys\nlimits: { introspection: true }\n").await;
    let plane = bed.plane("typed");
    let schema = Schema::ask(&bed).await;
    let fixture = Fixture::read();
    fixture.apply(plane).await;
    fixture.write_statuses(plane).await;
    let (mut faults, mut leaf_count, mut values) = (Vec::new(), 0, 0);
    for kind in schema.kinds() {
        let leaves = leaves(&schema, &kind.type_name, "", DEPTH);
        let rows = rows(&kind.type_name);
        let table = Table { schema: &schema, kind: &kind, rows: &rows };
        for leaf in leaves.iter().filter(|leaf| !table.covers(leaf)) {
            faults.push(format!("{}.{leaf} is in no table", kind.type_name));
        }
        for row in rows.iter().filter(|row| !leaves.iter().any(|leaf| is_within(leaf, &row.field))) {
            faults.push(format!("{}.{} is in the table, but not in the schema", kind.type_name, row.field));
        }
        leaf_count += leaves.len();
        let objects = raw_objects(plane, &kind).await;
        let mut set = BTreeSet::new();
        for key in fixture.keys_of(&kind.type_name) {
            let (namespace, name) = key.split_once('/').unwrap();
            let theirs = objects.iter().find(|object| is(object, namespace, name)).unwrap();
            let place = if kind.namespaced { format!("namespace: {namespace:?}, ") } else { String::new() };
            let version = &theirs["metadata"]["resourceVersion"];
            let query = format!(
                r#"{{ {}(cluster: "typed", {place}name: {name:?}) {{ resourceVersion {} }} }}"#,
                kind.one,
                selection(&leaves)
            );
            // What is compared is of one version on both sides.
            bed.until(&query, |data| data[&kind.one]["resourceVersion"] == *version).await;
            let mut data = bed.data(&query).await;
            let ours = data[&kind.one].take();
            for row in &rows {
                let result = table.compare(row, name, &ours, theirs);
                faults.extend(result.err().map(|fault| format!("{} {key}: {fault}", kind.type_name)));
            }
            values += leaves.len();
            set.extend(leaves.iter().filter(|leaf| says_something(&pick(&ours, leaf))).cloned());
        }
        for leaf in leaves.difference(&set) {
            let path = format!("{}.{leaf}", kind.type_name);
            if !NEVER_SET.iter().any(|(field, _)| *field == path) && !table.is_derived(leaf) {
                faults.push(format!("{path} has its default in every object of the fixture"));
            }
        }
        for (path, _) in NEVER_SET {
            if path.strip_prefix(&format!("{}.", kind.type_name)).is_some_and(|leaf| set.contains(leaf)) {
                faults.push(format!("{path} is set after all"));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    eprintln!("{leaf_count} leaf fields, {values} values compared");
}

async fn raw_objects(plane: &testkit::ControlPlane, kind: &Kind) -> Vec<Value> {
    compare::raw(plane, kind.path()).await["items"].as_array().unwrap().clone()
}

fn is(object: &Value, namespace: &str, name: &str) -> bool {
    object["metadata"]["name"] == name && object["metadata"]["namespace"].as_str().unwrap_or("") == namespace
}

/// The paths of the fields that have values of their own: scalars, and those of plain objects within.
pub fn leaves(schema: &Schema, type_name: &str, prefix: &str, depth: usize) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (field, field_type) in &schema.definition(type_name).fields {
        let (path, named) = (format!("{prefix}{field}"), field_type.named());
        if prefix.is_empty() && GENERIC.contains(&field.as_str()) {
            continue;
        }
        if schema.is_leaf(named) {
            found.insert(path);
        } else if !schema.is_relation(named) && depth > 1 {
            found.extend(leaves(schema, named, &format!("{path}."), depth - 1));
        }
    }
    found
}

/// `a { b c }` for `a.b` and `a.c`.
pub fn selection(leaves: &BTreeSet<String>) -> String {
    let mut text = String::new();
    let mut open: Vec<&str> = Vec::new();
    for leaf in leaves {
        let mut steps: Vec<_> = leaf.split('.').collect();
        let last = steps.pop().unwrap();
        let shared = open.iter().zip(&steps).take_while(|(a, b)| a == b).count();
        text.push_str(&"} ".repeat(open.len() - shared));
        open.truncate(shared);
        for step in &steps[shared..] {
            text.push_str(&format!("{step} {{ "));
            open.push(step);
        }
        text.push_str(&format!("{last} "));
    }
    text + &"} ".repeat(open.len())
}

fn is_within(leaf: &str, field: &str) -> bool {
    leaf.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The value at a path; of each element where there is a list.
pub fn pick(value: &Value, path: &str) -> Value {
    match (value, path.split_once('.')) {
        (_, _) if path.is_empty() => value.clone(),
        (Value::Array(items), _) => items.iter().map(|item| pick(item, path)).collect(),
        (_, Some((step, rest))) => pick(&value[step], rest),
        (_, None) => value[path].clone(),
    }
}

/// Whether a value differs from what a field has that was never read.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => items.iter().any(says_something),
        Value::Object(members) => !members.is_empty(),
    }
}

struct Table<'a> {
    schema: &'a Schema,
    kind: &'a Kind,
    rows: &'a [Row],
}

impl Table<'_> {
    fn covers(&self, leaf: &str) -> bool {
        self.is_derived(leaf) || self.rows.iter().any(|row| is_within(leaf, &row.field))
    }

    fn is_derived(&self, leaf: &str) -> bool {
        let path = format!("{}.{leaf}", self.kind.type_name);
        DERIVED.iter().any(|(field, _)| is_within(&path, field))
    }

    fn compare(&self, row: &Row, name: &str, ours: &Value, theirs: &Value) -> Result<(), String> {
        let theirs = match &row.expected {
            Expected::At(path) => pick(theirs, path),
            Expected::Or(path, default) => match pick(theirs, path) {
                Value::Null => default.clone(),
                value => value,
            },
            Expected::By(of) => of(theirs),
            Expected::Of(only, value) if *only == name => value.clone(),
            Expected::Of(..) => return Ok(()),
        };
        let field_type = self.type_at(&row.field);
        self.same(&field_type, &row.field, &pick(ours, &row.field), &theirs)
    }

    /// The type of a path; of a list's elements' field, a list.
    fn type_at(&self, path: &str) -> Type {
        let mut name = self.kind.type_name.clone();
        let mut lists = 0;
        let mut steps = path.split('.').peekable();
        loop {
            let step = steps.next().unwrap();
            let fields = &self.schema.definition(&name).fields;
            let field = fields.get(step).unwrap_or_else(|| panic!("{name} has no field {step} of {path}"));
            if steps.peek().is_none() {
                return (0..lists).fold(field.clone(), |inner, _| Type::List(Box::new(inner)));
            }
            name = field.named().to_owned();
            if matches!(field, Type::List(_))
                || matches!(field, Type::NonNull(of) if matches!(**of, Type::List(_)))
            {
                lists += 1;
            }
        }
    }

    /// Whether two values are the same, by the type of ours. What the API leaves out is null, empty or zero here.
    fn same(&self, of: &Type, path: &str, ours: &Value, theirs: &Value) -> Result<(), String> {
        let differ = || Err(format!("{path} is {ours}, and {theirs} at the API server"));
        match of {
            Type::NonNull(inner) if theirs.is_null() && self.schema.is_leaf(inner.named()) => {
                if says_something(ours) {
                    differ()
                } else {
                    Ok(())
                }
            }
            Type::NonNull(inner) if ours.is_null() => {
                // A part of a null part, picked through it.
                if theirs.is_null() || matches!(**inner, Type::List(_)) && theirs == &Value::Array(Vec::new())
                {
                    Ok(())
                } else {
                    differ()
                }
            }
            Type::NonNull(inner) => self.same(inner, path, ours, theirs),
            Type::List(inner) => {
                let none = Vec::new();
                let (ours_list, theirs_list) =
                    (ours.as_array().unwrap_or(&none), theirs.as_array().unwrap_or(&none));
                if ours_list.len() != theirs_list.len() {
                    return differ();
                }
                let mut pairs = ours_list.iter().zip(theirs_list);
                pairs.try_for_each(|(ours, theirs)| self.same(inner, path, ours, theirs))
            }
            Type::Named(name) if !self.schema.is_leaf(name) => {
                let Value::Object(members) = ours else {
                    return if theirs.is_null() { Ok(()) } else { differ() };
                };
                let own_row = |path: &str| self.rows.iter().any(|row| row.field == path);
                for (field, ours) in members {
                    let path = format!("{path}.{field}");
                    if !own_row(&path) {
                        let field_type = &self.schema.definition(name).fields[field];
                        self.same(field_type, &path, ours, &theirs[field])?;
                    }
                }
                Ok(())
            }
            Type::Named(name) => {
                if same_leaf(self.schema, name, ours, theirs) {
                    Ok(())
                } else {
                    differ()
                }
            }
        }
    }
}

fn same_leaf(schema: &Schema, name: &str, ours: &Value, theirs: &Value) -> bool {
    if ours.is_null() || theirs.is_null() {
        return !says_something(ours)
            && !says_something(theirs)
            && (!ours.is_null() || theirs.as_str().is_none_or(str::is_empty));
    }
    if schema.definition(name).kind == "ENUM" {
        return theirs.as_str().is_some_and(|text| *ours == screaming(text).as_str());
    }
    match (ours, theirs) {
        (Value::String(ours), Value::String(theirs)) if name == "DateTime" => {
            instant(ours) == instant(theirs)
        }
        // A port or an amount that is a number at the API server.
        (Value::String(ours), Value::Number(theirs)) => *ours == theirs.to_string(),
        _ => ours == theirs,
    }
}

/// `RollingUpdate` as GraphQL writes it, `ROLLING_UPDATE`; `ClusterIP` is `CLUSTER_IP`.
fn screaming(text: &str) -> String {
    let mut upper = String::new();
    let mut before_was_lower = false;
    for c in text.chars() {
        if c.is_uppercase() && before_was_lower {
            upper.push('_');
        }
        before_was_lower = c.is_lowercase();
        upper.extend(c.to_uppercase());
    }
    upper
}

/// A time without the zeros that only one side writes.
fn instant(text: &str) -> String {
    let text = text.trim_end_matches("+00:00").trim_end_matches('Z');
    match text.split_once('.') {
        Some((seconds, fraction)) => format!("{seconds}.{}", fraction.trim_end_matches('0')),
        None => format!("{text}."),
    }
}
