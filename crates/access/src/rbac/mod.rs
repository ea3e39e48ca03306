//! Kubernetes' role-based access control, evaluated from a copy of a cluster's roles and bindings, exactly as its API
//! server does it: allow rules only, in any order, and whatever can't be found grants nothing.
//!
//! ```text
//!   roles, bindings ─▶ Policy ── principal ─▶ Rights ── verb, kind ─▶ Extent: everywhere · namespaces · names
//! ```

mod policy;
mod rights;
mod rule;

pub use policy::{Binding, Policy, Role, RoleRef, Subject};
pub use rights::{Attributes, Rights};
pub use rule::Rule;
