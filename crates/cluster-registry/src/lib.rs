//! The registry of clusters: connections, watches, and the copy of the fleet that all answers come from.
//!
//! ```text
//!   Registry ── Cluster ─┬─ Connection   client, breaker, rate limit, credentials that rotate
//!                        ├─ health       version, components, latency, last contact
//!                        └─ Store<K> …   one for each kind, filled by one Watch<K>
//!            └─ Hub<K> …                 changes of a kind over all clusters, numbered
//! ```
//!
//! It is generic over [`fleetgraph_core::Kind`] and does not know the table of kinds.

mod any;
mod audit;
pub mod breaker;
mod cluster;
mod codec;
pub mod connection;
mod delta;
mod discovery;
mod entry;
pub mod health;
mod kinds;
mod observe;
pub mod pii;
mod raw;
mod read;
mod registry;
mod settings;
mod store;
mod watch;

pub use any::{AnyEntry, AnyReader, AnyStore, Look, SharedAny};
pub use cluster::{Cluster, ClusterChange, ClusterDelta};
pub use codec::DecodeError;
pub use delta::{Change, Delta, Hub, Missed};
pub use discovery::Discovered;
pub use entry::{Entry, Shared};
pub use kinds::{DEFAULT_KINDS, KindSet};
pub use read::{Matches, Query, Reader, Selection, not_watched, unknown_cluster};
pub use registry::Registry;
pub use settings::Settings;
pub use store::{Edge, Pulse, Snapshot, Store};
