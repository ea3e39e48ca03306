//! Graphs of related objects: what an object depends on, what depends on it, and both.
//!
//! ```text
//!   root ─▶ neighbours (store indexes) ─▶ not seen yet? next level ─▶ … ─▶ depth, size: cut, and said so
//! ```
//!
//! A walk reads indexes only. Two rules keep it from swallowing the cluster. It makes no U-turn: from an object that
//! was reached along `USES` it does not go back along `USES` to the other users, so that a config map's graph has its
//! pods and their node, and not the node's five hundred other pods. And the objects that refer to one by one relation
//! are followed up to a number; beyond it, the graph says what was cut.

mod named;
mod neighbours;
mod object;
mod render;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    str::FromStr,
};

use cluster_registry::{AnyReader, SharedAny};
use fleetgraph_core::{EdgeType, Error, Health, ObjectId};

pub use named::{Named, NamedKind};
pub use neighbours::{APPLICATIONS, Neighbour, Neighbours, Side, managers};
pub use object::{CutReason, Direction, EdgeKind, Related, ResourceGraph, edge_name, entity_type};

/// The deepest walk.
pub const MAX_DEPTH: usize = 10;
/// The most objects in a graph.
pub const MAX_NODES: usize = 1000;
/// The most objects that are followed from one object against one relation.
pub const FAN_OUT: usize = 100;

/// An object's identity among all kinds: `deployments.apps/prod:shop:cart`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId {
    /// `pods`, `deployments.apps`.
    pub resource: String,
    pub object: ObjectId,
}

impl fmt::Display for ResourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource, self.object)
    }
}

impl FromStr for ResourceId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        // No resource's name has a slash; cluster ids may.
        let parts = text.split_once('/').filter(|(resource, _)| !resource.is_empty());
        let (resource, object) = parts.ok_or_else(|| {
            Error::bad_input(format!(
                "id {text:?} is not of the form resource/cluster:namespace:name, such as deployments.apps/prod:shop:cart"
            ))
        })?;
        Ok(Self { resource: resource.to_owned(), object: object.parse()? })
    }
}

/// What stands at a place of the graph.
#[derive(Clone)]
pub enum Vertex {
    Object(SharedAny),
    /// It is referred to by its name; it isn't there, or its kind isn't watched.
    Named(Named),
}

impl Vertex {
    #[must_use]
    pub fn id(&self) -> ResourceId {
        match self {
            Self::Object(entry) => ResourceId {
                resource: entry.kind().resource().into_owned(),
                object: ObjectId {
                    cluster: entry.cluster().clone(),
                    namespace: entry.meta().namespace.to_string(),
                    name: entry.meta().name.to_string(),
                },
            },
            Self::Named(named) => named.id(),
        }
    }

    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Object(entry) => entry.kind().kind,
            Self::Named(named) => named.kind.kind(),
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Object(entry) => &entry.meta().name,
            Self::Named(named) => &named.name,
        }
    }

    #[must_use]
    pub fn health(&self) -> Health {
        match self {
            Self::Object(entry) => entry.health(),
            Self::Named(named) => named.kind.health(),
        }
    }
}

/// What a walk follows.
#[derive(Debug, Clone)]
pub struct Walk {
    /// 0 gives the root alone.
    pub depth: usize,
    /// From objects to what they refer to.
    pub outgoing: bool,
    /// From objects to what refers to them.
    pub incoming: bool,
    pub edges: Vec<EdgeType>,
    /// The most objects, the root included.
    pub nodes: usize,
}

/// A relation between two places of the graph, by their numbers. It points as the reference does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub edge: EdgeType,
}

/// Where the walk did not go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    pub at: usize,
    pub edge: Option<EdgeType>,
    pub reason: Reason,
}

/// Why the walk did not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    Depth,
    Size,
    FanOut,
    Hub,
}

/// The root is the first place; the others follow in the order of their distance.
pub struct Graph {
    pub places: Vec<Place>,
    pub edges: Vec<Edge>,
    pub cuts: Vec<Cut>,
}

pub struct Place {
    pub vertex: Vertex,
    /// Edges from the root.
    pub distance: usize,
}

/// Walks from an object, or from the place where one is missing.
pub fn walk(reader: &AnyReader<'_>, root: Vertex, walk: &Walk) -> Graph {
    let cluster = root.id().object.cluster;
    let neighbours = neighbours::Neighbours::new(reader, &cluster);
    let mut numbers: HashMap<ResourceId, usize> = HashMap::from([(root.id(), 0)]);
    let mut graph =
        Graph { places: vec![Place { vertex: root, distance: 0 }], edges: Vec::new(), cuts: Vec::new() };
    // Along which edge an object was reached as the target of a reference.
    let mut queue: VecDeque<(usize, Option<EdgeType>)> = VecDeque::from([(0, None)]);
    while let Some((at, came_along)) = queue.pop_front() {
        let (vertex, distance) = (graph.places[at].vertex.clone(), graph.places[at].distance);
        let last = distance == walk.depth;
        let mut found = Vec::new();
        let mut more = Vec::new();
        if walk.outgoing
            && let Vertex::Object(entry) = &vertex
        {
            more.extend(neighbours.outgoing(entry, &mut |neighbour| found.push(neighbour)));
        }
        if walk.incoming {
            let seen =
                |entry: &SharedAny| numbers.contains_key(&Vertex::Object(SharedAny::clone(entry)).id());
            let mut take = |neighbour| found.push(neighbour);
            more.extend(neighbours.incoming(&vertex, FAN_OUT, came_along, &seen, &mut take));
        }
        let wanted = more.into_iter().filter(|(edge, _)| walk.edges.contains(edge));
        graph.cuts.extend(wanted.map(|(edge, reason)| Cut { at, edge: Some(edge), reason }));
        found.retain(|neighbour| walk.edges.contains(&neighbour.edge));
        let (mut too_deep, mut too_many) = (false, false);
        for Neighbour { edge, side, target } in found {
            let id = target.id();
            let number = match numbers.get(&id) {
                Some(known) => *known,
                None if last => {
                    too_deep = true;
                    continue;
                }
                None if graph.places.len() >= walk.nodes => {
                    too_many = true;
                    continue;
                }
                None => {
                    let number = graph.places.len();
                    numbers.insert(id, number);
                    graph.places.push(Place { vertex: target, distance: distance + 1 });
                    queue.push_back((number, (side == Side::Target).then_some(edge)));
                    number
                }
            };
            graph.edges.push(match side {
                Side::Target => Edge { from: at, to: number, edge },
                Side::Source => Edge { from: number, to: at, edge },
            });
        }
        if too_deep {
            graph.cuts.push(Cut { at, edge: None, reason: Reason::Depth });
        }
        if too_many {
            graph.cuts.push(Cut { at, edge: None, reason: Reason::Size });
        }
    }
    graph.edges.sort_unstable();
    graph.edges.dedup();
    graph
}
