//! Graphs as GraphQL shows them.

use std::{collections::HashSet, sync::Arc};

use async_graphql::{Context, Enum, ID, Object};
use fleetgraph_core::{EdgeType, KindMeta};

use super::{Edge, Graph, NamedKind, Reason, Side, Vertex, neighbours::Neighbours, render};
use crate::{health::ObjectHealth, interface::AnyResource, reference::ObjectReference, viewer::Viewer};

/// What a relation means, read from the object that refers to the one that is referred to.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "EdgeType", remote = "fleetgraph_core::EdgeType")]
pub enum EdgeKind {
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

/// Which way references are followed.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "GraphDirection")]
pub enum Direction {
    /// To what an object refers to: what it depends on.
    Outgoing,
    /// To what refers to an object: what depends on it.
    Incoming,
    Both,
}

/// Why a graph does not go on.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
#[graphql(name = "GraphCutReason")]
pub enum CutReason {
    /// The depth that was asked for is reached.
    Depth,
    /// The graph has as many objects as it may have.
    Size,
    /// More objects refer to this one by one relation than are followed.
    FanOut,
    /// The walk does not go back from a shared object to its other users.
    Hub,
}

impl From<Reason> for CutReason {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::Depth => Self::Depth,
            Reason::Size => Self::Size,
            Reason::FanOut => Self::FanOut,
            Reason::Hub => Self::Hub,
        }
    }
}

/// Objects and their relations, as far as a walk from one of them came.
pub struct ResourceGraph(pub Arc<Graph>);

#[Object]
impl ResourceGraph {
    /// Where the walk began.
    async fn root(&self) -> GraphNode {
        GraphNode { graph: Arc::clone(&self.0), number: 0 }
    }

    /// All objects, the root first, then by their distance from it.
    async fn nodes(&self) -> Vec<GraphNode> {
        let node = |number| GraphNode { graph: Arc::clone(&self.0), number };
        (0..self.0.places.len()).map(node).collect()
    }

    async fn edges(&self) -> Vec<GraphEdge> {
        let edge = |edge: &Edge| GraphEdge { graph: Arc::clone(&self.0), edge: *edge };
        self.0.edges.iter().map(edge).collect()
    }

    /// Whether there is more that the walk did not go to; `cuts` say where and why.
    async fn truncated(&self) -> bool {
        !self.0.cuts.is_empty()
    }

    async fn cuts(&self) -> Vec<GraphCut> {
        let cut = |number| GraphCut { graph: Arc::clone(&self.0), number };
        (0..self.0.cuts.len()).map(cut).collect()
    }

    /// The graph as a Mermaid flow chart.
    async fn mermaid(&self) -> String {
        render::mermaid(&self.0)
    }

    /// The graph in Graphviz's DOT language.
    async fn dot(&self) -> String {
        render::dot(&self.0)
    }
}

/// An object of a graph.
struct GraphNode {
    graph: Arc<Graph>,
    number: usize,
}

impl GraphNode {
    fn vertex(&self) -> &Vertex {
        &self.graph.places[self.number].vertex
    }
}

#[Object]
impl GraphNode {
    /// Unique over all kinds: `deployments.apps/prod:shop:cart`. Edges name it, and `impact` and `dependencies` take it.
    async fn id(&self) -> ID {
        ID(self.vertex().id().to_string())
    }

    async fn kind(&self) -> &str {
        self.vertex().kind()
    }

    async fn name(&self) -> &str {
        self.vertex().name()
    }

    /// The name of the namespace; null for a cluster-scoped object.
    async fn namespace_name(&self) -> Option<String> {
        Some(self.vertex().id().object.namespace).filter(|namespace| !namespace.is_empty())
    }

    /// `MISSING` where an object is referred to and isn't there, `UNKNOWN` where its kind isn't watched.
    async fn health(&self) -> ObjectHealth {
        self.vertex().health().into()
    }

    /// How many relations lie between it and the root.
    async fn distance(&self) -> usize {
        self.graph.places[self.number].distance
    }

    /// The object itself; null if it isn't there.
    async fn resource(&self) -> Option<AnyResource> {
        match self.vertex() {
            Vertex::Object(entry) => AnyResource::from_any(Arc::clone(entry)),
            Vertex::Named(_) => None,
        }
    }
}

/// A relation of a graph; it points from the object that refers to the one that is referred to.
struct GraphEdge {
    graph: Arc<Graph>,
    edge: Edge,
}

impl GraphEdge {
    fn id(&self, number: usize) -> ID {
        ID(self.graph.places[number].vertex.id().to_string())
    }
}

#[Object]
impl GraphEdge {
    /// The id of the node that refers.
    async fn from(&self) -> ID {
        self.id(self.edge.from)
    }

    /// The id of the node that is referred to.
    async fn to(&self) -> ID {
        self.id(self.edge.to)
    }

