//! What is asked of a cluster: may this subject do that?

use std::collections::BTreeMap;
use std::sync::Arc;

use fleetgraph_core::{KindMeta, Principal, Verb};
use serde::Serialize;

use crate::bounds::are_namespaces;

/// Who a review is about: everything of a principal that a cluster knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct Subject {
    pub user: Arc<str>,
    #[serde(skip_serializing_if = "is_empty")]
    pub uid: Arc<str>,
    pub groups: Arc<[Arc<str>]>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extra: Arc<BTreeMap<String, Vec<String>>>,
}

fn is_empty(text: &Arc<str>) -> bool {
    text.is_empty()
}

impl Subject {
    pub fn of(principal: &Principal) -> Self {
        let Principal { user, uid, groups, extra, .. } = principal;
        Self {
            user: Arc::clone(user),
            uid: Arc::clone(uid),
            groups: Arc::clone(groups),
            extra: Arc::clone(extra),
        }
    }
}

/// A verb of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    Get,
    List,
    Watch,
    Unmask,
}

impl Action {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Watch => "watch",
            Self::Unmask => "unmask",
        }
    }
}

/// Where: everywhere, in a namespace, or one object. The namespace of a cluster-scoped object is empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    pub namespace: Box<str>,
    pub name: Option<Box<str>>,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub action: Action,
    pub kind: KindMeta,
    pub place: Place,
}

/// The attributes of the request that the subject would send.
#[derive(Debug, Serialize)]
pub(crate) struct Attributes<'a> {
    pub verb: &'a str,
    pub group: &'a str,
    pub version: &'a str,
    pub resource: &'a str,
    pub namespace: &'a str,
    pub name: &'a str,
}

impl Question {
    pub fn attributes(&self) -> Attributes<'_> {
        let Self { action, kind, place } = self;
        let name = place.name.as_deref().unwrap_or_default();
        // A path that names a namespace is in it.
        let in_itself = are_namespaces(kind) && matches!(action, Action::Get | Action::Unmask);
        Attributes {
            verb: action.as_str(),
            group: kind.group,
            version: kind.version,
            resource: kind.plural,
            namespace: if in_itself { name } else { &place.namespace },
            name,
        }
    }
}

/// The questions by which something may be seen: one that is allowed is enough. They are asked in this order, each when
/// those before it are denied.
pub(crate) fn ways(verb: Verb, kind: &KindMeta, place: &Place) -> Vec<Question> {
    let question = |action, namespace: &str, name: Option<&Box<str>>| Question {
        action,
        kind: *kind,
        place: Place { namespace: namespace.into(), name: name.cloned() },
    };
    let (many, one) = match verb {
        Verb::Get => (None, Action::Get),
        // What may be listed, and what may be had by its name.
        Verb::List => (Some(Action::List), Action::Get),
        // A watch of a single object names it in its field selector, and authorizers are told the name.
        Verb::Watch => (Some(Action::Watch), Action::Watch),
        Verb::Unmask => (Some(Action::Unmask), Action::Unmask),
    };
    let mut ways = Vec::new();
    if let Some(many) = many {
        ways.push(question(many, "", None));
        if kind.namespaced && !place.namespace.is_empty() {
            ways.push(question(many, &place.namespace, None));
        }
    }
    if place.name.is_some() {
        ways.push(question(one, &place.namespace, place.name.as_ref()));
    }
    ways
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Kind;
    use kinds::{Namespace, Node, Pod};

    use super::*;

    fn asked(verb: Verb, kind: &KindMeta, namespace: &str, name: Option<&str>) -> Vec<String> {
        let place = Place { namespace: namespace.into(), name: name.map(Box::from) };
        let ways = ways(verb, kind, &place);
        let text = |question: &Question| {
            let Attributes { verb, resource, namespace, name, .. } = question.attributes();
            format!("{verb} {resource} {namespace}/{name}")
        };
        ways.iter().map(text).collect()
    }

    #[test]
    fn a_list_is_asked_for_everywhere_then_in_the_namespace_then_by_name() {
        let wanted = ["list pods /", "list pods shop/", "get pods shop/cart"];
        assert_eq!(asked(Verb::List, &Pod::META, "shop", Some("cart")), wanted);
        assert_eq!(asked(Verb::List, &Pod::META, "shop", None), wanted[..2]);
        assert_eq!(asked(Verb::List, &Node::META, "", Some("one")), ["list nodes /", "get nodes /one"]);
    }

    #[test]
    fn one_object_is_asked_for_by_its_name_alone() {
        assert_eq!(asked(Verb::Get, &Pod::META, "shop", Some("cart")), ["get pods shop/cart"]);
    }

    #[test]
    fn a_namespace_that_a_path_names_is_in_itself() {
        let wanted = ["list namespaces /", "get namespaces shop/shop"];
        assert_eq!(asked(Verb::List, &Namespace::META, "", Some("shop")), wanted);
        let wanted = ["watch namespaces /", "watch namespaces /shop"];
        assert_eq!(asked(Verb::Watch, &Namespace::META, "", Some("shop")), wanted);
        let wanted = ["unmask namespaces /", "unmask namespaces shop/shop"];
        assert_eq!(asked(Verb::Unmask, &Namespace::META, "", Some("shop")), wanted);
    }
}
