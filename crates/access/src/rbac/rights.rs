//! What one principal is granted in one cluster.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use fleetgraph_core::Extent;

use super::rule::Rule;

/// A role's rules, in a namespace or everywhere.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    pub namespace: Option<Arc<str>>,
    pub rules: Arc<[Rule]>,
}

/// Everything that a principal may do in a cluster.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    all: bool,
    grants: Vec<Grant>,
}

/// A request, as an API server's authorizer sees it. An empty text stands for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    pub resource: &'a str,
    pub subresource: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
}

/// The one resource whose objects are, to authorizers, in the namespace of their own name, where a path names one.
const NAMESPACES: &str = "namespaces";
const OF_MANY: [&str; 4] = ["list", "watch", "create", "deletecollection"];

impl Rights {
    pub(super) fn new(grants: impl Iterator<Item = Grant>) -> Self {
        Self { all: false, grants: grants.collect() }
    }

    pub(super) fn all() -> Self {
        Self { all: true, grants: Vec::new() }
    }

    /// Whether there is anything at all that may be read; of some namespaces, if they are given.
    pub fn see_anything(&self, of: Option<&BTreeSet<Arc<str>>>) -> bool {
        let reads = |rule: &Rule| {
            !rule.resources.is_empty() && ["get", "list", "watch"].iter().any(|verb| rule.has_verb(verb))
        };
        let here = |grant: &Grant| match (&grant.namespace, of) {
            (Some(namespace), Some(of)) => of.contains(namespace),
            _ => true,
        };
        self.all || self.grants.iter().any(|grant| here(grant) && grant.rules.iter().any(reads))
    }

    /// Whether a request is allowed, rule by rule.
    pub fn allow(&self, request: &Attributes<'_>) -> bool {
        let Attributes { verb, group, resource, subresource, namespace, name } = request;
        self.all
            || self.grants.iter().any(|grant| {
                grant.namespace.as_ref().is_none_or(|of| **of == **namespace)
                    && grant.rules.iter().any(|rule| {
                        rule.has_verb(verb)
                            && rule.has_resource(group, resource, subresource)
                            && rule.has_name(name)
                    })
            })
    }

    /// Whether a path that is no resource's may be asked for. What is granted in a namespace is for none.
    pub fn allow_path(&self, verb: &str, path: &str) -> bool {
        self.all
            || self.grants.iter().any(|grant| {
                grant.namespace.is_none()
                    && grant.rules.iter().any(|rule| rule.has_verb(verb) && rule.has_path(path))
            })
    }

    /// All objects of a resource for which a verb is allowed, at once.
    pub fn extent(&self, verb: &str, group: &str, resource: &str, namespaced: bool) -> Extent {
        let mut extent = Extent { everywhere: self.all, ..Extent::default() };
        let in_itself = resource == NAMESPACES && group.is_empty() && !OF_MANY.contains(&verb);
        // Bindings are many and roles are few: each role is looked through once.
        let mut known: HashMap<*const Rule, Names<'_>> = HashMap::new();
        for grant in &self.grants {
            let names = known
                .entry(grant.rules.as_ptr())
                .or_insert_with(|| Names::of(&grant.rules, verb, group, resource));
            match &grant.namespace {
                None => names.add_to(&mut extent.everywhere, &mut extent.names),
                Some(namespace) if namespaced => {
                    let here = extent.namespaces.entry(Arc::clone(namespace)).or_default();
                    names.add_to(&mut here.whole, &mut here.names);
                }
                Some(namespace) if in_itself && names.has(namespace) => {
                    extent.names.insert(namespace.as_ref().into());
                }
                Some(_) => {}
            }
        }
        extent.tidied()
    }

    /// What of a resource is visible: what the API server would list, whole namespaces or all of them, and what it would
    /// give by its name.
    pub fn visible(&self, group: &str, resource: &str, namespaced: bool) -> Extent {
        let listed = self.extent("list", group, resource, namespaced).without_names();
        listed.and(self.extent("get", group, resource, namespaced))
    }
}

/// What a role's rules give of one resource.
struct Names<'a> {
    any: bool,
    names: Vec<&'a str>,
}

impl<'a> Names<'a> {
    fn of(rules: &'a [Rule], verb: &str, group: &str, resource: &str) -> Self {
        let mut this = Self { any: false, names: Vec::new() };
        for rule in rules.iter().filter(|rule| rule.has_verb(verb) && rule.has_resource(group, resource, ""))
        {
            this.any |= rule.resource_names.is_empty();
            this.names.extend(rule.resource_names.iter().map(|name| &**name));
        }
        this
    }

    fn has(&self, name: &str) -> bool {
        self.any || self.names.contains(&name)
    }

    fn add_to(&self, whole: &mut bool, names: &mut std::collections::HashSet<Box<str>>) {
        *whole |= self.any;
        names.extend(self.names.iter().map(|name| Box::from(*name)));
    }
}
