//! A change of one object that a caller wants, as it goes down to the object's cluster.

use crate::{ClusterId, KindMeta};

/// What to do to an object.
#[derive(Debug, Clone)]
pub struct Write {
    pub cluster: ClusterId,
    pub kind: KindMeta,
    /// Empty for a cluster-scoped object.
    pub namespace: String,
    pub name: String,
    pub act: Act,
    /// Whether the API server only says what would come of it.
    pub dry_run: bool,
    /// Whether the caller may be told what the API server says of values in the object.
    pub quotable: bool,
}

#[derive(Clone)]
pub enum Act {
    /// JSON in one of the formats of the API.
    Patch { format: PatchFormat, body: String },
    Delete {
        propagation: Propagation,
        grace_seconds: Option<u32>,
        /// Only the object with this uid.
        uid: Option<String>,
        /// Only in this version.
        resource_version: Option<String>,
    },
}

/// What is written may be secret.
impl std::fmt::Debug for Act {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Patch { .. } => "Patch",
            Self::Delete { .. } => "Delete",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchFormat {
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, which knows the lists of built-in kinds.
    StrategicMerge,
    /// RFC 6902.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// What the cluster says of the object after a change; of a deleted one, before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    pub uid: String,
    pub resource_version: String,
    pub generation: Option<i64>,
}
