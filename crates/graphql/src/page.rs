//! Relay connections over keyset cursors.

use std::borrow::Cow;

use async_graphql::{Context, Object, TypeName, connection::PageInfo};
use cluster_registry::{Query, Shared};
use fleetgraph_core::Cursor;
use kinds::{ErrorExt, Resource, ResourceKind, Viewer};

/// A page of objects.
pub struct Page<K: ResourceKind> {
    pub query: Query<K>,
    pub rows: Vec<Shared<K>>,
    pub has_previous: bool,
    pub has_next: bool,
}

impl<K: ResourceKind> TypeName for Page<K> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Connection", K::META.kind).into()
    }
}

#[Object(name_type)]
impl<K: ResourceKind> Page<K> {
    async fn edges(&self) -> Vec<Edge<K>> {
        let edge = |entry: &Shared<K>| Edge { cursor: cursor(entry), node: Resource::new(entry.clone()) };
        self.rows.iter().map(edge).collect()
    }

    /// The objects without their cursors.
    async fn nodes(&self) -> Vec<Resource<K>> {
        self.rows.iter().cloned().map(Resource::new).collect()
    }

    async fn page_info(&self) -> PageInfo {
        PageInfo {
            has_previous_page: self.has_previous,
            has_next_page: self.has_next,
            start_cursor: self.rows.first().map(cursor),
            end_cursor: self.rows.last().map(cursor),
        }
    }

    /// How many objects match in all, whatever the page. Counted when it is asked for.
    async fn total_count(&self, ctx: &Context<'_>) -> async_graphql::Result<usize> {
        let viewer = Viewer::of(ctx)?;
        viewer.registry.read(&viewer.scope).matching(&self.query).graphql()
    }
}

/// An object and its place in the list.
struct Edge<K: ResourceKind> {
    cursor: String,
    node: Resource<K>,
}

impl<K: ResourceKind> TypeName for Edge<K> {
    fn type_name() -> Cow<'static, str> {
        format!("{}Edge", K::META.kind).into()
    }
}

#[Object(name_type)]
impl<K: ResourceKind> Edge<K> {
    /// To be given as `after` or `before`.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    async fn node(&self) -> Resource<K> {
        self.node.clone()
    }
}

fn cursor<K: ResourceKind>(entry: &Shared<K>) -> String {
    let cursor = Cursor {
        cluster: entry.cluster.clone(),
        namespace: entry.meta.namespace.to_string(),
        name: entry.meta.name.to_string(),
    };
    cursor.encode()
}
