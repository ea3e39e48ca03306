//! Who is calling, and what of which cluster they may see.
//!
//! Both are explicit values that are passed down; nothing looks them up from the surroundings. Every way to
//! data takes a [`Scope`]: there is no read without one.

use std::sync::Arc;

use crate::{ClusterId, KindMeta};

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The user's name, as Kubernetes' RBAC knows it.
    pub user: Arc<str>,
    pub groups: Arc<[Arc<str>]>,
}

impl Principal {
    /// A caller on loopback, while there is no authentication: the server listens nowhere else.
    #[must_use]
    pub fn loopback() -> Self {
        Self { user: Arc::from("system:loopback"), groups: Arc::from([]) }
    }
}

/// What of the fleet a caller may see.
///
/// Its fields are private, so that widening a scope is possible in this module only.
#[derive(Debug, Clone)]
pub struct Scope {
    rights: Rights,
}

#[derive(Debug, Clone)]
enum Rights {
    Everything,
}

impl Scope {
    /// The scope of fleetgraph itself, and of loopback callers while there is no authentication.
    #[must_use]
    pub const fn everything() -> Self {
        Self { rights: Rights::Everything }
    }

    /// Whether the caller may know that a cluster exists.
    #[must_use]
    pub fn allows_cluster(&self, _cluster: &ClusterId) -> bool {
        match self.rights {
            Rights::Everything => true,
        }
    }

    /// Whether the caller may see every object of a kind in every cluster, so that no object needs a look.
    #[must_use]
    pub fn allows_all<K: crate::Kind>(&self) -> bool {
        match self.rights {
            Rights::Everything => true,
        }
    }

    /// Whether the caller may see an object. `namespace` is empty for a cluster-scoped one.
    #[must_use]
    pub fn allows(&self, _cluster: &ClusterId, _kind: &KindMeta, _namespace: &str, _name: &str) -> bool {
        match self.rights {
            Rights::Everything => true,
        }
    }
}
