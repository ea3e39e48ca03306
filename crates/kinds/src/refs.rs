//! The named references of an object, as its columns keep them.

use fleetgraph_core::{IndexKey, Istr, Meta, Relation};

/// References to other objects, each once, in order.
#[derive(Default)]
pub struct Refs(Box<[Ref]>);

#[derive(PartialEq, Eq)]
struct Ref {
    relation: &'static Relation,
    /// The object's own namespace if `None`; empty for a cluster-scoped target.
    namespace: Option<Istr>,
    name: Istr,
}

/// Collects references while the columns are read. An empty name refers to nothing.
#[derive(Default)]
pub struct RefsBuilder(Vec<Ref>);

impl RefsBuilder {
    /// To an object in the same namespace.
    pub fn here(&mut self, relation: &'static Relation, name: &str) {
        self.push(relation, None, name);
    }

    /// To a cluster-scoped object.
    pub fn cluster(&mut self, relation: &'static Relation, name: &str) {
        self.push(relation, Some(Istr::default()), name);
    }

    /// To an object in a namespace that is named beside it.
    pub fn in_namespace(&mut self, relation: &'static Relation, namespace: &str, name: &str) {
        self.push(relation, Some(Istr::new(namespace)), name);
    }

    fn push(&mut self, relation: &'static Relation, namespace: Option<Istr>, name: &str) {
        if name.is_empty() {
            return;
        }
        let reference = Ref { relation, namespace, name: Istr::new(name) };
        if !self.0.contains(&reference) {
            self.0.push(reference);
        }
    }

    pub fn build(self) -> Refs {
        Refs(self.0.into())
    }
}

impl Refs {
    /// Emits all of them, for [`fleetgraph_core::Kind::references`].
    pub fn emit<'a>(&'a self, meta: &'a Meta, emit: &mut dyn FnMut(IndexKey<'a>)) {
        for Ref { relation, namespace, name } in &self.0 {
            let namespace = namespace.as_ref().unwrap_or(&meta.namespace);
            emit(IndexKey::Ref { relation: relation.name, namespace, name });
        }
    }

    /// Namespace and name of those by a relation.
    pub fn by<'a>(
        &'a self,
        meta: &'a Meta,
        relation: &'static Relation,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0
            .iter()
            .filter(move |reference| reference.relation.name == relation.name)
            .map(|reference| (&**reference.namespace.as_ref().unwrap_or(&meta.namespace), &*reference.name))
    }
}
