//! What of which cluster a caller may see: an explicit value that is passed down, and that nothing looks up from the
//! surroundings. Every way to data takes a [`Scope`]: there is no read without one.

use std::fmt::Debug;
use std::sync::Arc;

use crate::{ClusterId, Extent, KindMeta};

/// What a caller does with what is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Asks for one object by its name.
    Get,
    /// Everything else that reads: what may be listed, and what may be had by its name.
    List,
    /// Is told of changes.
    Watch,
}

/// What one caller may see, as somebody finds it out.
pub trait Sight: Debug + Send + Sync {
    /// Whether the caller may know that a cluster exists.
    fn has_cluster(&self, cluster: &ClusterId) -> bool;

    fn extent(&self, cluster: &ClusterId, verb: Verb, kind: &KindMeta) -> Arc<Extent>;
}

/// What of the fleet a caller may see.
///
/// Its fields are private, so that widening a scope is possible in this module only.
#[derive(Debug, Clone)]
pub struct Scope {
    rights: Rights,
    verb: Verb,
}

#[derive(Debug, Clone)]
enum Rights {
    Everything,
    Of(Arc<dyn Sight>),
}

impl Scope {
    /// The scope of fleetgraph itself, and of loopback callers while there is no authentication.
    #[must_use]
    pub const fn everything() -> Self {
        Self { rights: Rights::Everything, verb: Verb::List }
    }

    /// Of a caller who sees this much, to read.
    #[must_use]
    pub fn of(sight: Arc<dyn Sight>) -> Self {
        Self { rights: Rights::Of(sight), verb: Verb::List }
    }

    /// The same caller's, to do something else.
    #[must_use]
    pub fn to(&self, verb: Verb) -> Self {
        Self { rights: self.rights.clone(), verb }
    }

    /// Whether the caller may know that a cluster exists.
    #[must_use]
    pub fn allows_cluster(&self, cluster: &ClusterId) -> bool {
        match &self.rights {
            Rights::Everything => true,
            Rights::Of(sight) => sight.has_cluster(cluster),
        }
    }

    /// What of a kind in a cluster the caller may see; asked for once, it tells of each object quickly.
    #[must_use]
    pub fn view(&self, cluster: &ClusterId, kind: &KindMeta) -> View {
        match &self.rights {
            Rights::Everything => View(None),
            Rights::Of(sight) if sight.has_cluster(cluster) => {
                let extent = sight.extent(cluster, self.verb, kind);
                View((!extent.everywhere).then_some(extent))
            }
            Rights::Of(_) => View(Some(Arc::default())),
        }
    }

    /// Whether the caller may see an object. `namespace` is empty for a cluster-scoped one.
    #[must_use]
    pub fn allows(&self, cluster: &ClusterId, kind: &KindMeta, namespace: &str, name: &str) -> bool {
        self.view(cluster, kind).has(namespace, name)
    }
}

/// What of one kind in one cluster a caller may see: everything, or an extent.
#[derive(Debug, Clone)]
pub struct View(Option<Arc<Extent>>);

impl View {
    /// Whether no object needs a look.
    #[must_use]
    pub fn is_all(&self) -> bool {
        self.0.is_none()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_ref().is_some_and(|extent| extent.is_empty())
    }

    #[must_use]
    pub fn has(&self, namespace: &str, name: &str) -> bool {
        self.0.as_ref().is_none_or(|extent| extent.has(namespace, name))
    }

    /// The namespaces outside of which there is nothing to see, in order; `None` if there may be something anywhere.
    #[must_use]
    pub fn only(&self) -> Option<std::collections::BTreeSet<&str>> {
        self.0.as_ref()?.only()
    }
}
