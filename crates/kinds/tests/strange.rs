//! Objects that no API server of today sends: parts that are missing, null, of another type, or unknown. Nothing of it
//! may panic, and what is only missing may not cost an object its place in the store.

#![expect(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use fleetgraph_core::{Istr, Kind, Labels, Meta, OwnerRef};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Does what the store does with an object, and looks at all that comes of it. `Err` is why the object is refused.
type Take = fn(&str) -> Result<usize, String>;

fn take<K: Kind>(object: &str) -> Result<usize, String> {
    let text = K::redact(object.to_owned()).map_err(|error| error.to_string())?;
    let columns = K::columns_of(&K::META, &text).map_err(|error| error.to_string())?;
    let owner = OwnerRef {
        api_version: Istr::new("v1"),
        kind: Istr::new("Gone"),
        name: Istr::new("gone"),
        uid: Istr::new("0"),
        controller: true,
    };
    let meta = Meta {
        namespace: Istr::new(if K::META.namespaced { "ns" } else { "" }),
        name: "strange".into(),
        uid: "1".into(),
        resource_version: "1".into(),
        generation: 0,
        labels: Labels::from_pairs([("a", "b")]),
        owners: Box::new([owner]),
        created: None,
        deleted: None,
        application: None,
    };
    let mut seen = 0;
    let _ = K::health(&columns);
    K::texts(&columns, &mut |text| seen += text.as_str().len());
    K::references(&meta, &columns, &mut |_| seen += 1);
    let labels = Labels::from_pairs([("a", "b")]);
    seen += usize::from(K::selector(&columns).is_some_and(|selector| selector.matches(&labels)));
    for field in K::FIELDS {
        seen += K::field(&columns, field).len();
    }
    Ok(seen)
}

macro_rules! takers {
    (
        cluster_scoped { $(($cluster_kind:ident, $($_c:ident),*),)* }
        namespaced { $(($kind:ident, $($_n:ident),*),)* }
    ) => {
        /// Every kind of the table.
        fn takers() -> Vec<(&'static str, Take)> {
            vec![
                $((stringify!($cluster_kind), take::<kinds::table::$cluster_kind>),)*
                $((stringify!($kind), take::<kinds::table::$kind>),)*
            ]
        }
    };
}

kinds::for_each_kind!(takers);

fn taker(kind: &str) -> Take {
    takers().into_iter().find(|(name, _)| *name == kind).unwrap_or_else(|| panic!("no kind {kind}")).1
}

/// Panics are told with the object that made them.
fn calm(kind: &str, take: Take, object: &Value) -> Result<usize, String> {
    let text = object.to_string();
    catch_unwind(AssertUnwindSafe(|| take(&text))).unwrap_or_else(|_| panic!("{kind} panics: {text}"))
}

/// Whole objects of every kind, with their statuses.
fn whole_objects() -> Vec<(String, Value)> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fleetgraph/tests/e2e/fixtures/every_kind.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let objects: Vec<(String, Value)> = text
        .split("\n---\n")
        .map(|document| serde_saphyr::from_str::<Value>(document).unwrap())
        .map(|object| (object["kind"].as_str().unwrap().to_owned(), object))
        .collect();
    for (kind, _) in takers() {
        assert!(objects.iter().any(|(name, _)| name == kind), "there is no {kind} to spoil");
    }
    objects
}

/// The path of every part of a value, the deepest last.
fn paths(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| {
            let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
            found.push(path.clone());
            paths(value, &path, found);
        }),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, value)| {
            let path = format!("{path}/{n}");
            found.push(path.clone());
            paths(value, &path, found);
        }),
        _ => {}
    }
}

/// An object in which one part is another, for each part below what all objects share.
fn with_each_part_as(object: &Value, other: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    paths(object, "", &mut all);
    let own = all.into_iter().filter(|path| !["/apiVersion", "/kind"].contains(&path.as_str()));
    own.filter(|path| !path.starts_with("/metadata"))
        .map(|path| {
            let mut object = object.clone();
            *object.pointer_mut(&path).unwrap() = other.clone();
            (path, object)
        })
        .collect()
}

