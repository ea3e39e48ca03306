//! Custom resources against the schema of their definition: types, required fields, enumerations, bounds and lengths.
//! `pattern`, `format`, `oneOf` and CEL rules are not checked.

use serde_json::Value;

use crate::error::Cause;

pub(crate) fn validate(schema: &Value, value: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    check(schema, value, "", &mut causes);
    causes
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn check(schema: &Value, value: &Value, at: &str, causes: &mut Vec<Cause>) {
    let found = type_of(value);
    if value.is_null() && schema["nullable"] == true {
        return;
    }
    if let Some(wanted) = schema["type"].as_str()
        && wanted != found
        && !(wanted == "number" && found == "integer")
    {
        let message =
            format!("Invalid value: \"{found}\": {at} in body must be of type {wanted}: \"{found}\"");
        return causes.push(Cause { field: at.to_owned(), reason: "FieldValueTypeInvalid", message });
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        let names: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        causes.push(Cause::unsupported(at, value, &names));
    }
    if let Some(number) = value.as_f64() {
        if schema["minimum"].as_f64().is_some_and(|minimum| number < minimum) {
            let detail = format!("{at} in body should be greater than or equal to {}", schema["minimum"]);
            causes.push(Cause::invalid(at, value, &detail));
        }
        if schema["maximum"].as_f64().is_some_and(|maximum| number > maximum) {
            let detail = format!("{at} in body should be less than or equal to {}", schema["maximum"]);
            causes.push(Cause::invalid(at, value, &detail));
        }
    }
    if let Some(text) = value.as_str() {
        let length = u64::try_from(text.chars().count()).unwrap_or(u64::MAX);
        if schema["minLength"].as_u64().is_some_and(|minimum| length < minimum) {
            let detail = format!("{at} in body should be at least {} chars long", schema["minLength"]);
            causes.push(Cause::invalid(at, value, &detail));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if schema["items"].is_object() {
            check(&schema["items"], item, &format!("{at}[{index}]"), causes);
        }
    }
    let Some(object) = value.as_object() else { return };
    let place = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(name) {
            causes.push(Cause { message: "Required value".to_owned(), ..Cause::required(place(name), "") });
        }
    }
    for (key, item) in object {
        let property = &schema["properties"][key];
        let property = if property.is_object() { property } else { &schema["additionalProperties"] };
        if property.is_object() && !(at.is_empty() && key == "metadata") {
            check(property, item, &place(key), causes);
        }
    }
}
