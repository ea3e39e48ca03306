//! One object as the registry keeps it.
//!
//! ```text
//! Entry<Pod>   cluster ─ meta (identity, interned labels, owners, times) ─ columns (typed, small)
//!                ├─ body: the whole object as JSON without managedFields, compressed
//!                └─ mark: the same object for those who may not unmask it, where something of it is masked
//! ```
//!
//! A typed pod takes 40 KB; an entry takes about one and a half. Lists, filters and sorts read `meta` and
//! `columns` only; the body is decoded when a field outside of them is asked for.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use fleetgraph_core::{ClusterId, Health, Kind, KindMeta, Meta};

use crate::codec::{Body, DecodeError};

/// An object of a cluster, as it was last reported.
pub struct Entry<K: Kind> {
    pub cluster: ClusterId,
    pub meta: Meta,
    pub columns: K::Columns,
    /// Set once, when the entry becomes visible: the number is given under the hub's lock, and the trees are
    /// built before it is taken.
    pub(crate) change: AtomicU64,
    pub(crate) body: Body,
    pub(crate) mark: Option<Mark<K>>,
}

/// What masking has to do with an entry.
pub(crate) enum Mark<K: Kind> {
    /// Something of the object is masked for those who may not unmask it: they are shown this.
    Twin(Shared<K>),
    /// It is such a twin, and this was masked.
    Masked(Box<[Arc<str>]>),
}

impl<K: Kind> Entry<K> {
    /// The whole object as JSON text, without `managedFields`.
    ///
    /// # Errors
    /// When the stored bytes are damaged.
    pub fn json(&self) -> Result<String, DecodeError> {
        self.body.decode()
    }

    /// The kind of the object.
    #[must_use]
    pub fn kind(&self) -> &'static KindMeta {
        K::kind_of(&self.columns)
    }

    /// How the object is doing.
    #[must_use]
    pub fn health(&self) -> Health {
        if self.meta.deleted.is_some() {
            return Health::progressing("Terminating");
        }
        K::health(&self.columns)
    }

    /// The number of the change that made the entry visible; grows over the kind's whole fleet.
    #[must_use]
    pub fn change(&self) -> u64 {
        self.change.load(Ordering::Acquire)
    }

    /// What was masked of the object: paths, as the rules have them. Empty for one that is as its cluster has it.
    #[must_use]
    pub fn masked(&self) -> &[Arc<str>] {
        match &self.mark {
            Some(Mark::Masked(fields)) => fields,
            _ => &[],
        }
    }

    /// The object as those see it who may not unmask it, if that is another.
    pub(crate) fn twin(&self) -> Option<&Shared<K>> {
        match &self.mark {
            Some(Mark::Twin(twin)) => Some(twin),
            _ => None,
        }
    }

    /// Gives the entry, in both its forms, the number of the change that makes it visible.
    pub(crate) fn number(&self, change: u64) {
        if let Some(twin) = self.twin() {
            twin.change.store(change, Ordering::Release);
        }
        self.change.store(change, Ordering::Release);
    }

    /// `cluster:namespace:name`; where a type stands for several kinds, the kind before it:
    /// `certificates.cert-manager.io/cluster:namespace:name`.
    #[must_use]
    pub fn id(&self) -> String {
        let Meta { namespace, name, .. } = &self.meta;
        let kind = self.kind();
        if (kind.kind, kind.group) == (K::META.kind, K::META.group) {
            format!("{}:{}:{}", self.cluster, &**namespace, name)
        } else {
            format!("{}/{}:{}:{}", kind.resource(), self.cluster, &**namespace, name)
        }
    }

    /// The order of lists within a cluster.
    pub(crate) fn key(&self) -> (&str, &str) {
        (&self.meta.namespace, &self.meta.name)
    }

    /// Bytes that the compressed object takes.
    #[must_use]
    pub fn body_len(&self) -> usize {
        self.body.len()
    }
}

pub type Shared<K> = Arc<Entry<K>>;
