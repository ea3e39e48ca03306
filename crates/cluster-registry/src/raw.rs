//! What `kube::runtime::watcher` deserialises: an object as its text, parsed only as far as the watcher needs.
//!
//! A list or a watch is read as one serde pass. Were objects typed there, one malformed object would void the
//! whole list, and each pod would cost 40 KB on its way. So an object is taken as it stands ([`RawValue`]),
//! and what makes an entry of it is read afterwards, object by object, where one that can't be read is a
//! fault of its own.

use std::{borrow::Cow, fmt, marker::PhantomData};

use fleetgraph_core::{Istr, KindMeta, Labels, Meta, OwnerRef, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

/// An object, unread.
#[derive(Clone)]
pub struct Raw {
    /// Only what the watcher reads: resourceVersion, name and namespace.
    watched: ObjectMeta,
    text: Box<RawValue>,
}

impl fmt::Debug for Raw {
    // Never the text: it may hold what must not reach a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Raw").field("name", &self.watched.name).finish_non_exhaustive()
    }
}

impl Raw {
    #[cfg(test)]
    pub(crate) fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        self.text.get()
    }

    /// Namespace and name, as far as they can be read, to name an object that can't be.
    pub(crate) fn key(&self) -> (&str, &str) {
        (self.watched.namespace.as_deref().unwrap_or(""), self.watched.name.as_deref().unwrap_or(""))
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        struct Outline<'a> {
            #[serde(borrow, default)]
            metadata: Option<&'a RawValue>,
        }
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Watched {
            resource_version: Option<String>,
            name: Option<String>,
            namespace: Option<String>,
        }
        let text = Box::<RawValue>::deserialize(deserializer)?;
        if !text.get().starts_with('{') {
            return Err(de::Error::custom("a Kubernetes object must be a JSON object"));
        }
        // Whatever is wrong inside is found when the entry is made, where it concerns this object alone.
        let outline: Outline<'_> = serde_json::from_str(text.get()).unwrap_or_default();
        let watched: Watched =
            outline.metadata.and_then(|m| serde_json::from_str(m.get()).ok()).unwrap_or_default();
        let watched = ObjectMeta {
            resource_version: watched.resource_version,
            name: watched.name,
            namespace: watched.namespace,
            ..ObjectMeta::default()
        };
        Ok(Self { watched, text })
    }
}

impl kube::Resource for Raw {
    type DynamicType = &'static KindMeta;
    type Scope = kube::core::DynamicResourceScope;

    fn kind<'a>(kind: &'a &'static KindMeta) -> Cow<'a, str> {
        kind.kind.into()
    }
    fn group<'a>(kind: &'a &'static KindMeta) -> Cow<'a, str> {
        kind.group.into()
    }
    fn version<'a>(kind: &'a &'static KindMeta) -> Cow<'a, str> {
        kind.version.into()
    }
    fn plural<'a>(kind: &'a &'static KindMeta) -> Cow<'a, str> {
        kind.plural.into()
    }
    fn meta(&self) -> &ObjectMeta {
        &self.watched
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.watched
    }
}

/// An object's parts, in the order in which they stand.
pub(crate) struct Fields<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> de::Visitor<'de> for Visitor<'a> {
            type Value = Fields<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Fields<'a>, A::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some(Key(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Visitor(PhantomData))
    }
}

/// A key that borrows where it has no escapes; a plain `Cow<str>` never borrows in serde.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
        Borrowed::deserialize(deserializer).map(|b| Key(b.0))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetaText<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    uid: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    resource_version: Option<Cow<'a, str>>,
    #[serde(default)]
    generation: Option<i64>,
    #[serde(borrow, default)]
    labels: Option<&'a RawValue>,
    #[serde(borrow, default)]
    annotations: Option<&'a RawValue>,
    #[serde(default)]
    owner_references: Option<Vec<OwnerText>>,
    #[serde(default)]
    creation_timestamp: Option<Timestamp>,
    #[serde(default)]
    deletion_timestamp: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerText {
    api_version: Istr,
    kind: Istr,
    name: Istr,
    uid: Istr,
    #[serde(default)]
    controller: Option<bool>,
}

