//! A simulated Kubernetes API server: many clusters in one process, over HTTPS, with faults on command.
//!
//! Nobody has a thousand clusters at hand, and no real control plane goes wrong when it is told to. This one does both,
//! and what it answers is compared with a real kube-apiserver, request by request (`tests/differential`).
//!
//! ```text
//!   Simulator ── one HTTPS listener: /clusters/<name>/api/v1/…      kubeconfig(name)
//!       └─ Cluster (a handle)   create · update · patch · delete · get · list · subscribe · seed · snapshot · restore
//!            └─ store           per resource: ordered persistent map, bounded events
//!                 └─ Object     a shared template and its slots, or text of its own
//! ```
//!
//! It knows no Kubernetes client and shares no code with the rest of the workspace: a simulator that took its parsers
//! from the code under test would agree with itself.

mod clock;
mod cluster;
pub mod controllers;
mod convert;
mod error;
mod faults;
mod object;
mod resources;
mod schema;
mod selector;
mod server;
mod store;
mod validate;
pub mod world;

pub use clock::Clock;
pub use cluster::{
    AccessRequest, Cluster, ClusterOptions, DeleteOptions, Deletion, List, ListOptions, Part, Patch,
    Propagation, Seed, Snapshot, Subscription, User, VersionMatch, WatchEnd, WriteOptions,
};
pub use error::{ApiError, Cause};
pub use faults::{ErrorFault, Faults, Flap, Latency};
pub use object::{Key, Object, Slot, Template, TemplateError, Uid, intern};
pub use resources::{Resource, Storage, Subresource};
pub use selector::Selection;
pub use server::{LOOPBACK, Simulator};
pub use store::{Event, EventKind};
