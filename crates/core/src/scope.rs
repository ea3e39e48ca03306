//! What of which cluster a caller may see: an explicit value that is passed down, and that nothing looks up from the
//! surroundings. Every way to data takes a [`Scope`]: there is no read without one.
//!
//! ```text
//!   Scope ── Sight ─┬─ view(cluster, verb, kind) ─▶ View: everything · an extent · object by object
//!                   ├─ allows(…, namespace, name)   one object, for look-ups by name
//!                   └─ settle()                     finds out what was looked up and isn't known yet
//! ```
//!
//! A look-up never waits. Where a decision has to be asked for elsewhere, it answers "not visible", and remembers the
//! question; whoever executes the request settles the scope then, and executes it again if that brought anything.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use crate::{AccessMode, ClusterId, Error, Extent, KindMeta};

/// What a caller does with what is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Asks for one object by its name.
    Get,
    /// Everything else that reads: what may be listed, and what may be had by its name.
    List,
    /// Is told of changes.
    Watch,
    /// Sees what is masked as personal data of an object that may be seen. No request to an API server has this verb; roles
    /// grant it as they grant `impersonate` or `bind`.
    Unmask,
}

/// What [`Sight::settle`] gives.
pub type Settled<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// What one caller may see, as somebody finds it out.
pub trait Sight: Debug + Send + Sync {
    /// Whether the caller may know that a cluster exists.
    fn has_cluster(&self, cluster: &ClusterId) -> bool;

    /// What of a kind may be seen.
    fn view(&self, cluster: &ClusterId, verb: Verb, kind: &KindMeta) -> View;

    /// Whether one object may be seen; `namespace` is empty for a cluster-scoped one. For a single look-up, where
    /// there may be more to ask than for each row of a list.
    fn allows(&self, cluster: &ClusterId, verb: Verb, kind: &KindMeta, namespace: &str, name: &str) -> bool {
        self.view(cluster, verb, kind).has(namespace, name)
    }

    /// Why something of a cluster may be missing though the caller may see it, if it may.
    fn problem(&self, cluster: &ClusterId) -> Option<Error> {
        let _ = cluster;
        None
    }

    /// How the caller is judged in a cluster; nothing of one that the caller may not know of.
    fn mode(&self, cluster: &ClusterId) -> Option<AccessMode> {
        let _ = cluster;
        None
    }

    /// See [`Scope::settle`].
    fn settle(&self) -> Settled<'_> {
        Box::pin(std::future::ready(false))
    }
}

/// Decides object by object, where nobody knows beforehand what may be seen.
pub trait Decider: Debug + Send + Sync {
    fn has(&self, namespace: &str, name: &str) -> bool;

    /// The namespaces outside of which there is nothing to see, in order; `None` if there may be something anywhere.
    fn only(&self) -> Option<BTreeSet<&str>> {
        None
    }

    /// Notes that a namespace is looked at, whether or not there is anything in it.
    fn look_at(&self, namespace: &str);
}

/// What of the fleet a caller may see. Cheap to clone.
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
            Rights::Everything => View::all(),
            Rights::Of(sight) => sight.view(cluster, self.verb, kind),
        }
    }

    /// Whether the caller may see one object that is looked up by its name. `namespace` is empty for a cluster-scoped
    /// one. Rows of lists are looked at by [`Scope::view`].
    #[must_use]
    pub fn allows(&self, cluster: &ClusterId, kind: &KindMeta, namespace: &str, name: &str) -> bool {
        match &self.rights {
            Rights::Everything => true,
            Rights::Of(sight) => sight.allows(cluster, self.verb, kind, namespace, name),
        }
    }

    /// Why something of a cluster may be missing though the caller may see it, if it may. Only of clusters that
    /// the caller may know of.
    #[must_use]
    pub fn problem(&self, cluster: &ClusterId) -> Option<Error> {
        match &self.rights {
            Rights::Everything => None,
            Rights::Of(sight) => sight.problem(cluster),
        }
    }

    /// How the caller is judged in a cluster; nothing where nobody is judged, or of one that the caller may not know of.
    #[must_use]
    pub fn mode(&self, cluster: &ClusterId) -> Option<AccessMode> {
        match &self.rights {
            Rights::Everything => None,
            Rights::Of(sight) => sight.mode(cluster),
        }
    }

    /// Finds out what was looked up with this scope, or a clone of it, and was not known; within a bound of time.
    /// `true` if the same look-ups may answer otherwise now, be it that they name a [`Scope::problem`]: then what was
    /// read should be read again. A request does so a bounded number of times; a subscription, when it lets an
    /// object pass that it is not sure of.
    pub async fn settle(&self) -> bool {
        match &self.rights {
            Rights::Everything => false,
            Rights::Of(sight) => sight.settle().await,
        }
    }
}

/// What of one kind in one cluster a caller may see.
#[derive(Debug, Clone)]
pub struct View(Seen);

#[derive(Debug, Clone)]
enum Seen {
    All,
    Of(Arc<Extent>),
    By(Arc<dyn Decider>),
}

impl View {
    #[must_use]
    pub const fn all() -> Self {
        Self(Seen::All)
    }

    #[must_use]
    pub fn nothing() -> Self {
        Self(Seen::Of(Arc::default()))
    }

    #[must_use]
    pub fn of(extent: Arc<Extent>) -> Self {
        if extent.everywhere { Self::all() } else { Self(Seen::Of(extent)) }
    }

    #[must_use]
    pub fn by(decider: Arc<dyn Decider>) -> Self {
        Self(Seen::By(decider))
    }

    /// Whether no object needs a look.
    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!(self.0, Seen::All)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Seen::Of(extent) if extent.is_empty())
    }

    #[must_use]
    pub fn has(&self, namespace: &str, name: &str) -> bool {
        match &self.0 {
            Seen::All => true,
            Seen::Of(extent) => extent.has(namespace, name),
            Seen::By(decider) => decider.has(namespace, name),
        }
    }

    /// The namespaces outside of which there is nothing to see, in order; `None` if there may be something anywhere.
    #[must_use]
    pub fn only(&self) -> Option<BTreeSet<&str>> {
        match &self.0 {
            Seen::All => None,
            Seen::Of(extent) => extent.only(),
            Seen::By(decider) => decider.only(),
        }
    }

    /// The view of a reader who names namespaces. What has to be asked for them is asked whether or not there is
    /// anything in them, so that the time that an answer takes does not tell.
    #[must_use]
    pub fn looking_at<'a>(self, namespaces: impl IntoIterator<Item = &'a str>) -> Self {
        if let Seen::By(decider) = &self.0 {
            namespaces.into_iter().for_each(|namespace| decider.look_at(namespace));
        }
        self
    }
}
