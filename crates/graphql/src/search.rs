//! The fields of the query root that search over all kinds.

use std::sync::Arc;

use async_graphql::{Context, Enum, InputType, Object, ServerError, SimpleObject, connection::PageInfo};
use cluster_registry::SharedAny;
use fleetgraph_core::{Error, ErrorCode};
use kinds::{
    AnyResource, ErrorExt, Viewer, graphql_error, report,
    search::{
        Completion, Count, FacetBy, Filter, Found, Hits, PageOf, Place, ResourceOrder, ResourcesFilter,
        Search, Wanted, complete,
    },
};
use tracing::Instrument;

use crate::{SchemaSettings, aside, graph::bounded};

/// Objects of a page for which `first` is not given.
const DEFAULT_PAGE: usize = 100;
/// The most values that a facet or a completion may give.
const MAX_VALUES: usize = 1000;

#[derive(Default)]
pub struct SearchQuery;

#[Object]
impl SearchQuery {
    /// Objects of any kinds in any clusters, in pages that stay right while objects come and go.
    async fn resources(
        &self,
        ctx: &Context<'_>,
        filter: Option<ResourcesFilter>,
        order_by: Option<ResourceOrder>,
        #[graphql(desc = "How many at most; 100 if missing.")] first: Option<i32>,
        #[graphql(desc = "A cursor of an earlier page, in the same order.")] after: Option<String>,
    ) -> async_graphql::Result<ResourceConnection> {
        let max = ctx.data::<SchemaSettings>()?.max_page_size;
        let first = first.map_or(Ok(DEFAULT_PAGE.min(max)), |first| bounded("first", first, max))?;
        let order = order_by.unwrap_or_default();
        let after = after.as_deref().map(Place::decode).transpose().graphql()?;
        if after.as_ref().is_some_and(|after| !order.fits(after)) {
            return Err(graphql_error(&Error::bad_input(
                "`after` is a cursor of another order; page on with the `orderBy` that it came from",
            )));
        }
        let filter = Arc::new(filter.unwrap_or_default().read().graphql()?);
        let paged = after.is_some();
        let wanted = wanted(ctx, PageOf { order, after, first })?;
        let found = searched(ctx, filter, move |search| search.find(wanted)).await?;
        Ok(ResourceConnection { order, paged, found })
    }

    /// Words that begin with a prefix, for those who type: names, namespaces, label keys or the values of a label.
    async fn completions(
        &self,
        ctx: &Context<'_>,
        of: CompletionOf,
        #[graphql(default)] prefix: String,
        #[graphql(desc = "The key, for `LABEL_VALUE`.")] label: Option<String>,
        filter: Option<ResourcesFilter>,
        #[graphql(default = 20)] first: i32,
    ) -> async_graphql::Result<Vec<String>> {
        let completion = match (of, label) {
            (CompletionOf::Name, _) => Completion::Name,
            (CompletionOf::Namespace, _) => Completion::Namespace,
            (CompletionOf::LabelKey, _) => Completion::LabelKey,
            (CompletionOf::LabelValue, Some(key)) => Completion::LabelValue { key },
            (CompletionOf::LabelValue, None) => {
                return Err(graphql_error(&Error::bad_input(
                    "`label` is missing: the key whose values are wanted",
                )));
            }
        };
        let first = bounded("first", first, MAX_VALUES)?;
        let filter = Arc::new(filter.unwrap_or_default().read().graphql()?);
        searched(ctx, filter, move |search| complete(search, &completion, &prefix, first)).await
    }
}

/// What is completed.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
enum CompletionOf {
    Name,
    Namespace,
    LabelKey,
    LabelValue,
}

/// What is counted by.
#[derive(Enum, Debug, Clone, Copy, PartialEq, Eq)]
enum FacetProperty {
    Cluster,
    Kind,
    Namespace,
    Health,
    /// Each image of an object counts.
    Image,
    /// The value of the label that `label` names.
    Label,
}

/// Runs something over what a filter matches; what may be missing is said beside the answer.
async fn searched<T: Send + 'static>(
    ctx: &Context<'_>,
    filter: Arc<Filter>,
    run: impl FnOnce(&Search<'_>) -> T + Send + 'static,
) -> async_graphql::Result<T> {
    let viewer = Viewer::of(ctx)?;
    let (registry, scope) = (viewer.registry.clone(), viewer.scope.clone());
    let search = aside::run(move |stopped| {
        let reader = registry.read_any(&scope);
        let search = Search::new(&reader, &filter, stopped)?;
        Ok::<_, Error>((run(&search), search.problems))
    });
    let (result, problems) = search.instrument(tracing::info_span!("graphql.search")).await?.graphql()?;
    // One for each cluster and cause, however many kinds it concerns.
    problems.iter().filter(|problem| viewer.says(problem)).for_each(|problem| report(ctx, problem));
    Ok(result)
}

