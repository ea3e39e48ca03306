//! What the fields of the query root do, once for every kind.

use async_graphql::{Context, ID};
use cluster_registry::{Query, Selection, unknown_cluster};
use fleetgraph_core::{Error, ObjectId, PageRequest, Verb};
use kinds::{ErrorExt, Filter, Resource, ResourceKind, Viewer, graphql_error, report};

use crate::{SchemaSettings, page::Page};

/// Where to look, as the arguments say.
#[derive(Default)]
pub struct Place {
    pub cluster: Option<String>,
    pub namespace: Option<String>,
}

/// The four arguments of a connection.
pub struct Window {
    pub first: Option<i32>,
    pub after: Option<String>,
    pub last: Option<i32>,
    pub before: Option<String>,
}

/// One object. A missing one is null; a cluster that doesn't exist is an error.
pub fn single<K: ResourceKind>(
    ctx: &Context<'_>,
    cluster: &str,
    namespace: Option<String>,
    name: &str,
) -> async_graphql::Result<Option<Resource<K>>> {
    let viewer = Viewer::of(ctx)?;
    if viewer.registry.cluster(&viewer.scope, cluster).is_none() {
        return Err(graphql_error(&unknown_cluster(cluster)));
    }
    let namespace = match namespace {
        _ if !K::META.namespaced => String::new(),
        Some(namespace) => namespace,
        None => ctx.data::<SchemaSettings>()?.default_namespace.clone(),
    };
    let scope = viewer.scope.to(Verb::Get);
    let reader = viewer.registry.read::<K>(&scope);
    let found = reader.get(cluster, &namespace, name);
    if found.is_none()
        && let Some(problem) = reader.problem(cluster)
    {
        // Whether it exists isn't known.
        report(ctx, &problem);
    }
    Ok(found.map(Resource::new))
}

/// One object by its id, for the federation. Whatever can't be found is null, so that the rest of a batch stands.
pub fn entity<K: ResourceKind>(ctx: &Context<'_>, id: &ID) -> async_graphql::Result<Option<Resource<K>>> {
    let viewer = Viewer::of(ctx)?;
    let Ok(id) = id.parse::<ObjectId>() else { return Ok(None) };
    let scope = viewer.scope.to(Verb::Get);
    let reader = viewer.registry.read::<K>(&scope);
    let found = reader.get(id.cluster.as_str(), &id.namespace, &id.name);
    if found.is_none()
        && let Some(problem) = reader.problem(id.cluster.as_str())
    {
        report(ctx, &problem);
    }
    Ok(found.map(Resource::new))
}

/// All objects that match, at most `limit`.
pub fn all<K: ResourceKind>(
    ctx: &Context<'_>,
    place: Place,
    filter: Option<K::Filter>,
    limit: Option<i32>,
) -> async_graphql::Result<Vec<Resource<K>>> {
    all_of(ctx, place, filter, limit, None)
}

/// The same for a type that stands for several kinds; those of one kind, if it is named.
pub fn all_of<K: ResourceKind>(
    ctx: &Context<'_>,
    place: Place,
    filter: Option<K::Filter>,
    limit: Option<i32>,
    resource: Option<String>,
) -> async_graphql::Result<Vec<Resource<K>>> {
    let mut query = query::<K>(place, filter)?;
    query.resource = resource;
    if let Some(limit) = limit {
        query.page.limit = usize::try_from(limit)
            .map_err(|_| graphql_error(&Error::bad_input(format!("limit must not be negative: {limit}"))))?;
    }
    Ok(select(ctx, &query)?.rows.into_iter().map(Resource::new).collect())
}

/// A page of the objects that match.
pub fn page<K: ResourceKind>(
    ctx: &Context<'_>,
    place: Place,
    filter: Option<K::Filter>,
    window: Window,
) -> async_graphql::Result<Page<K>> {
    let max = ctx.data::<SchemaSettings>()?.max_page_size;
    let mut query = query::<K>(place, filter)?;
    query.page = PageRequest::new(
        window.first,
        window.after.as_deref(),
        window.last,
        window.before.as_deref(),
        DEFAULT_PAGE.min(max),
        max,
    )
    .graphql()?;
    let selection = select(ctx, &query)?;
    let (behind, ahead) = (query.page.after.is_some(), query.page.before.is_some());
    let (has_previous, has_next) =
        if query.page.from_end { (selection.more, ahead) } else { (behind, selection.more) };
    Ok(Page { query, rows: selection.rows, has_previous, has_next })
}

/// Objects of a page for which neither `first` nor `last` is given.
const DEFAULT_PAGE: usize = 100;

fn query<K: ResourceKind>(place: Place, filter: Option<K::Filter>) -> async_graphql::Result<Query<K>> {
    let mut query = filter.unwrap_or_default().query().graphql()?;
    if let Some(cluster) = place.cluster {
        query.clusters = Some(narrowed(query.clusters, cluster));
    }
    if let Some(namespace) = place.namespace {
        if !query.namespaces.is_empty() && !query.namespaces.contains(&namespace) {
            // The argument and the filter have no namespace in common.
            query.clusters = Some(Vec::new());
        }
        query.namespaces = vec![namespace];
    }
    Ok(query)
}

/// The cluster of the argument, as far as the filter allows it.
fn narrowed(filter: Option<Vec<String>>, cluster: String) -> Vec<String> {
    match filter {
        Some(allowed) if !allowed.contains(&cluster) => Vec::new(),
        _ => vec![cluster],
    }
}

/// Selects, and adds an error for each cluster whose part may be old or incomplete.
fn select<K: ResourceKind>(ctx: &Context<'_>, query: &Query<K>) -> async_graphql::Result<Selection<K>> {
    let viewer = Viewer::of(ctx)?;
    // One span for each list of a request, below the transport's: what takes long in an answer is seen in its trace.
    let span =
        tracing::info_span!("graphql.list", kind = K::META.kind, rows = tracing::field::Empty).entered();
    let selection = viewer.registry.read(&viewer.scope).select(query).graphql()?;
    span.record("rows", selection.rows.len());
    selection.problems.iter().for_each(|problem| report(ctx, problem));
    Ok(selection)
}
