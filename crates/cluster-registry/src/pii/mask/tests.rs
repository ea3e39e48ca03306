use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

const COPY: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn paths(texts: &[&str]) -> Vec<FieldPath> {
    texts.iter().map(|text| FieldPath::parse(text).unwrap()).collect()
}

fn masked(object: &Value, texts: &[&str], way: Way) -> Option<(Value, Vec<String>)> {
    let paths = paths(texts);
    let masked = mask(&object.to_string(), &paths.iter().collect(), way).unwrap()?;
    let fields = masked.fields.iter().map(ToString::to_string).collect();
    Some((serde_json::from_str(&masked.text).unwrap(), fields))
}

#[test]
fn each_type_of_value_is_masked_in_its_way() {
    let object = json!({"spec": {"text": "a", "time": "2026-11-21T04:08:52Z", "number": 7, "truth": true, "list": [1], "map": {"k": "v"}, "null": null,
        "empty": {}, "none": []}, "other": [1, "x"]});
    let (shown, fields) = masked(&object, &["spec.*"], Way::Replaced).unwrap();
    assert_eq!(
        shown,
        json!({"spec": {"text": PLACEHOLDER, "time": null, "number": 0, "truth": false, "list": [], "map": {}, "null": null,
            "empty": {}, "none": []}, "other": [1, "x"]})
    );
    assert_eq!(fields, ["spec.*"]);
    let (shown, _) = masked(&object, &["spec.*"], Way::LeftOut).unwrap();
    assert_eq!(shown, json!({"spec": {"null": null, "empty": {}, "none": []}, "other": [1, "x"]}));
    let (shown, _) = masked(&object, &["spec"], Way::Replaced).unwrap();
    assert_eq!(shown, json!({"spec": {}, "other": [1, "x"]}));
}

#[test]
fn a_key_is_looked_for_in_the_items_of_lists_and_a_star_names_the_items() {
    let object = json!({"spec": {"people": [{"mail": "a", "n": 1}, {"mail": "b"}, [{"mail": "c"}]], "tags": ["x", "y"]}});
    let expected = json!({"spec": {"people": [{"mail": PLACEHOLDER, "n": 1}, {"mail": PLACEHOLDER}, [{"mail": PLACEHOLDER}]],
        "tags": ["x", "y"]}});
    for path in ["spec.people.mail", "spec.people.*.mail", "spec.*.mail", "spec.*.*.mail"] {
        assert_eq!(masked(&object, &[path], Way::Replaced).unwrap().0, expected, "{path}");
    }
    let tags = masked(&object, &["spec.tags.*"], Way::Replaced).unwrap().0;
    assert_eq!(tags["spec"]["tags"], json!([PLACEHOLDER, PLACEHOLDER]));
    let tags = masked(&object, &["spec.tags.*"], Way::LeftOut).unwrap().0;
    assert_eq!(tags["spec"]["tags"], json!([]));
}

#[test]
fn paths_that_name_nothing_mask_nothing() {
    let object =
        json!({"spec": {"a": "x", "b": null, "c": {}}, "metadata": {"name": "n", "annotations": {"k": "v"}}});
    assert_eq!(
        masked(&object, &["spec.z", "data.*", "spec.a.b", "spec.b", "spec.c.*", "spec.c"], Way::Replaced),
        None
    );
    let (_, fields) = masked(&object, &["spec.z", "spec.a"], Way::Replaced).unwrap();
    assert_eq!(fields, ["spec.a"]);
}

#[test]
fn a_copy_of_the_object_in_an_annotation_is_masked_with_it() {
    let copy = json!({"apiVersion": "v1", "metadata": {}, "data": {"mail": "alice"}}).to_string();
    let object = json!({"metadata": {"name": "n", "annotations": {COPY: "H4sI", "some.tool/state": copy, "kept": "yes"}},
        "data": {"mail": "alice", "size": 3}});
    let (shown, fields) = masked(&object, &["data.mail"], Way::Replaced).unwrap();
    assert_eq!(
        shown,
        json!({"metadata": {"name": "n", "annotations": {COPY: PLACEHOLDER, "some.tool/state": PLACEHOLDER, "kept": "yes"}},
            "data": {"mail": PLACEHOLDER, "size": 3}})
    );
    assert_eq!(
        fields,
        [
            "data.mail",
            r"metadata.annotations.kubectl\.kubernetes\.io/last-applied-configuration",
            r"metadata.annotations.some\.tool/state"
        ]
    );
    let (shown, _) = masked(&object, &["data.mail"], Way::LeftOut).unwrap();
    assert_eq!(
        shown,
        json!({"metadata": {"name": "n", "annotations": {"kept": "yes"}}, "data": {"size": 3}})
    );
    // What was taken out of the object is still in the copy.
    let object = json!({"metadata": {"name": "n", "annotations": {COPY: copy}}, "data": {}});
    assert!(masked(&object, &["data.mail"], Way::Replaced).is_some());
}

#[test]
fn a_bare_object_has_its_metadata_and_says_so() {
    let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n", "labels": {"a": "b"},
        "annotations": {"k": "v"}}, "spec": {"a": 1}, "status": {"b": 2}});
    let (shown, fields) = masked(&object, &["spec.a"], Way::Bare).unwrap();
    assert_eq!(
        shown,
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "n", "labels": {"a": "b"}}})
    );
    assert_eq!(fields, ["metadata.annotations", "spec", "spec.a", "status"]);
}

