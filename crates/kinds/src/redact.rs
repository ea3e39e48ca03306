//! What is kept of a secret's text: everything but its values.
//!
//! ```text
//!   {"metadata":{"annotations":{"…/last-applied-configuration":"…","a":"b"}},"data":{"token":"czNjcmV0"},"stringData":…}
//!   {"metadata":{"annotations":{"a":"b"}},"data":{"token":6}}
//! ```
//!
//! An error never says what it found: the texts of serde quote the value that has the wrong type.

use std::hint;

use cluster_registry::pii::names_a_copy;
use serde::de::Error as _;
use serde_json::{Error, value::RawValue};

use crate::sizes::{Base64Size, Members};

/// Puts in place of each value under `data` its size in bytes, and drops `stringData` and the annotations that hold
/// a copy of the object.
///
/// # Errors
/// When the object isn't as the API defines it. The error holds nothing of the object.
pub fn secret(object: String) -> Result<String, Error> {
    let kept = without_values(&object);
    wipe(object);
    kept.map_err(|_| Error::custom("the secret isn't as the API defines it"))
}

/// Overwrites a text before its memory is given back. The compiler is asked, not forced, to do so: this is a second
/// line of defence.
fn wipe(text: String) {
    let mut bytes = text.into_bytes();
    bytes.fill(0);
    hint::black_box(&bytes);
}

fn without_values(object: &str) -> Result<String, Error> {
    let members: Members<&RawValue> = serde_json::from_str(object)?;
    let mut kept = Writer::with_capacity(object.len());
    for (key, value) in &members.0 {
        match key.as_str() {
            "stringData" => {}
            "data" => kept.push(key, &sizes(value.get())?),
            "metadata" => kept.push(key, &without_copies(value.get())?),
            _ => kept.push(key, value.get()),
        }
    }
    Ok(kept.finish())
}

fn sizes(data: &str) -> Result<String, Error> {
    let data: Option<Members<Base64Size>> = serde_json::from_str(data)?;
    let Some(Members(data)) = data else { return Ok("null".to_owned()) };
    let mut sizes = Writer::with_capacity(0);
    for (key, Base64Size(size)) in &data {
        sizes.push(key, &size.to_string());
    }
    Ok(sizes.finish())
}

fn without_copies(metadata: &str) -> Result<String, Error> {
    let members: Members<&RawValue> = serde_json::from_str(metadata)?;
    let mut kept = Writer::with_capacity(metadata.len());
    for (key, value) in &members.0 {
        if key != "annotations" {
            kept.push(key, value.get());
            continue;
        }
        let annotations: Option<Members<&RawValue>> = serde_json::from_str(value.get())?;
        let Some(Members(annotations)) = annotations else {
            kept.push(key, "null");
            continue;
        };
        let mut harmless = Writer::with_capacity(0);
        for (name, value) in annotations.iter().filter(|(name, value)| !is_copy(name, value.get())) {
            harmless.push(name, value.get());
        }
        kept.push(key, &harmless.finish());
    }
    Ok(kept.finish())
}

