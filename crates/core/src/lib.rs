//! The words that every other crate speaks: identities of objects, what a kind is, who asks and what
//! they may see, pages, changes, freshness and error codes.
//!
//! Nothing here names a transport, a database or an API client, so that any of them can change without
//! touching the rest.

pub mod access_mode;
pub mod error;
pub mod extent;
pub mod freshness;
pub mod health;
pub mod id;
pub mod intern;
pub mod kind;
pub mod page;
pub mod principal;
pub mod quantity;
pub mod relation;
pub mod scope;
pub mod selector;
pub mod time;
pub mod write;

pub use access_mode::{AccessKind, AccessMode};
pub use error::{Error, ErrorCode};
pub use extent::{Extent, Within};
pub use freshness::{Freshness, WatchState};
pub use health::{Health, HealthState};
pub use id::{ClusterId, ObjectId};
pub use intern::{Istr, Label, Labels};
pub use kind::{IndexKey, Kind, KindMeta, Meta, OwnerRef, Text};
pub use page::{Cursor, PageRequest};
pub use principal::{Bounds, Identity, Method, Principal, SignedBy};
pub use quantity::Quantity;
pub use relation::{EdgeType, ReferenceRule, Relation};
pub use scope::{Decider, Scope, Settled, Sight, Verb, View};
pub use selector::{FieldSelector, LabelSelector};
pub use time::Timestamp;
pub use write::{Act, PatchFormat, Propagation, Write, Written};
