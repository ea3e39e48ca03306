//! Which objects of one resource a right is for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// All objects, those of some namespaces, and single ones by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    pub everywhere: bool,
    /// Whatever their namespace.
    pub names: HashSet<Box<str>>,
    pub namespaces: HashMap<Arc<str>, Within>,
}

/// Of one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Within {
    pub whole: bool,
    pub names: HashSet<Box<str>>,
}

impl Extent {
    /// Whether it has an object. `namespace` is empty for one that is in none.
    pub fn has(&self, namespace: &str, name: &str) -> bool {
        self.everywhere
            || self.names.contains(name)
            || self.namespaces.get(namespace).is_some_and(|here| here.whole || here.names.contains(name))
    }

    /// Whether it has all objects of a namespace, those that are yet to come included.
    pub fn has_all_of(&self, namespace: &str) -> bool {
        self.everywhere || self.namespaces.get(namespace).is_some_and(|here| here.whole)
    }

    pub fn is_empty(&self) -> bool {
        !self.everywhere && self.names.is_empty() && self.namespaces.is_empty()
    }

    /// Drops what something larger has already.
    pub(super) fn tidy(&mut self) {
        if self.everywhere {
            self.names.clear();
            self.namespaces.clear();
        }
        let names = &self.names;
        self.namespaces.retain(|_, here| {
            if here.whole {
                here.names.clear();
            }
            here.names.retain(|name| !names.contains(name));
            here.whole || !here.names.is_empty()
        });
    }
}