/// Reads an object: what all objects have, and its text as it is kept.
///
/// The text gets `apiVersion` and `kind`, which the items of a list lack, and loses `managedFields`.
pub(crate) fn read(kind: &KindMeta, text: &str) -> Result<(Meta, String), serde_json::Error> {
    let Fields(fields) = serde_json::from_str(text)?;
    let mut kept = String::with_capacity(text.len());
    kept.push_str("{\"apiVersion\":\"");
    kept.push_str(&kind.api_version());
    kept.push_str("\",\"kind\":\"");
    kept.push_str(kind.kind);
    kept.push('"');
    let mut meta = None;
    for (key, value) in &fields {
        if key == "apiVersion" || key == "kind" {
            continue;
        }
        push_key(&mut kept, key);
        if key != "metadata" {
            kept.push_str(value.get());
            continue;
        }
        kept.push('{');
        let start = kept.len();
        let Fields(metadata) = serde_json::from_str(value.get())?;
        for (key, value) in metadata.iter().filter(|(key, _)| key != "managedFields") {
            push_key(&mut kept, key);
            kept.push_str(value.get());
        }
        if kept[start..].starts_with(',') {
            kept.remove(start);
        }
        kept.push('}');
        let slim = &kept[start - 1..];
        meta = Some(read_meta(slim)?);
    }
    kept.push('}');
    let meta = meta.ok_or_else(|| de::Error::custom("the object has no metadata"))?;
    Ok((meta, kept))
}

/// Writes a comma, a key and a colon.
pub(crate) fn push_key(out: &mut String, key: &str) {
    out.push(',');
    // A key that needs no escapes, as every key of the API, is written as it is.
    if key.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push('"');
        out.push_str(key);
        out.push('"');
    } else {
        out.push_str(&serde_json::Value::from(key).to_string());
    }
    out.push(':');
}

fn read_meta(text: &str) -> Result<Meta, serde_json::Error> {
    let meta: MetaText<'_> = serde_json::from_str(text)?;
    let labels = match meta.labels.map(RawValue::get) {
        None | Some("null") => Labels::default(),
        Some(text) => {
            let map: std::collections::BTreeMap<Cow<'_, str>, Cow<'_, str>> = serde_json::from_str(text)?;
            Labels::from_pairs(map.iter().map(|(k, v)| (&**k, &**v)))
        }
    };
    let owners = meta.owner_references.unwrap_or_default().into_iter().map(|owner| OwnerRef {
        api_version: owner.api_version,
        kind: owner.kind,
        name: owner.name,
        uid: owner.uid,
        controller: owner.controller.unwrap_or(false),
    });
    let text = |value: Option<Cow<'_, str>>| value.as_deref().unwrap_or("").into();
    Ok(Meta {
        namespace: Istr::new(meta.namespace.as_deref().unwrap_or("")),
        name: (*meta.name).into(),
        uid: text(meta.uid),
        resource_version: text(meta.resource_version),
        generation: meta.generation.unwrap_or(0),
        labels,
        owners: owners.collect(),
        created: meta.creation_timestamp,
        deleted: meta.deletion_timestamp,
        application: meta.annotations.and_then(|annotations| application(annotations.get())),
    })
}

/// Where Argo CD writes which application an object is a part of: `application:group/kind:namespace/name`.
const TRACKING: &str = "argocd.argoproj.io/tracking-id";

