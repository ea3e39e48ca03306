//! The objects next to an object, by the store's indexes.

use std::sync::Arc;

use cluster_registry::{AnyEntry, AnyReader, AnyStore, Edge, SharedAny};
use fleetgraph_core::{ClusterId, EdgeType, IndexKey, KindMeta, LabelSelector, OwnerRef, Relation};

use super::{Named, NamedKind, Reason, Vertex};
use crate::{
    manager::read_application,
    refs::{group_of, read_target, target},
};

/// Labels by which tools mark what they made, and the resource that they made it from. With the label of the
/// namespace, where there is one.
const MANAGERS: [(&str, Option<&str>, &str); 3] = [
    (
        "kustomize.toolkit.fluxcd.io/name",
        Some("kustomize.toolkit.fluxcd.io/namespace"),
        "kustomizations.kustomize.toolkit.fluxcd.io",
    ),
    (
        "helm.toolkit.fluxcd.io/name",
        Some("helm.toolkit.fluxcd.io/namespace"),
        "helmreleases.helm.toolkit.fluxcd.io",
    ),
    ("argocd.argoproj.io/instance", None, APPLICATIONS),
];

/// What Argo CD makes objects from. It marks them by a label or, in its newer versions, by an annotation.
pub const APPLICATIONS: &str = "applications.argoproj.io";

/// The resources that tools make objects from, with the mark that names them.
pub fn managers() -> impl Iterator<Item = (&'static str, String)> {
    let labels =
        MANAGERS.into_iter().map(|(label, _, resource)| (resource, format!("metadata.labels[{label}]")));
    let annotation = "metadata.annotations[argocd.argoproj.io/tracking-id]".to_owned();
    labels.chain([(APPLICATIONS, annotation)])
}

/// The kind of the objects that selectors choose.
const PODS: &str = "pods";

/// Which end of the reference the neighbour is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It is referred to.
    Target,
    /// It refers to the object.
    Source,
}

/// An object next to another.
pub struct Neighbour {
    pub edge: EdgeType,
    pub side: Side,
    pub target: Vertex,
}

/// Finds neighbours within a cluster.
pub struct Neighbours<'a> {
    reader: &'a AnyReader<'a>,
    cluster: &'a ClusterId,
    stores: Vec<Arc<dyn AnyStore>>,
}

impl<'a> Neighbours<'a> {
    pub fn new(reader: &'a AnyReader<'a>, cluster: &'a ClusterId) -> Self {
        Self { reader, cluster, stores: reader.stores(cluster.as_str()) }
    }

    /// What an object refers to. Gives the relations that were not followed to their end, and why.
    pub fn outgoing(&self, entry: &SharedAny, emit: &mut dyn FnMut(Neighbour)) -> Vec<(EdgeType, Reason)> {
        let mut cuts = Vec::new();
        let mut emit = |edge, target| emit(Neighbour { edge, side: Side::Target, target });
        let meta = entry.meta();
        for owner in &meta.owners {
            if let Some(owner) = self.owner(&meta.namespace, owner) {
                emit(EdgeType::OwnedBy, owner);
            }
        }
        let relations = entry.relations();
        entry.references(&mut |key| {
            if let IndexKey::Ref { relation, namespace, name } = key
                && let Some(relation) = relations.iter().find(|known| known.name == relation)
            {
                emit(relation.edge, self.named(relation, namespace, name));
            }
        });
        if let Some((relation, selector)) = entry.selector() {
            let (pods, more) = self.selected(&meta.namespace, &selector);
            if more {
                cuts.push((relation.edge, Reason::FanOut));
            }
            for pod in pods {
                emit(relation.edge, Vertex::Object(pod));
            }
        }
        for (label, of_namespace, resource) in MANAGERS {
            let Some(name) = meta.labels.get(label) else { continue };
            let namespace = of_namespace.and_then(|label| meta.labels.get(label));
            self.manager(resource, namespace, name)
                .into_iter()
                .for_each(|manager| emit(EdgeType::ManagedBy, Vertex::Object(manager)));
        }
        if let Some(application) = &meta.application {
            let (namespace, name) = read_application(application);
            self.manager(APPLICATIONS, namespace, name)
                .into_iter()
                .for_each(|manager| emit(EdgeType::ManagedBy, Vertex::Object(manager)));
        }
        cuts
    }

