//! Kinds that are known at run time, as the registry wants them: for ever.

use std::sync::{Mutex, PoisonError};

use fleetgraph_core::{KindMeta, ReferenceRule};

/// What a kind is, with its parts owned.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Description {
    pub group: String,
    pub version: String,
    pub kind: String,
    pub plural: String,
    pub singular: String,
    pub namespaced: bool,
}

static KNOWN: Mutex<Vec<&'static KindMeta>> = Mutex::new(Vec::new());

/// The one value for a kind. It is never freed: a kind takes some two hundred bytes, and a fleet meets few in its
/// life, the same ones in each cluster and after each reconnection.
pub fn known(description: Description, rules: &'static [ReferenceRule]) -> &'static KindMeta {
    let text = |text: &str| -> &'static str { Box::leak(text.to_owned().into_boxed_str()) };
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = known.iter().find(|known| {
        let Description { group, version, kind, plural, singular, namespaced } = &description;
        known.group == group
            && known.version == version
            && known.kind == kind
            && known.plural == plural
            && known.singular == singular
            && known.namespaced == *namespaced
            && known.rules == rules
    });
    if let Some(found) = found {
        return found;
    }
    let Description { group, version, kind, plural, singular, namespaced } = description;
    let meta: &'static KindMeta = Box::leak(Box::new(KindMeta {
        group: text(&group),
        version: text(&version),
        kind: text(&kind),
        plural: text(&plural),
        singular: text(&singular),
        namespaced,
        rules,
    }));
    known.push(meta);
    meta
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_kept_once_and_another_version_is_another_kind() {
        let widget = |version: &str| Description {
            group: "example.com".into(),
            version: version.into(),
            kind: "Widget".into(),
            plural: "widgets".into(),
            singular: "widget".into(),
            namespaced: true,
        };
        assert!(std::ptr::eq(known(widget("v1"), &[]), known(widget("v1"), &[])));
        assert!(!std::ptr::eq(known(widget("v1"), &[]), known(widget("v2"), &[])));
    }
}
