//! What a search over all kinds looks for.

use std::collections::BTreeSet;

use async_graphql::InputObject;
use cluster_registry::AnyEntry;
use fleetgraph_core::{Error, FieldSelector, HealthState as State, LabelSelector, Text, Timestamp};

use super::words::contains;
use crate::{
    filter::{Glob, age},
    health::HealthState,
};

/// Each object is compared with all of these, so a request may not bring any number.
const MAX_LIST: usize = 1000;
const MAX_TEXT: usize = 256;

/// What resources of any kind can be filtered by. All conditions must hold.
#[derive(InputObject, Default, Clone)]
pub struct ResourcesFilter {
    /// Kinds, such as `pods`, `Deployment`, `certificates.cert-manager.io`. All but events if missing or empty.
    pub kinds: Option<Vec<String>>,
    /// Ids of clusters. All if missing.
    pub clusters: Option<Vec<String>>,
    /// Names of namespaces. All, and cluster-scoped objects, if missing or empty.
    pub namespaces: Option<Vec<String>>,
    /// A label selector in Kubernetes' syntax.
    pub label_selector: Option<String>,
    /// A field selector in Kubernetes' syntax, such as `status.phase=Failed`. A kind that is named in `kinds` must have
    /// the fields at the API server; if none is named, the kinds that have them are searched.
    pub field_selector: Option<String>,
    /// Words that must each occur in the name, the namespace, the kind, a label, an image or an address; upper and lower
    /// case are the same.
    pub text: Option<String>,
    /// A pattern for the name: `*` stands for any characters, `?` for one.
    pub name: Option<String>,
    /// A pattern for one of the images.
    pub image: Option<String>,
    /// Any of these.
    pub health: Option<Vec<HealthState>>,
    /// The name, or the uid, of an owner.
    pub owner: Option<String>,
    /// Only objects that are at least this old, such as `90s`, `15m`, `2h30m`, `7d`.
    pub older_than: Option<String>,
    /// Only objects that are at most this old.
    pub newer_than: Option<String>,
}

/// A filter that was read.
#[derive(Default)]
pub struct Filter {
    pub(super) kinds: Vec<String>,
    pub(super) clusters: Option<Vec<String>>,
    pub(super) namespaces: BTreeSet<String>,
    pub(super) labels: LabelSelector,
    pub(super) fields: FieldSelector,
    words: Vec<String>,
    name: Option<Glob>,
    image: Option<Glob>,
    health: Option<Vec<State>>,
    owner: Option<String>,
    created_before: Option<Timestamp>,
    created_after: Option<Timestamp>,
}

impl ResourcesFilter {
    /// Reads it.
    ///
    /// # Errors
    /// When a selector or a duration can't be read.
    pub fn read(self) -> Result<Filter, Error> {
        for (argument, list) in
            [("kinds", &self.kinds), ("clusters", &self.clusters), ("namespaces", &self.namespaces)]
        {
            if list.as_ref().is_some_and(|list| list.len() > MAX_LIST) {
                return Err(Error::bad_input(format!("{argument}: at most {MAX_LIST} can be given")));
            }
        }
        for (argument, text) in [("text", &self.text), ("name", &self.name), ("image", &self.image)] {
            if text.as_ref().is_some_and(|text| text.len() > MAX_TEXT) {
                return Err(Error::bad_input(format!(
                    "{argument}: at most {MAX_TEXT} bytes can be searched for"
                )));
            }
        }
        let now = Timestamp::now();
        Ok(Filter {
            kinds: self.kinds.unwrap_or_default(),
            clusters: self.clusters,
            namespaces: self.namespaces.into_iter().flatten().collect(),
            labels: self.label_selector.as_deref().map(LabelSelector::parse).transpose()?.unwrap_or_default(),
            fields: self.field_selector.as_deref().map(FieldSelector::parse).transpose()?.unwrap_or_default(),
            words: self.text.iter().flat_map(|text| text.split_whitespace()).map(str::to_lowercase).collect(),
            name: self.name.as_deref().map(Glob::new),
            image: self.image.as_deref().map(Glob::new),
            health: self.health.map(|health| health.into_iter().map(Into::into).collect()),
            owner: self.owner,
            created_before: age("olderThan", self.older_than.as_deref())?.map(|age| now.minus(age)),
            created_after: age("newerThan", self.newer_than.as_deref())?.map(|age| now.minus(age)),
        })
    }
}

impl Filter {
    /// Whether an object of a chosen cluster and kind matches; the cheap conditions come first.
    pub(super) fn matches(&self, entry: &dyn AnyEntry) -> bool {
        let meta = entry.meta();
        self.labels.matches(&meta.labels)
            && (self.fields.is_empty() || entry.matches_fields(&self.fields))
            && self.created_before.is_none_or(|before| meta.created.is_some_and(|created| created <= before))
            && self.created_after.is_none_or(|after| meta.created.is_some_and(|created| created >= after))
            && self.health.as_ref().is_none_or(|health| health.contains(&entry.health().state))
            && self.owner.as_ref().is_none_or(|owner| {
                meta.owners.iter().any(|known| *known.name == **owner || *known.uid == **owner)
            })
            && self.name.as_ref().is_none_or(|name| name.matches(&meta.name))
            && self.image.as_ref().is_none_or(|image| {
                let mut found = false;
                entry.texts(&mut |text| {
                    found |= matches!(text, Text::Image(name) if image.matches(name));
                });
                found
            })
            && self.words.iter().all(|word| has_word(entry, word))
    }
}

/// Whether a word, in lower case, occurs in what people search for.
fn has_word(entry: &dyn AnyEntry, word: &str) -> bool {
    let meta = entry.meta();
    if contains(&meta.name, word) || contains(&meta.namespace, word) || contains(entry.kind().kind, word) {
        return true;
    }
    if meta.labels.iter().any(|(key, value)| contains(value, word) || contains(key, word)) {
        return true;
    }
    // `app=cart` is what people copy.
    if let Some((key, value)) = word.split_once('=')
        && meta.labels.iter().any(|(k, v)| k.eq_ignore_ascii_case(key) && v.eq_ignore_ascii_case(value))
    {
        return true;
    }
    let mut found = false;
    entry.texts(&mut |text| found = found || contains(text.as_str(), word));
    found
}