    /// What refers to an object: by each relation `limit` at most. Gives the relations that were not followed to
    /// their end, and why. Along `came_along`, the edge by which the object itself was reached, it does not go back to
    /// objects that aren't `seen`.
    pub fn incoming(
        &self,
        vertex: &Vertex,
        limit: usize,
        came_along: Option<EdgeType>,
        seen: &dyn Fn(&SharedAny) -> bool,
        emit: &mut dyn FnMut(Neighbour),
    ) -> Vec<(EdgeType, Reason)> {
        let mut cuts = Vec::new();
        let all = |_: &dyn AnyEntry| true;
        // Owners are named by their uid, which nobody knows of an object that isn't there.
        let (object, kind, namespace, name) = match vertex {
            Vertex::Object(entry) => {
                let meta = entry.meta();
                (Some(entry), entry.kind(), &*meta.namespace, &*meta.name)
            }
            Vertex::Named(Named { kind: NamedKind::Watched(kind), namespace, name, .. }) => {
                (None, *kind, &**namespace, &**name)
            }
            Vertex::Named(_) => return cuts,
        };
        let mut follow = |edge: EdgeType,
                          store: &dyn AnyStore,
                          key: IndexKey<'_>,
                          matches: &dyn Fn(&dyn AnyEntry) -> bool| {
            let (found, more) =
                self.reader.within(store, Some(key), Edge::Least, Edge::Greatest, limit, matches);
            if came_along == Some(edge) {
                if (more || found.iter().any(|source| !seen(source))) && !cuts.contains(&(edge, Reason::Hub))
                {
                    cuts.push((edge, Reason::Hub));
                }
                return;
            }
            if more && !cuts.contains(&(edge, Reason::FanOut)) {
                cuts.push((edge, Reason::FanOut));
            }
            for source in found {
                emit(Neighbour { edge, side: Side::Source, target: Vertex::Object(source) });
            }
        };
        let named = target(kind.kind, kind.group, name);
        for store in &self.stores {
            if let Some(meta) = object.map(|object| object.meta()) {
                let owned = |source: &dyn AnyEntry| meta.may_own(source.meta());
                follow(EdgeType::OwnedBy, &**store, IndexKey::Owner(&meta.uid), &owned);
            }
            for relation in store.relations() {
                let name = if relation.to.is_empty() {
                    &named
                } else if kind.is_resource(relation.to) {
                    name
                } else {
                    continue;
                };
                let key = IndexKey::Ref { relation: relation.name, namespace, name };
                follow(relation.edge, &**store, key, &all);
            }
            for (label, of_namespace, _) in MANAGERS.iter().filter(|manager| kind.is_resource(manager.2)) {
                let here = |entry: &dyn AnyEntry| {
                    let named = of_namespace.and_then(|label| entry.meta().labels.get(label));
                    named.is_none_or(|named| *named == *namespace)
                };
                follow(EdgeType::ManagedBy, &**store, IndexKey::Label(label, name), &here);
            }
            if kind.is_resource(APPLICATIONS) {
                let with_namespace = format!("{namespace}_{name}");
                for name in [name, &with_namespace] {
                    follow(EdgeType::ManagedBy, &**store, IndexKey::Application(name), &all);
                }
            }
        }
        if let Some(pod) = object.filter(|_| kind.is_resource(PODS)) {
            for store in self.stores.iter().filter(|store| store.selects().is_some()) {
                for source in self.selecting(&**store, pod) {
                    let Some(relation) = store.selects() else { continue };
                    let edge = relation.edge;
                    if came_along != Some(edge) {
                        emit(Neighbour { edge, side: Side::Source, target: Vertex::Object(source) });
                    } else if !seen(&source) && !cuts.contains(&(edge, Reason::Hub)) {
                        cuts.push((edge, Reason::Hub));
                    }
                }
            }
        }
        cuts
    }

