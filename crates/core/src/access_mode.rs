//! How callers are judged in a cluster.

use std::fmt;
use std::sync::Arc;

/// How callers are judged in a cluster, and why so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessMode {
    pub kind: AccessKind,
    /// A sentence for operators.
    pub reason: Arc<str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AccessKind {
    /// By the copies of its roles and bindings.
    Rbac,
    /// By asking it: SubjectAccessReview.
    Reviews,
    /// Not at all: there is no way to find out, and nothing is shown.
    Nothing,
}

impl fmt::Display for AccessKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Rbac => "rbac",
            Self::Reviews => "reviews",
            Self::Nothing => "nothing",
        })
    }
}

impl AccessMode {
    #[must_use]
    pub fn new(kind: AccessKind, reason: impl Into<Arc<str>>) -> Self {
        Self { kind, reason: reason.into() }
    }
}
