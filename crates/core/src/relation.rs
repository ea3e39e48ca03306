//! How kinds refer to each other. A kind declares its relations once; the store indexes them, and typed fields,
//! graphs and the documentation are made from the same declaration.

/// What a relation means, read from the object that refers to the one that is referred to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EdgeType {
    /// `metadata.ownerReferences`: a pod is owned by its ReplicaSet.
    OwnedBy,
    /// A pod runs on its node.
    RunsOn,
    /// It reads, mounts or acts as the other: a pod uses a config map.
    Uses,
    /// Its label selector matches the other: a service selects pods.
    Selects,
    /// A claim is bound to its volume, and a volume to its claim.
    BoundTo,
    /// Traffic goes there: an ingress routes to services.
    RoutesTo,
    /// An autoscaler scales a workload.
    Scales,
    /// A binding grants a role.
    Grants,
    /// A binding grants to a service account.
    GrantsTo,
    /// An event concerns an object.
    Concerns,
    /// A custom resource is an instance of its definition.
    InstanceOf,
    /// A tool such as Flux made it from the other.
    ManagedBy,
    /// By a rule from the configuration.
    RefersTo,
}

impl EdgeType {
    pub const ALL: [Self; 13] = [
        Self::OwnedBy,
        Self::RunsOn,
        Self::Uses,
        Self::Selects,
        Self::BoundTo,
        Self::RoutesTo,
        Self::Scales,
        Self::Grants,
        Self::GrantsTo,
        Self::Concerns,
        Self::InstanceOf,
        Self::ManagedBy,
        Self::RefersTo,
    ];
}

/// A relation that a kind declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Relation {
    /// Unique over all kinds: `pod.node`.
    pub name: &'static str,
    pub edge: EdgeType,
    /// The resource that is referred to: `nodes`, `ingresses.networking.k8s.io`. Empty if an object may refer to
    /// any kind; the kind then stands before the name: `Deployment/cart`.
    pub to: &'static str,
    /// Where the reference is written: `spec.nodeName`.
    pub field: &'static str,
}

/// A rule of the configuration: where custom resources name other objects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReferenceRule {
    pub relation: Relation,
    /// JSONPath in the object, to a name or names.
    pub path: &'static str,
    /// Whether the other lies in a namespace: the object's own.
    pub namespaced: bool,
}