    #[graphql(name = "type")]
    async fn kind(&self) -> EdgeKind {
        self.edge.edge.into()
    }
}

/// A place where the graph does not go on.
struct GraphCut {
    graph: Arc<Graph>,
    number: usize,
}

#[Object]
impl GraphCut {
    /// The node that has more relations than the graph shows.
    async fn node(&self) -> GraphNode {
        GraphNode { graph: Arc::clone(&self.graph), number: self.graph.cuts[self.number].at }
    }

    /// The relation that was not followed to its end; null if it is all of them.
    #[graphql(name = "type")]
    async fn edge(&self) -> Option<EdgeKind> {
        self.graph.cuts[self.number].edge.map(Into::into)
    }

    async fn reason(&self) -> CutReason {
        self.graph.cuts[self.number].reason.into()
    }
}

/// An object next to another, and the relation between them.
pub struct Related {
    edge: EdgeType,
    side: Side,
    vertex: Vertex,
}

#[Object]
impl Related {
    #[graphql(name = "type")]
    async fn kind(&self) -> EdgeKind {
        self.edge.into()
    }

    /// `OUTGOING` if the object refers to this one, `INCOMING` if this one refers to the object.
    async fn direction(&self) -> Direction {
        match self.side {
            Side::Target => Direction::Outgoing,
            Side::Source => Direction::Incoming,
        }
    }

    /// The object; an `ObjectReference` if it isn't there, or its kind isn't watched.
    async fn resource(&self) -> Option<AnyResource> {
        match &self.vertex {
            Vertex::Object(entry) => AnyResource::from_any(Arc::clone(entry)),
            Vertex::Named(named) => Some(AnyResource::Reference(ObjectReference::new(named.clone(), None))),
        }
    }

    /// Whether the object is there; null if its kind isn't watched.
    async fn found(&self) -> Option<bool> {
        match &self.vertex {
            Vertex::Object(_) => Some(true),
            Vertex::Named(named) => matches!(named.kind, NamedKind::Watched(_)).then_some(false),
        }
    }
}

impl Related {
    /// The objects next to one.
    pub fn of(
        ctx: &Context<'_>,
        entry: &cluster_registry::SharedAny,
        direction: Direction,
        edges: Option<&[EdgeType]>,
        limit: usize,
    ) -> async_graphql::Result<Vec<Self>> {
        let viewer = Viewer::of(ctx)?;
        let reader = viewer.registry.read_any(&viewer.scope);
        let cluster = entry.cluster().clone();
        let neighbours = Neighbours::new(&reader, &cluster);
        let mut related = Vec::new();
        // A relation may be written in two places.
        let mut taken = HashSet::new();
        let mut take = |neighbour: super::Neighbour| {
            let super::Neighbour { edge, side, target } = &neighbour;
            if related.len() < limit
                && edges.is_none_or(|edges| edges.contains(edge))
                && taken.insert((*edge, *side == Side::Target, target.id()))
            {
                let super::Neighbour { edge, side, target } = neighbour;
                related.push(Self { edge, side, vertex: target });
            }
        };
        if direction != Direction::Incoming {
            neighbours.outgoing(entry, &mut take);
        }
        if direction != Direction::Outgoing {
            neighbours.incoming(&Vertex::Object(Arc::clone(entry)), limit, None, &|_| false, &mut take);
        }
        Ok(related)
    }
}

/// The type of a catalog's entity: `kubernetes.pod`, `kubernetes.certificates.cert-manager.io`.
#[must_use]
pub fn entity_type(kind: &KindMeta) -> String {
    let built_in = crate::KINDS.contains(kind);
    if built_in { format!("kubernetes.{}", kind.singular) } else { format!("kubernetes.{}", kind.resource()) }
}

/// As a catalog's entity.
impl Related {
    #[must_use]
    pub fn entity_type(&self) -> String {
        match &self.vertex {
            Vertex::Object(entry) => entity_type(entry.kind()),
            Vertex::Named(named) => match &named.kind {
                NamedKind::Watched(kind) | NamedKind::Known(kind) => entity_type(kind),
                NamedKind::Unknown(resource) if resource.contains('.') => format!("kubernetes.{resource}"),
                NamedKind::Unknown(kind) => format!("kubernetes.{}", kind.to_lowercase()),
            },
        }
    }

    #[must_use]
    pub fn entity_id(&self) -> String {
        self.vertex.id().object.to_string()
    }

    /// `owned_by`; `of_owned_by` the other way round.
    #[must_use]
    pub fn word(&self) -> String {
        let word = render::word(self.edge).replace(' ', "_");
        match self.side {
            Side::Target => word,
            Side::Source => format!("of_{word}"),
        }
    }
}

/// As GraphQL writes it: `OWNED_BY`.
#[must_use]
pub fn edge_name(edge: EdgeType) -> String {
    render::word(edge).replace(' ', "_").to_uppercase()
}
