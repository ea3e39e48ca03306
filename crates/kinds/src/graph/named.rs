//! Places of objects that are known by their names alone.

use std::{borrow::Cow, sync::Arc};

use cluster_registry::AnyStore;
use fleetgraph_core::{ClusterId, Health, HealthState, KindMeta, ObjectId};

use super::ResourceId;

/// An object that others refer to: it isn't there, or its kind isn't watched.
#[derive(Debug, Clone)]
pub struct Named {
    pub cluster: ClusterId,
    pub kind: NamedKind,
    pub namespace: String,
    pub name: String,
}

/// What is known of its kind.
#[derive(Debug, Clone)]
pub enum NamedKind {
    /// It is watched where the object would be, so that the object is known to be missing.
    Watched(&'static KindMeta),
    /// It isn't watched there, or wasn't read yet.
    Known(&'static KindMeta),
    /// None that fleetgraph knows: a kind or a resource, as whoever refers to it has it.
    Unknown(String),
}

impl NamedKind {
    #[must_use]
    pub fn resource(&self) -> Cow<'_, str> {
        match self {
            Self::Watched(kind) | Self::Known(kind) => kind.resource(),
            Self::Unknown(kind) => Cow::Borrowed(kind),
        }
    }

    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Watched(kind) | Self::Known(kind) => kind.kind,
            Self::Unknown(kind) => kind,
        }
    }

    /// Empty where it isn't known.
    #[must_use]
    pub fn api_version(&self) -> Cow<'static, str> {
        match self {
            Self::Watched(kind) | Self::Known(kind) => kind.api_version(),
            Self::Unknown(_) => Cow::Borrowed(""),
        }
    }

    #[must_use]
    pub fn health(&self) -> Health {
        match self {
            Self::Watched(_) => Health::new(HealthState::Missing, "NotFound"),
            Self::Known(_) | Self::Unknown(_) => Health::unknown("NotWatched"),
        }
    }
}

impl Named {
    /// The place of an object that was not found in the stores of a cluster, of which `is_it` knows those of its kind.
    pub fn new(
        cluster: &ClusterId,
        stores: &[Arc<dyn AnyStore>],
        is_it: &dyn Fn(&KindMeta) -> bool,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Self {
        let mut of_kind = stores.iter().filter(|store| is_it(store.kind())).peekable();
        let known = of_kind.peek().map(|store| store.kind());
        let known = known.or_else(|| crate::KINDS.iter().find(|kind| is_it(kind)));
        let namespace = if known.is_none_or(|kind| kind.namespaced) { namespace } else { "" };
        let kind = match known {
            Some(kind) if of_kind.any(|store| store.complete(namespace)) => NamedKind::Watched(kind),
            Some(kind) => NamedKind::Known(kind),
            None => NamedKind::Unknown(kind.to_owned()),
        };
        Self { cluster: cluster.clone(), kind, namespace: namespace.to_owned(), name: name.to_owned() }
    }

    #[must_use]
    pub fn id(&self) -> ResourceId {
        ResourceId {
            resource: self.kind.resource().into_owned(),
            object: ObjectId {
                cluster: self.cluster.clone(),
                namespace: self.namespace.clone(),
                name: self.name.clone(),
            },
        }
    }
}