/// What is asked of a search, so that it can be found in one go.
fn wanted(ctx: &Context<'_>, page: PageOf) -> async_graphql::Result<Wanted> {
    let mut wanted = Wanted::default();
    let (mut page, field_pos) = (Some(page), ctx.item.pos);
    for field in ctx.field().selection_set() {
        match field.name() {
            "edges" | "nodes" | "pageInfo" => wanted.page = wanted.page.or(page.take()),
            "totalCount" => wanted.count = true,
            "facets" => {
                let argument = |name: &str| {
                    let arguments = field.arguments()?.into_iter();
                    Ok::<_, ServerError>(
                        arguments.into_iter().find(|(known, _)| *known == name).map(|(_, value)| value),
                    )
                };
                let by = FacetProperty::parse(argument("by")?)
                    .map_err(|error| error.into_server_error(field_pos))?;
                let label = Option::<String>::parse(argument("label")?)
                    .map_err(|error| error.into_server_error(field_pos))?;
                let by = facet_by(by, label)?;
                if !wanted.facets.contains(&by) {
                    wanted.facets.push(by);
                }
            }
            _ => {}
        }
    }
    Ok(wanted)
}

fn facet_by(by: FacetProperty, label: Option<String>) -> async_graphql::Result<FacetBy> {
    Ok(match (by, label) {
        (FacetProperty::Cluster, _) => FacetBy::Cluster,
        (FacetProperty::Kind, _) => FacetBy::Kind,
        (FacetProperty::Namespace, _) => FacetBy::Namespace,
        (FacetProperty::Health, _) => FacetBy::Health,
        (FacetProperty::Image, _) => FacetBy::Image,
        (FacetProperty::Label, Some(key)) => FacetBy::Label(key),
        (FacetProperty::Label, None) => {
            return Err(graphql_error(&Error::bad_input(
                "`label` is missing: the key whose values are counted",
            )));
        }
    })
}

/// [`wanted`] did not see what is executed now, which is a fault of ours.
fn unasked() -> async_graphql::Error {
    graphql_error(&Error::new(ErrorCode::Internal, "the search was not asked for this field"))
}

/// What was found: as much as was asked for.
struct ResourceConnection {
    order: ResourceOrder,
    /// Whether it is not the first page.
    paged: bool,
    found: Found,
}

impl ResourceConnection {
    fn hits(&self) -> async_graphql::Result<&Hits> {
        self.found.hits.as_ref().ok_or_else(unasked)
    }
}

#[Object]
impl ResourceConnection {
    async fn edges(&self) -> async_graphql::Result<Vec<ResourceEdge>> {
        let edge = |row: &SharedAny| {
            let node = AnyResource::from_any(SharedAny::clone(row))?;
            Some(ResourceEdge { cursor: self.order.place(&**row).encode(), node })
        };
        Ok(self.hits()?.rows.iter().filter_map(edge).collect())
    }

    /// The objects without their cursors.
    async fn nodes(&self) -> async_graphql::Result<Vec<AnyResource>> {
        Ok(self.hits()?.rows.iter().cloned().filter_map(AnyResource::from_any).collect())
    }

    async fn page_info(&self) -> async_graphql::Result<PageInfo> {
        let Hits { rows, more } = self.hits()?;
        let cursor = |row: &SharedAny| self.order.place(&**row).encode();
        Ok(PageInfo {
            has_previous_page: self.paged,
            has_next_page: *more,
            start_cursor: rows.first().map(cursor),
            end_cursor: rows.last().map(cursor),
        })
    }

    /// How many objects match in all, whatever the page. Counted when it is asked for.
    async fn total_count(&self) -> async_graphql::Result<usize> {
        self.found.count.ok_or_else(unasked)
    }

    /// How many of all that match have each value of a property, the most frequent value first.
    async fn facets(
        &self,
        by: FacetProperty,
        #[graphql(desc = "The key, for `LABEL`.")] label: Option<String>,
        #[graphql(default = 50, desc = "How many values at most.")] first: i32,
    ) -> async_graphql::Result<Vec<Count>> {
        let first = bounded("first", first, MAX_VALUES)?;
        let counts = self.found.facets.get(&facet_by(by, label)?).ok_or_else(unasked)?;
        Ok(counts.iter().take(first).cloned().collect())
    }
}

/// An object and its place among the results.
#[derive(SimpleObject)]
struct ResourceEdge {
    /// To be given as `after`, with the same `orderBy`.
    cursor: String,
    node: AnyResource,
}
