//! Who is calling, and what of each cluster they may see and do, by the cluster's own rules.

mod access;
pub mod authn;
mod bounds;
mod caller;
mod member;
mod mode;
pub mod quota;
pub mod rbac;
mod read;
mod review;
mod rules;
mod settings;
mod write;

pub use access::Access;
pub use mode::{AccessKind, AccessMode};
pub use settings::Settings;