#[test]
fn an_object_of_metadata_only_is_taken_for_every_kind() {
    for (kind, take) in takers() {
        let metadata = json!({ "name": "strange" });
        for object in [
            json!({ "metadata": metadata }),
            json!({ "metadata": metadata, "spec": {} }),
            json!({ "metadata": metadata, "status": {} }),
            json!({ "metadata": metadata, "spec": {}, "status": {} }),
            json!({ "metadata": metadata, "spec": null, "status": null }),
        ] {
            calm(kind, take, &object).unwrap_or_else(|error| panic!("{kind} refuses {object}: {error}"));
        }
    }
}

/// Parts without which the API's own types can't be written: their Go types have no `omitempty`, so that even an empty
/// one is there. An object without them is none that a server sends, and may be refused.
const REQUIRED: &[&str] = &[
    "containers/name",
    "initContainers/name",
    "ports/containerPort",
    "ports/port",
    "volumes/name",
    "conditions/type",
    "conditions/status",
    "addresses/type",
    "addresses/address",
    "matchLabelExpressions/key",
];

/// `containers/name` for `/spec/containers/0/name`.
fn field_of(path: &str) -> String {
    let steps: Vec<_> = path.rsplit('/').filter(|step| step.parse::<usize>().is_err()).take(2).collect();
    steps.into_iter().rev().collect::<Vec<_>>().join("/")
}

/// Whether the API server writes `null` for such a part: for a list, a map, an object or a time without a value it does,
/// for a text, a number or a truth value it writes that type's zero.
fn is_nullable(part: &Value) -> bool {
    match part {
        Value::String(text) => text.len() > 19 && text.ends_with('Z') && text.as_bytes()[10] == b'T',
        part => part.is_object() || part.is_array(),
    }
}

#[test]
fn any_part_that_the_api_server_may_leave_out_may_be_null_or_missing() {
    let (mut count, mut faults, mut required) = (0, Vec::new(), std::collections::BTreeSet::new());
    for (kind, object) in whole_objects() {
        let take = taker(&kind);
        calm(&kind, take, &object).unwrap_or_else(|error| panic!("{kind} refuses {object}: {error}"));
        for (path, mut spoiled) in with_each_part_as(&object, &Value::Null) {
            let (parent, key) = path.rsplit_once('/').unwrap();
            let nulled = calm(&kind, take, &spoiled);
            // A list has no nulls at any API server.
            let Value::Object(members) = spoiled.pointer_mut(parent).unwrap() else { continue };
            members.remove(&key.replace("~1", "/").replace("~0", "~"));
            count += 1;
            if let Some(error) = nulled.err().filter(|_| is_nullable(object.pointer(&path).unwrap())) {
                faults.push(format!("{kind}{path} null: {error}"));
            }
            if let Err(error) = calm(&kind, take, &spoiled) {
                if REQUIRED.contains(&&*field_of(&path)) {
                    required.insert(field_of(&path));
                } else {
                    faults.push(format!("{kind}{path} missing: {error}"));
                }
            }
        }
    }
    eprintln!("{count} parts left out");
    assert!(faults.is_empty(), "{} of {count} are refused:\n{}", faults.len(), faults.join("\n"));
    assert_eq!(required.len(), REQUIRED.len(), "the exceptions are only those that are needed: {required:?}");
}

#[test]
fn words_that_nobody_knows_are_taken() {
    let mut count = 0;
    for (kind, object) in whole_objects() {
        let mut all = Vec::new();
        paths(&object, "", &mut all);
        let words = [
            "phase", "type", "status", "policy", "Policy", "Mode", "scope", "operator", "strategy",
            "protocol",
        ];
        for path in all.iter().filter(|path| words.iter().any(|word| path.ends_with(word))) {
            if object.pointer(path).unwrap().is_string() {
                let mut object = object.clone();
                *object.pointer_mut(path).unwrap() = "Ünbekannt-2031".into();
                calm(&kind, taker(&kind), &object).unwrap_or_else(|e| panic!("{kind}{path}: {e}"));
                count += 1;
            }
        }
    }
    eprintln!("{count} objects with an unknown word");
    assert!(count > 40, "only {count}");
}

