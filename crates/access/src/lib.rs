//! Who is calling, and what of each cluster they may see and do, by the cluster's own rules.

mod access;
pub mod authn;
pub mod quota;
pub mod rbac;
mod read;

pub use access::Access;
