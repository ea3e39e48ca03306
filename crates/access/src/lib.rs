//! What of each cluster a caller may see and do, by the cluster's own rules.

pub mod rbac;