#[test]
fn a_part_of_another_type_is_refused_or_taken_and_never_panics() {
    let others = [
        json!(""),
        json!("☕\u{0}\u{feff}"),
        json!(0),
        json!(-1),
        json!(i64::MIN),
        json!(u64::MAX),
        json!(1.5e300),
        json!(true),
        json!([]),
        json!([null]),
        json!({}),
        json!({ "": null }),
        json!("999999999999999999999999Ei"),
        json!("-1e-999999999"),
        json!("9999-99-99T99:99:99Z"),
        json!("0000-01-01T00:00:00Z"),
    ];
    let (mut taken, mut refused) = (0, 0);
    for (kind, object) in whole_objects() {
        for (_, spoiled) in others.iter().flat_map(|other| with_each_part_as(&object, other)) {
            match calm(&kind, taker(&kind), &spoiled) {
                Ok(_) => taken += 1,
                Err(error) => {
                    assert!(!error.is_empty());
                    refused += 1;
                }
            }
        }
    }
    eprintln!("{taken} objects taken, {refused} refused");
    assert!(taken > 1000 && refused > 1000, "both happen: {taken}, {refused}");
}

#[test]
fn counts_at_their_bounds_add_up_without_a_panic() {
    for (kind, object) in whole_objects() {
        for bound in [i64::from(i32::MAX), i64::from(i32::MIN)] {
            let mut object = object.clone();
            all_numbers(&mut object, bound);
            let _ = calm(&kind, taker(&kind), &object);
        }
    }
}

fn all_numbers(value: &mut Value, bound: i64) {
    match value {
        Value::Number(_) => *value = bound.into(),
        Value::Array(items) => items.iter_mut().for_each(|item| all_numbers(item, bound)),
        Value::Object(members) => members.values_mut().for_each(|member| all_numbers(member, bound)),
        _ => {}
    }
}

/// Any JSON, with the words of the API among its keys so that it gets somewhere.
fn anything(words: Vec<String>) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,8}".prop_map(Value::from),
        "[0-9.eE+-]{1,6}[mkMGiu]{0,2}".prop_map(Value::from),
    ];
    let key = prop_oneof![4 => proptest::sample::select(words), 1 => ".{0,6}".prop_map(String::from)];
    leaf.prop_recursive(6, 48, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// The keys that objects have.
fn words() -> Vec<String> {
    fn collect(value: &Value, words: &mut std::collections::BTreeSet<String>) {
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| {
                words.insert(key.clone());
                collect(value, words);
            }),
            Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
            _ => {}
        }
    }
    let mut words = std::collections::BTreeSet::new();
    whole_objects().iter().for_each(|(_, object)| collect(object, &mut words));
    words.into_iter().collect()
}

proptest! {
    // An integration test has no place beside it where failures could be kept.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_json_in_any_part_of_any_kind_never_panics(
        spec in anything(words()), status in anything(words()), pick in any::<proptest::sample::Index>(),
        place in any::<proptest::sample::Index>(),
    ) {
        for (kind, take) in takers() {
            let object = json!({ "metadata": { "name": "strange" }, "spec": spec, "status": status });
            let _ = calm(kind, take, &object);
        }
        // The same in the place of a part of a whole object.
        let objects = whole_objects();
        let (kind, mut object) = objects[pick.index(objects.len())].clone();
        let mut all = Vec::new();
        paths(&object, "", &mut all);
        *object.pointer_mut(&all[place.index(all.len())]).unwrap() = spec;
        let _ = calm(&kind, taker(&kind), &object);
    }
}