    /// The objects of a kind whose selectors match a pod.
    fn selecting(&self, store: &dyn AnyStore, pod: &SharedAny) -> Vec<SharedAny> {
        let meta = pod.meta();
        let namespace = &*meta.namespace;
        let keys = meta.labels.iter().chain([("", "")]);
        let found = keys.flat_map(|(key, value)| {
            self.reader.by(store, IndexKey::Selector { namespace, key, value }, usize::MAX).0
        });
        found
            .filter(|source| source.selector().is_some_and(|(_, selector)| selector.matches(&meta.labels)))
            .collect()
    }

    /// The pods of a namespace that a selector matches, and whether there are more.
    fn selected(&self, namespace: &str, selector: &LabelSelector) -> (Vec<SharedAny>, bool) {
        let pods = self.stores.iter().find(|store| store.kind().is_resource(PODS));
        pods.map_or_else(
            || (Vec::new(), false),
            |pods| self.reader.labelled(&**pods, namespace, selector, super::FAN_OUT),
        )
    }

    /// The place of an owner; none if another object has taken its name, which is not the owner.
    fn owner(&self, namespace: &str, owner: &OwnerRef) -> Option<Vertex> {
        let group = group_of(&owner.api_version);
        let is_it = |meta: &KindMeta| *meta.kind == *owner.kind && *meta.group == *group;
        match self.find(&is_it, namespace, &owner.name) {
            Some(found) => (*found.meta().uid == *owner.uid).then_some(Vertex::Object(found)),
            None => Some(self.absent(&is_it, &owner.kind, namespace, &owner.name)),
        }
    }

    /// The object that a tool's mark names. Some marks don't say its namespace.
    pub fn manager(&self, resource: &str, namespace: Option<&str>, name: &str) -> Option<SharedAny> {
        if let Some(namespace) = namespace {
            return self.find(&|kind| kind.is_resource(resource), namespace, name);
        }
        let named = |entry: &dyn AnyEntry| *entry.meta().name == *name;
        self.stores.iter().filter(|store| store.kind().is_resource(resource)).find_map(|store| {
            self.reader.within(&**store, None, Edge::Least, Edge::Greatest, 1, &named).0.pop()
        })
    }

    /// An object of a kind by its name. A kind may have several stores, for some namespaces each.
    fn find(&self, is_it: &dyn Fn(&KindMeta) -> bool, namespace: &str, name: &str) -> Option<SharedAny> {
        self.stores.iter().filter(|store| is_it(store.kind())).find_map(|store| {
            let namespace = if store.kind().namespaced { namespace } else { "" };
            self.reader.get(&**store, namespace, name)
        })
    }

    /// The object that a reference names.
    fn named(&self, relation: &Relation, namespace: &str, name: &str) -> Vertex {
        let (kind, group, name) =
            if relation.to.is_empty() { read_target(name) } else { (relation.to, "", name) };
        let is_it = |meta: &KindMeta| {
            if relation.to.is_empty() {
                meta.kind == kind && meta.group == group
            } else {
                meta.is_resource(relation.to)
            }
        };
        self.find(&is_it, namespace, name)
            .map_or_else(|| self.absent(&is_it, kind, namespace, name), Vertex::Object)
    }

    fn absent(&self, is_it: &dyn Fn(&KindMeta) -> bool, kind: &str, namespace: &str, name: &str) -> Vertex {
        Vertex::Named(Named::new(self.cluster, &self.stores, is_it, kind, namespace, name))
    }
}
