//! The rows of a kind in a cluster that has to be asked.
//!
//! A row is seen if its kind may be listed everywhere or in its namespace, or if it may be had by its name; the latter is
//! asked only of rows that the cluster's roles, where they can be read, say it of. Otherwise each row of each list would
//! be a review.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use fleetgraph_core::{ClusterId, Decider, Extent, KindMeta, Verb, View};

use super::local::Local;
use crate::bounds;
use crate::review::{Place, Want, Wants};

pub(super) struct ByReviews {
    pub cluster: ClusterId,
    pub verb: Verb,
    pub kind: KindMeta,
    /// The caller's bounds.
    pub namespaces: Option<Arc<BTreeSet<Arc<str>>>>,
    /// What may be had by its name, as the roles say.
    pub named: Option<Arc<Extent>>,
    pub local: Arc<Local>,
    pub wants: Arc<Wants>,
    /// The namespace that was last looked at, and whether all of it may be seen: rows come in order.
    pub last: Mutex<Option<(Box<str>, Option<bool>)>>,
}

impl ByReviews {
    /// Everything, if that is known to be allowed.
    pub fn view(self) -> View {
        if self.namespaces.is_none() && self.whole("") == Some(true) {
            return View::all();
        }
        View::by(Arc::new(self))
    }

    /// Whether all of the kind may be seen in a namespace, or in none; `None` if that has to be asked.
    fn whole(&self, namespace: &str) -> Option<bool> {
        // Where one object is asked for by its name, no place is.
        if self.verb == Verb::Get {
            return Some(false);
        }
        let place = Place { namespace: namespace.into(), name: None };
        let known = self.local.decisions.allow(self.verb, &self.kind, &place);
        if known.is_none() {
            self.want(place);
        }
        known
    }

    fn want(&self, place: Place) {
        self.wants.add(&self.cluster, Want { verb: self.verb, kind: self.kind, place });
    }

    fn whole_of_row(&self, namespace: &str) -> Option<bool> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, whole)) = last.as_ref().filter(|(of, _)| **of == *namespace) {
            return *whole;
        }
        let whole = self.whole(namespace);
        *last = Some((namespace.into(), whole));
        whole
    }

    fn by_name(&self, namespace: &str, name: &str) -> bool {
        let asked = self.verb == Verb::Get || self.named.as_ref().is_some_and(|of| of.has(namespace, name));
        if !asked {
            return false;
        }
        let place = Place { namespace: namespace.into(), name: Some(name.into()) };
        self.local.decisions.allow(self.verb, &self.kind, &place).unwrap_or_else(|| {
            self.want(place);
            false
        })
    }
}

impl Decider for ByReviews {
    fn has(&self, namespace: &str, name: &str) -> bool {
        if self.namespaces.as_ref().is_some_and(|of| !bounds::has(of, &self.kind, namespace, name)) {
            return false;
        }
        match self.whole_of_row(namespace) {
            Some(true) => true,
            Some(false) => self.by_name(namespace, name),
            None => false,
        }
    }

    fn only(&self) -> Option<BTreeSet<&str>> {
        let namespaces = self.namespaces.as_ref()?;
        Some(if self.kind.namespaced {
            namespaces.iter().map(|namespace| &**namespace).collect()
        } else {
            BTreeSet::from([""])
        })
    }

    fn look_at(&self, namespace: &str) {
        let within = self.namespaces.as_ref().is_none_or(|of| of.contains(namespace));
        if self.kind.namespaced && within {
            self.whole(namespace);
        }
    }
}

impl fmt::Debug for ByReviews {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ByReviews").field("cluster", &self.cluster).finish_non_exhaustive()
    }
}
