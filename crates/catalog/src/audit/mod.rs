//! Who did what: an append-only trail in which each record holds the hash of all before it.
//!
//! ```text
//!   AuditQueue ──▶ AuditWriter ──▶ one transaction: lock the head, add records, move the head
//!
//!   audit       1 ─hash─▶ 2 ─hash─▶ 3 ─hash─▶ 4
//!   audit_head                                └ sequence 4 and its hash
//! ```
//!
//! The database's triggers refuse to change or remove records. Who goes past them, with the database's own files or as
//! its administrator, leaves a chain that [`Catalog::verify_audit`](crate::Catalog::verify_audit) finds broken, except if
//! they compute all hashes anew, from the change to the end, and the head's. Only a copy of an earlier head, kept where
//! they can't reach it, shows that; so servers write each new head to their log, and
//! `verify_audit` takes such a copy.

mod append;
mod chain;
mod query;
mod queue;
mod record;
mod refusals;
mod verify;

pub use self::chain::AuditHead;
pub use self::query::AuditFilter;
pub use self::queue::{AuditQueue, AuditWriter};
pub use self::record::{AuditEntry, AuditRecord, Outcome};
pub use self::verify::{Break, Verification};
