//! Which objects of one kind in one cluster a right is for.

use std::collections::{BTreeSet, HashMap, HashSet};
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
    #[must_use]
    pub fn all() -> Self {
        Self { everywhere: true, ..Self::default() }
    }

    /// Whether it has an object. `namespace` is empty for one that is in none.
    #[must_use]
    pub fn has(&self, namespace: &str, name: &str) -> bool {
        self.everywhere
            || self
                .namespaces
                .get(namespace)
                .is_some_and(|here| here.whole || !here.names.is_empty() && here.names.contains(name))
            || !self.names.is_empty() && self.names.contains(name)
    }

    /// Whether it has all objects of a namespace, those that are yet to come included.
    #[must_use]
    pub fn has_all_of(&self, namespace: &str) -> bool {
        self.everywhere || self.namespaces.get(namespace).is_some_and(|here| here.whole)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.everywhere && self.names.is_empty() && self.namespaces.is_empty()
    }

    /// The namespaces that it has something of, in order; `None` if it may have something of any.
    #[must_use]
    pub fn only(&self) -> Option<BTreeSet<&str>> {
        let anywhere = self.everywhere || !self.names.is_empty();
        (!anywhere).then(|| self.namespaces.keys().map(|namespace| &**namespace).collect())
    }

    /// Without what it has by single names.
    #[must_use]
    pub fn without_names(mut self) -> Self {
        self.names.clear();
        self.namespaces.values_mut().for_each(|here| here.names.clear());
        self.tidied()
    }

    /// What either has.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.everywhere |= other.everywhere;
        self.names.extend(other.names);
        for (namespace, there) in other.namespaces {
            let here = self.namespaces.entry(namespace).or_default();
            here.whole |= there.whole;
            here.names.extend(there.names);
        }
        self.tidied()
    }

    /// Without what something larger has already, and without namespaces of which it has nothing.
    #[must_use]
    pub fn tidied(mut self) -> Self {
        if self.everywhere {
            return Self::all();
        }
        let names = &self.names;
        self.namespaces.retain(|_, here| {
            if here.whole {
                here.names.clear();
            }
            here.names.retain(|name| !names.contains(name));
            here.whole || !here.names.is_empty()
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(whole: bool, names: &[&str]) -> Within {
        Within { whole, names: names.iter().map(|name| Box::from(*name)).collect() }
    }

    fn extent(names: &[&str], namespaces: &[(&str, Within)]) -> Extent {
        Extent {
            everywhere: false,
            names: names.iter().map(|name| Box::from(*name)).collect(),
            namespaces: namespaces.iter().map(|(name, here)| (Arc::from(*name), here.clone())).collect(),
        }
    }

    #[test]
    fn two_extents_together_have_what_either_has() {
        let one = extent(&["x"], &[("a", within(true, &[])), ("b", within(false, &["y"]))]);
        let other = extent(&[], &[("b", within(true, &[])), ("c", within(false, &["x"]))]);
        let both = one.clone().and(other.clone());
        for namespace in ["a", "b", "c", ""] {
            for name in ["x", "y", "z"] {
                let either = one.has(namespace, name) || other.has(namespace, name);
                assert_eq!(both.has(namespace, name), either, "{namespace}/{name}");
            }
        }
        // What a name gives everywhere, it need not give again.
        assert!(!both.namespaces.contains_key("c"));
        assert_eq!(both.and(Extent::all()), Extent::all());
    }

    #[test]
    fn an_extent_knows_the_namespaces_that_it_keeps_to() {
        let two = extent(&[], &[("b", within(false, &["y"])), ("a", within(true, &[]))]);
        assert_eq!(two.only(), Some(["a", "b"].into()));
        assert_eq!(extent(&["x"], &[("a", within(true, &[]))]).only(), None);
        assert_eq!(Extent::all().only(), None);
        assert_eq!(two.without_names().only(), Some(["a"].into()));
        assert_eq!(Extent::default().only(), Some([].into()));
    }
}
