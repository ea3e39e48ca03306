//! Who decides in a cluster, and so how callers are judged there.
//!
//! Local evaluation is exact where roles and bindings are all that decides. That isn't taken for granted: an API server
//! may ask a webhook, read a policy file, or not look at its roles at all. So fleetgraph compares what it would evaluate
//! for its own account with what the API server lists for it, and until that has shown no difference, asks the
//! cluster for each decision. Afterwards it goes on to put some of its judgements before the cluster.

mod compare;
mod detect;
mod follow;
mod spot;

use std::fmt;
use std::sync::Arc;

pub(crate) use follow::follow;
pub(crate) use spot::Samples;

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
    pub(crate) fn new(kind: AccessKind, reason: impl Into<Arc<str>>) -> Self {
        Self { kind, reason: reason.into() }
    }
}
