//! Which form of an object a caller is shown: as it is, or as its twin.

use std::{cell::OnceCell, sync::Arc};

use fleetgraph_core::{ClusterId, IndexKey, Kind, KindMeta, Scope, Verb, View};

use crate::{entry::Shared, store::has_key};

/// The form of the objects of one kind in one cluster, for one caller. What may be unmasked is asked for when the first
/// object is met that has a twin.
pub struct Shown<'a> {
    scope: &'a Scope,
    cluster: &'a ClusterId,
    kind: &'static KindMeta,
    view: OnceCell<View>,
}

impl<'a> Shown<'a> {
    pub(crate) fn to(scope: &'a Scope, cluster: &'a ClusterId, kind: &'static KindMeta) -> Self {
        Self { scope, cluster, kind, view: OnceCell::new() }
    }

    /// What the caller is shown of an object that may be seen; `None` if it was found by a key that stands in its masked
    /// part.
    pub(crate) fn of<'e, K: Kind>(
        &self,
        entry: &'e Shared<K>,
        key: Option<&IndexKey<'_>>,
    ) -> Option<&'e Shared<K>> {
        let Some(twin) = entry.twin() else { return Some(entry) };
        let view = self.view.get_or_init(|| self.scope.to(Verb::Unmask).view(self.cluster, self.kind));
        if view.has(&entry.meta.namespace, &entry.meta.name) {
            return Some(entry);
        }
        key.is_none_or(|key| has_key(twin, key)).then_some(twin)
    }
}

/// What a caller is shown of one object that may be seen.
#[must_use]
pub fn shown<K: Kind>(entry: &Shared<K>, scope: &Scope) -> Shared<K> {
    let unmasked = |entry: &Shared<K>| {
        scope.to(Verb::Unmask).allows(&entry.cluster, entry.kind(), &entry.meta.namespace, &entry.meta.name)
    };
    match entry.twin() {
        Some(twin) if !unmasked(entry) => Arc::clone(twin),
        _ => Arc::clone(entry),
    }
}
