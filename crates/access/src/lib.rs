//! What of each cluster a caller may see and do, by the cluster's own rules.

mod access;
pub mod rbac;
mod read;

pub use access::Access;
