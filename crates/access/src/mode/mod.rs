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

pub(crate) use follow::follow;
pub(crate) use spot::Samples;

pub use fleetgraph_core::{AccessKind, AccessMode};