/// Reads one annotation, and most objects' annotations not at all.
fn application(annotations: &str) -> Option<Box<str>> {
    if !annotations.contains(TRACKING) {
        return None;
    }
    let Fields(annotations) = serde_json::from_str(annotations).ok()?;
    let (_, id) = annotations.iter().find(|(key, _)| key == TRACKING)?;
    let id: String = serde_json::from_str(id.get()).ok()?;
    id.split(':').next().filter(|application| !application.is_empty()).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: KindMeta = KindMeta {
        group: "apps",
        version: "v1",
        kind: "Deployment",
        plural: "deployments",
        singular: "deployment",
        namespaced: true,
        rules: &[],
    };

    #[test]
    fn the_kept_text_names_its_kind_and_has_no_managed_fields() {
        let (meta, text) = read(
            &KIND,
            r#"{"metadata":{"managedFields":[{"f":{}}],"name":"cart","namespace":"shop","uid":"u","resourceVersion":"7",
                "labels":{"b":"2","a":"1"},"creationTimestamp":"2026-11-21T04:08:52Z",
                "ownerReferences":[{"apiVersion":"v1","kind":"X","name":"x","uid":"ux","controller":true}]},
                "spec":{"replicas":3}}"#,
        )
        .unwrap();
        assert_eq!((&*meta.namespace, &*meta.name, &*meta.resource_version), ("shop", "cart", "7"));
        assert_eq!(meta.labels.get("b"), Some("2"));
        assert_eq!(&*meta.controller().unwrap().uid, "ux");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["apiVersion"], "apps/v1");
        assert_eq!(value["kind"], "Deployment");
        assert_eq!(value["spec"]["replicas"], 3);
        assert_eq!(value["metadata"]["name"], "cart");
        assert!(value["metadata"].get("managedFields").is_none());
    }

    #[test]
    fn nulls_and_missing_parts_are_no_error() {
        let (meta, _) = read(
            &KIND,
            r#"{"metadata":{"name":"n","labels":null,"ownerReferences":null,"creationTimestamp":null,"namespace":null}}"#,
        )
        .unwrap();
        assert!(meta.labels.is_empty() && meta.created.is_none());
    }

    #[test]
    fn what_is_broken_is_an_error_of_that_object() {
        for text in [
            r#"{"spec":{}}"#,
            r#"{"metadata":{"name":7}}"#,
            r#"{"metadata":{"name":"x","labels":{"a":1}}}"#,
            r#"{"metadata":[]}"#,
        ] {
            assert!(read(&KIND, text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_application_of_a_tracking_annotation_is_known() {
        let of = |annotations: &str| {
            let text = format!(r#"{{"metadata":{{"name":"n","annotations":{annotations}}}}}"#);
            read(&KIND, &text).unwrap().0.application
        };
        assert_eq!(
            of(r#"{"argocd.argoproj.io/tracking-id":"team_shop:apps/Deployment:ns/n"}"#).as_deref(),
            Some("team_shop")
        );
        for none in [
            "null",
            "{}",
            r#"{"a":"argocd.argoproj.io/tracking-id"}"#,
            r#"{"argocd.argoproj.io/tracking-id":17}"#,
            r#"{"argocd.argoproj.io/tracking-id":""}"#,
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn an_escaped_key_and_unicode_survive() {
        let (meta, text) =
            read(&KIND, r#"{"metadata":{"name":"n","annotations":{"a\"b":"ü\n"},"lab\u0065ls":{"x":"y"}},"sp\u0065c":{"\u00fc":1}}"#).unwrap();
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["metadata"]["annotations"]["a\"b"], "ü\n");
        assert_eq!(value["spec"]["ü"], 1);
        assert_eq!(meta.labels.get("x"), Some("y"));
    }

    #[test]
    fn a_list_with_a_malformed_object_is_still_a_list() {
        let raw: Vec<Raw> =
            serde_json::from_str(r#"[{"metadata":{"name":"a"}},{"metadata":{"name":1}},{"metadata":[]}]"#)
                .unwrap();
        assert_eq!(raw.len(), 3);
        assert_eq!(raw[0].key(), ("", "a"));
    }
}