#[test]
fn what_is_nested_without_end_is_masked_whole_and_everything_else_is_kept_as_it_was_written() {
    let deep = format!("{}{{\"mail\":\"alice\"}}{}", "[".repeat(5000), "]".repeat(5000));
    let text = format!(r#"{{"spec":{deep},"exact":[1.0, 1e3,18446744073709551616 ,"\u0061"]}}"#);
    let path = FieldPath::parse("spec.mail").unwrap();
    let masked = mask(&text, &[&path].into(), Way::Replaced).unwrap().unwrap();
    assert!(!masked.text.contains("alice"));
    assert!(
        masked.text.ends_with(r#""exact":[1.0, 1e3,18446744073709551616 ,"\u0061"]}"#),
        "{}",
        masked.text
    );
}

#[test]
fn a_key_with_escapes_is_still_that_key_and_one_that_stands_twice_is_masked_twice() {
    let text = r#"{"d\u0061ta":{"m":"alice"},"data":{"m":"bob"}}"#;
    let path = FieldPath::parse("data.m").unwrap();
    let masked = mask(text, &[&path].into(), Way::Replaced).unwrap().unwrap();
    assert!(!masked.text.contains("alice") && !masked.text.contains("bob"), "{}", masked.text);
}

/// Any JSON below few keys, so that paths meet it.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "[a-z\"\\\\•ü]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 5, |inner| {
        let keys = prop_oneof![Just("a".to_owned()), Just("b".to_owned()), Just("c.d".to_owned())];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(keys, inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn any_path() -> impl Strategy<Value = String> {
    let step = prop_oneof![Just("a"), Just("b"), Just(r"c\.d"), Just("*")];
    (prop_oneof![Just("a"), Just("b")], proptest::collection::vec(step, 0..5))
        .prop_map(|(first, rest)| [vec![first], rest].concat().join("."))
}

/// The same by another way: a tree is walked, and what the steps lead to is replaced.
fn reference(value: &mut Value, steps: &[String]) {
    match (steps, &mut *value) {
        ([], value) => {
            *value = match value {
                Value::String(_) => PLACEHOLDER.into(),
                Value::Object(_) => json!({}),
                Value::Array(_) => json!([]),
                Value::Number(_) => json!(0),
                Value::Bool(_) => json!(false),
                Value::Null => Value::Null,
            }
        }
        ([step, rest @ ..], Value::Array(items)) => {
            let steps = if step == "*" { rest } else { steps };
            items.iter_mut().for_each(|item| reference(item, steps));
        }
        ([step, rest @ ..], Value::Object(members)) => {
            for (key, value) in members.iter_mut().filter(|(key, _)| step == "*" || *key == step) {
                let _ = key;
                reference(value, rest);
            }
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn everything_below_a_path_is_gone_and_nothing_else_is_touched(
        a in anything(), b in anything(), texts in proptest::collection::vec(any_path(), 1..4),
    ) {
        let text = json!({"a": a, "b": b, "metadata": {"name": "n"}}).to_string();
        let object: Value = serde_json::from_str(&text).unwrap();
        let parsed = paths(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        let mut expected = object.clone();
        // The longest first: what lies below a masked value is no longer there.
        let mut ordered: Vec<Vec<String>> =
            texts.iter().map(|text| text.replace(r"c\.d", "c/d").split('.').map(|s| s.replace("c/d", "c.d")).collect()).collect();
        ordered.sort_by_key(|steps| std::cmp::Reverse(steps.len()));
        ordered.iter().for_each(|steps| reference(&mut expected, steps));
        match mask(&text, &parsed.iter().collect(), Way::Replaced).unwrap() {
            Some(masked) => {
                let shown: Value = serde_json::from_str(&masked.text).unwrap();
                prop_assert_eq!(&shown, &expected);
                prop_assert!(!masked.fields.is_empty());
            }
            None => prop_assert_eq!(&object, &expected),
        }
        // Both other ways hide as much or more.
        for way in [Way::LeftOut, Way::Bare] {
            if let Some(masked) = mask(&text, &parsed.iter().collect(), way).unwrap() {
                let shown: Value = serde_json::from_str(&masked.text).unwrap();
                prop_assert!(shown.is_object() && shown["metadata"]["name"] == "n");
            }
        }
    }

    #[test]
    fn a_canary_under_a_path_is_in_no_way_of_masking(
        keys in proptest::collection::vec("[a-z.*\\\\]{1,6}", 1..6), list in any::<bool>(),
    ) {
        const CANARY: &str = "canary-7f3a";
        let mut value = json!({"deep": [CANARY, {CANARY: CANARY}]});
        for key in keys.iter().rev() {
            value = if list { json!([{ key: value, "KEPT": 1 }]) } else { json!({ key: value, "KEPT": 1 }) };
        }
        let object = json!({"spec": value, "metadata": {"name": "n"}});
        let path = std::iter::once("spec".to_owned()).chain(keys.iter().map(|key| {
            // Brackets and stars are keys where they are escaped.
            escaped(key).replace('*', "\\*")
        }));
        let path = FieldPath::parse(&path.collect::<Vec<_>>().join(".")).unwrap();
        for way in [Way::Replaced, Way::LeftOut, Way::Bare] {
            let masked = mask(&object.to_string(), &[&path].into(), way).unwrap().unwrap();
            prop_assert!(!masked.text.contains(CANARY), "{}", masked.text);
            prop_assert!(!masked.fields.iter().any(|field| field.contains(CANARY)));
        }
    }
}
