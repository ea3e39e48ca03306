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

/// The name of an object whose kind a reference says too, as [`IndexKey::Ref`] has it: `Deployment.apps/cart`,
/// `Pod/cart`. A reference without an API version means the kind of the table.
pub fn of_kind(kind: &str, api_version: &str, name: &str) -> String {
    let known = || crate::KINDS.iter().find(|known| known.kind == kind).map_or("", |known| known.group);
    let group = if api_version.is_empty() { known() } else { group_of(api_version) };
    target(kind, group, name)
}

/// The same for an object that is there.
pub fn target(kind: &str, group: &str, name: &str) -> String {
    if group.is_empty() { format!("{kind}/{name}") } else { format!("{kind}.{group}/{name}") }
}

/// Kind, group and name.
pub fn read_target(text: &str) -> (&str, &str, &str) {
    let (kind, name) = text.split_once('/').unwrap_or(("", text));
    let (kind, group) = kind.split_once('.').unwrap_or((kind, ""));
    (kind, group, name)
}

/// The group of an API version: `apps` of `apps/v1`, nothing of `v1`.
pub fn group_of(api_version: &str) -> &str {
    api_version.rsplit_once('/').map_or("", |(group, _)| group)
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

#[cfg(test)]
pub mod tests {
    use fleetgraph_core::{Kind, Labels};

    use super::*;

    /// An object `it` of the namespace `shop`.
    pub fn meta() -> Meta {
        Meta {
            namespace: Istr::new("shop"),
            name: "it".into(),
            uid: "u".into(),
            resource_version: "1".into(),
            generation: 0,
            labels: Labels::default(),
            owners: Box::default(),
            created: None,
            deleted: None,
            application: None,
        }
    }

    /// The references of an object of the namespace `shop`: relation, namespace, name.
    pub fn references<K: Kind>(object: &str) -> Vec<(&'static str, String, String)> {
        let (meta, columns) = (meta(), K::columns(object).unwrap());
        let mut found = Vec::new();
        K::references(&meta, &columns, &mut |key| {
            if let IndexKey::Ref { relation, namespace, name } = key {
                found.push((relation, namespace.to_owned(), name.to_owned()));
            }
        });
        found
    }

    #[test]
    fn the_kind_of_a_target_is_told_from_another_groups() {
        for (kind, api_version, expected) in [
            ("Deployment", "apps/v1", "Deployment.apps/cart"),
            ("Pod", "v1", "Pod/cart"),
            ("Service", "serving.knative.dev/v1", "Service.serving.knative.dev/cart"),
            ("Deployment", "", "Deployment.apps/cart"),
            ("Widget", "", "Widget/cart"),
        ] {
            assert_eq!(of_kind(kind, api_version, "cart"), expected);
        }
        assert_eq!(read_target("Service.serving.knative.dev/a.b"), ("Service", "serving.knative.dev", "a.b"));
        assert_eq!(read_target("Pod/a.b"), ("Pod", "", "a.b"));
    }

    #[test]
    fn a_reference_stands_once_and_an_empty_name_never() {
        const A: Relation =
            Relation { name: "x.a", edge: fleetgraph_core::EdgeType::Uses, to: "as", field: "a" };
        let mut refs = RefsBuilder::default();
        refs.here(&A, "one");
        refs.here(&A, "one");
        refs.here(&A, "");
        refs.cluster(&A, "one");
        let (meta, refs) = (meta(), refs.build());
        assert_eq!(Vec::from_iter(refs.by(&meta, &A)), [("shop", "one"), ("", "one")]);
    }
}
