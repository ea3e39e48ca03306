//! The roles and bindings of one cluster.

use std::collections::HashMap;
use std::sync::Arc;

use fleetgraph_core::Principal;

use super::rights::{Grant, Rights};
use super::rule::Rule;

/// `Role` (with a namespace) or `ClusterRole` (without). The rules of an aggregated role are those that the cluster's
/// controller has written into it: the API server looks at nothing else.
#[derive(Debug, Clone)]
pub struct Role {
    pub namespace: Option<Arc<str>>,
    pub name: Arc<str>,
    pub rules: Arc<[Rule]>,
}

/// `RoleBinding` (with a namespace) or `ClusterRoleBinding` (without).
#[derive(Debug, Clone)]
pub struct Binding {
    pub namespace: Option<Arc<str>>,
    pub role: RoleRef,
    pub subjects: Vec<Subject>,
}

/// The role that a binding grants. A cluster role binding can name a cluster role only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleRef {
    Role(Arc<str>),
    ClusterRole(Arc<str>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    User(Arc<str>),
    Group(Arc<str>),
    /// In the binding's namespace, if it names none.
    ServiceAccount {
        namespace: Option<Arc<str>>,
        name: Arc<str>,
    },
}

/// Whoever is in it may do anything, whatever the roles say.
const MASTERS: &str = "system:masters";

/// Namespace and name; the namespace of a cluster role is empty.
type RoleKey = (Arc<str>, Arc<str>);

/// Bindings by their subjects, and roles by their names.
#[derive(Debug, Default)]
pub struct Policy {
    roles: HashMap<RoleKey, Arc<[Rule]>>,
    bindings: Vec<(Option<Arc<str>>, RoleRef)>,
    users: HashMap<Arc<str>, Vec<usize>>,
    groups: HashMap<Arc<str>, Vec<usize>>,
}

impl Policy {
    pub fn new(roles: impl IntoIterator<Item = Role>, bindings: impl IntoIterator<Item = Binding>) -> Self {
        let mut policy = Self::default();
        for Role { namespace, name, rules } in roles {
            policy.roles.insert((namespace.unwrap_or_default(), name), rules);
        }
        for Binding { namespace, role, subjects } in bindings {
            let number = policy.bindings.len();
            for subject in subjects {
                let (map, key) = match subject {
                    Subject::User(name) => (&mut policy.users, name),
                    Subject::Group(name) => (&mut policy.groups, name),
                    Subject::ServiceAccount { namespace: own, name } => {
                        // One that has no namespace anywhere is nobody.
                        let Some(of) = own.or_else(|| namespace.clone()).filter(|of| !of.is_empty()) else {
                            continue;
                        };
                        (&mut policy.users, Arc::from(format!("system:serviceaccount:{of}:{name}")))
                    }
                };
                map.entry(key).or_default().push(number);
            }
            policy.bindings.push((namespace, role));
        }
        policy
    }

    /// All that a principal is granted. A role that isn't there grants nothing.
    pub fn rights(&self, principal: &Principal) -> Rights {
        if principal.groups.iter().any(|group| **group == *MASTERS) {
            return Rights::all();
        }
        Rights::new(self.granted(principal))
    }

    /// The rules for resources that a principal is granted in a namespace, as they stand in the roles: what an API server
    /// lists by `SelfSubjectRulesReview`, which knows no masters.
    pub fn rules(&self, principal: &Principal, namespace: &str) -> Vec<Rule> {
        let here = |grant: &Grant| grant.namespace.as_ref().is_none_or(|of| **of == *namespace);
        let rules = self.granted(principal).filter(here).flat_map(|grant| grant.rules.to_vec());
        rules.filter(|rule| !rule.resources.is_empty()).collect()
    }

    fn granted(&self, principal: &Principal) -> impl Iterator<Item = Grant> {
        let of_groups = principal.groups.iter().filter_map(|group| self.groups.get(group));
        let mut numbers: Vec<usize> =
            self.users.get(&principal.user).into_iter().chain(of_groups).flatten().copied().collect();
        // Once, however many of the principal's names a binding has.
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().filter_map(|number| {
            let (namespace, role) = self.bindings.get(number)?;
            let rules = match role {
                RoleRef::Role(name) => {
                    self.roles.get(&(namespace.clone().filter(|of| !of.is_empty())?, Arc::clone(name)))
                }
                RoleRef::ClusterRole(name) => self.roles.get(&(Arc::default(), Arc::clone(name))),
            }?;
            Some(Grant { namespace: namespace.clone(), rules: Arc::clone(rules) })
        })
    }
}
