//! What selectors ask of an object, without keeping anything parsed.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Body, Object};

#[derive(Deserialize)]
struct Labelled<'a> {
    #[serde(borrow, default)]
    metadata: Labels<'a>,
}

#[derive(Deserialize, Default)]
struct Labels<'a> {
    #[serde(borrow, default)]
    labels: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
}

impl Object {
    pub fn labels(&self) -> BTreeMap<Cow<'_, str>, Cow<'_, str>> {
        match &self.body {
            Body::Own(text) => {
                serde_json::from_str::<Labelled<'_>>(text)
                    .unwrap_or(Labelled { metadata: Labels::default() })
                    .metadata
                    .labels
            }
            Body::Shared { template, slots } => {
                let Some(labels) = template.labels() else { return BTreeMap::new() };
                let text = |key: &'_ str| {
                    let path = ["metadata", "labels", key];
                    template.text_at(path.into_iter(), self, slots).unwrap_or_default().into_owned()
                };
                labels.keys().map(|key| (Cow::Borrowed(key.as_str()), Cow::Owned(text(key)))).collect()
            }
        }
    }

    /// The text at a path such as `status.phase`; empty when there is none, as field selectors see it.
    pub fn field<'a>(&'a self, path: &'a str) -> Cow<'a, str> {
        match path {
            "metadata.name" => return Cow::Borrowed(&self.key.name),
            "metadata.namespace" => return Cow::Borrowed(&self.key.namespace),
            _ => {}
        }
        match &self.body {
            Body::Own(text) => at(text, path).unwrap_or_default(),
            Body::Shared { template, slots } => {
                template.text_at(path.split('.'), self, slots).unwrap_or_default()
            }
        }
    }
}

fn at<'a>(text: &'a str, path: &str) -> Option<Cow<'a, str>> {
    let mut text = text;
    for part in path.split('.') {
        let object: BTreeMap<Cow<'a, str>, &'a RawValue> = serde_json::from_str(text).ok()?;
        text = object.get(part)?.get();
    }
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(text).ok().map(Cow::Owned),
        b'{' | b'[' | b'n' => None,
        _ => Some(Cow::Borrowed(text)),
    }
}