/// Whether an annotation holds the object as a tool applied it, by its name or, for tools that aren't known, by the look of
/// a secret in JSON; `value` is JSON itself, which escapes the quotes.
fn is_copy(name: &str, value: &str) -> bool {
    names_a_copy(name) || value.contains(r#""data\"#) || value.contains("stringData")
}

/// Writes a JSON object whose values are JSON already.
struct Writer(String);

impl Writer {
    fn with_capacity(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes.max(2));
        text.push('{');
        Self(text)
    }

    fn push(&mut self, key: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&serde_json::Value::from(key).to_string());
        self.0.push(':');
        self.0.push_str(value);
    }

    fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::{Engine, prelude::BASE64_STANDARD};
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

    fn redacted(object: &Value) -> Value {
        serde_json::from_str(&secret(object.to_string()).unwrap()).unwrap()
    }

    #[test]
    fn values_become_sizes_and_the_rest_stays() {
        let object = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
            "metadata": {"name": "s", "labels": {"a": "b"}},
            "data": {"token": "czNjcmV0", "empty": "", "nothing": null},
            "stringData": {"more": "s3cret"},
        });
        assert_eq!(
            redacted(&object),
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
                "metadata": {"name": "s", "labels": {"a": "b"}},
                "data": {"token": 6, "empty": 0, "nothing": 0},
            })
        );
    }

    #[test]
    fn a_secret_of_metadata_only_stays_as_it_is() {
        let text = r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s","annotations":null}}"#;
        assert_eq!(secret(text.to_owned()).unwrap(), text);
        let text = r#"{"metadata":{"name":"s"},"data":null,"type":"Opaque"}"#;
        assert_eq!(secret(text.to_owned()).unwrap(), text);
    }

    #[test]
    fn annotations_that_hold_an_applied_copy_are_dropped() {
        let copy = json!({"kind": "Secret", "data": {"token": "czNjcmV0"}}).to_string();
        for name in [
            LAST_APPLIED,
            "objectset.rio.cattle.io/applied",
            "banzaicloud.com/last-applied",
            "example.org/LastAppliedConfig",
            "kapp.k14s.io/original",
            "kapp.k14s.io/original-diff",
            "kapp.k14s.io/original-diff-full",
            "configmanagement.gke.io/declared-config",
        ] {
            let object = json!({"metadata": {"annotations": {name: "H4sIAAAA", "kept": "yes"}}});
            assert_eq!(redacted(&object), json!({"metadata": {"annotations": {"kept": "yes"}}}), "{name}");
        }
        let object =
            json!({"metadata": {"annotations": {"a-tool/unknown": copy, "twice": json!(copy).to_string()}}});
        assert_eq!(redacted(&object), json!({"metadata": {"annotations": {}}}));
    }

    #[test]
    fn annotations_that_only_look_alike_are_kept() {
        let object = json!({"metadata": {"annotations": {
            "kapp.k14s.io/original-diff-md5": "58e0494c51d30eb3494f7c9198986bb9",
            "objectset.rio.cattle.io/id": "x", "meta.helm.sh/release-name": "cart",
            "note": "data: as in the \"database\"",
        }}});
        assert_eq!(redacted(&object), object);
    }

    #[test]
    fn an_error_quotes_nothing() {
        for text in [
            r#"{"metadata":{"name":"x"},"data":"hunter2"}"#,
            r#"{"metadata":{"name":"x"},"data":["hunter2"]}"#,
            r#"{"metadata":{"name":"x"},"data":{"k":["hunter2"]}}"#,
            r#"{"metadata":{"name":"x"},"data":{"k":{"hunter2":1}}}"#,
            r#"{"metadata":{"name":"x"},"data":{"k":1802}}"#,
            r#"{"metadata":{"name":"x","annotations":"hunter2"},"data":{}}"#,
            r#"{"metadata":"hunter2"}"#,
            r#"{"data":{"k":"hunter2"#,
            r#""hunter2""#,
        ] {
            let error = secret(text.to_owned()).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains("hunter2") && !shown.contains("1802"), "{shown}");
        }
    }

    #[test]
    fn a_key_with_escapes_is_still_that_key() {
        let kept = secret(r#"{"d\u0061ta":{"a\"b":"YQ=="},"string\u0044ata":{"k":"v"}}"#.to_owned()).unwrap();
        assert_eq!(kept, r#"{"data":{"a\"b":1}}"#);
    }

    /// Long enough that one isn't part of anything else by chance.
    fn values() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
        let text = "[A-Z0-9\"\\\\/<\n]{12,40}".prop_map(String::into_bytes);
        let bytes = proptest::collection::vec(any::<u8>(), 12..60);
        proptest::collection::btree_map("[a-z][a-z0-9._-]{0,12}", prop_oneof![text, bytes], 0..6)
    }

    proptest! {
        #[test]
        fn no_value_of_a_secret_is_kept_and_the_rest_is(
            values in values(),
            labels in proptest::collection::btree_map("[a-z]{1,8}", "[a-z0-9]{0,8}", 0..4),
            note in "[a-z \"{}:,]{0,30}",
            immutable in any::<Option<bool>>(),
        ) {
            let encoded: BTreeMap<_, _> =
                values.iter().map(|(key, value)| (key, BASE64_STANDARD.encode(value))).collect();
            let plain: BTreeMap<_, _> =
                values.iter().map(|(key, value)| (key, String::from_utf8_lossy(value))).collect();
            let applied = json!({"kind": "Secret", "metadata": {"name": "s"}, "data": encoded});
            let mut object = json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": immutable,
                "metadata": {"name": "s", "labels": labels, "annotations": {
                    "note": note, LAST_APPLIED: applied.to_string(),
                    "kapp.k14s.io/original": json!({"stringData": plain}).to_string(),
                }},
                "data": encoded, "stringData": plain,
            });
            let text = secret(object.to_string()).unwrap();
            for (key, value) in &encoded {
                prop_assert!(!text.contains(value.as_str()));
                prop_assert!(!text.contains(&*plain[key]));
                prop_assert!(!text.contains(Value::from(&*plain[key]).to_string().trim_matches('"')));
            }
            let kept: Value = serde_json::from_str(&text).unwrap();
            object.as_object_mut().unwrap().remove("stringData");
            let annotations = object["metadata"]["annotations"].as_object_mut().unwrap();
            annotations.retain(|name, _| name == "note");
            object["data"] = values.iter().map(|(key, value)| (key.clone(), value.len())).collect();
            prop_assert_eq!(kept, object);
        }

        #[test]
        fn what_is_not_a_secret_at_all_makes_nothing_panic(text in "[\\[{}\\]\":,a-z0-9\\\\]{0,60}") {
            let _ = secret(text);
        }
    }
}
