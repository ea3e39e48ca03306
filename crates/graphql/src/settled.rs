//! Executes a query again, while what its caller may see was found out meanwhile.
//!
//! Resolvers never wait for an access decision. Where one has to be asked of a cluster, the object isn't shown, and the
//! question is remembered in the scope; here it is settled, and the query, which has no effects, is executed once more.
//! Almost all queries need one round: their callers are judged by copies of the clusters' rules.

use std::{any::TypeId, sync::Arc};

use async_graphql::{Data, Executor, Name, Request, Response, ServerError, parser::types::OperationType};
use futures::{StreamExt, stream::BoxStream};
use kinds::{Budget, ErrorExt, Viewer};

use crate::caller::Caller;

/// Relations that follow each other may ask something new in each round.
const ROUNDS: usize = 8;

pub(crate) async fn execute(roots: impl Executor, mut request: Request) -> Response {
    let Some(viewer) = data::<Viewer>(&request).map(Viewer::again) else {
        return roots.execute(request).await;
    };
    let budget = viewer.budget();
    if !only(&mut request, &[OperationType::Query]) {
        let mut response = roots.execute(request).await;
        // What was changed is changed, and is told.
        response.errors.extend(exceeded(&budget));
        return response;
    }
    let (query, name) = (request.query.clone(), request.operation_name.clone());
    let (variables, mode) = (request.variables.clone(), request.introspection_mode);
    let caller = data::<Caller>(&request).cloned().unwrap_or_default();
    let mut response = within(&budget, roots.execute(request).await);
    for _ in 1..ROUNDS {
        if !viewer.scope.settle().await {
            break;
        }
        let mut again = Request::new(query.clone()).variables(variables.clone()).data(viewer.again());
        again = again.data(caller.clone());
        again.operation_name.clone_from(&name);
        again.introspection_mode = mode;
        budget.renew();
        response = within(&budget, roots.execute(again).await);
    }
    response
}

/// The same for an operation that may be a subscription.
pub(crate) fn execute_stream<E: Executor>(
    roots: &E,
    mut request: Request,
    session: Option<Arc<Data>>,
) -> BoxStream<'static, Response> {
    if session.is_none() && only(&mut request, &[OperationType::Query, OperationType::Mutation]) {
        return futures::stream::once(execute(roots.clone(), request)).boxed();
    }
    let budget = data::<Viewer>(&request).map(Viewer::budget);
    let responses = roots.execute_stream(request, session);
    match budget {
        None => responses,
        // Each event is an answer of its own.
        Some(budget) => responses
            .map(move |response| {
                let response = within(&budget, response);
                budget.renew();
                response
            })
            .boxed(),
    }
}

/// The response, if it holds no more than it may; else why not, and nothing of it.
fn within(budget: &Budget, response: Response) -> Response {
    match exceeded(budget) {
        None => response,
        Some(error) => Response::from_errors(vec![error]),
    }
}

fn exceeded(budget: &Budget) -> Option<ServerError> {
    let error = budget.verdict().graphql().err()?;
    Some(error.into_server_error(async_graphql::Pos::default()))
}

fn data<T: 'static>(request: &Request) -> Option<&T> {
    request.data.get(&TypeId::of::<T>())?.downcast_ref()
}

/// Whether the operation that is to be executed is of these types.
fn only(request: &mut Request, types: &[OperationType]) -> bool {
    let wanted = request.operation_name.clone();
    let is_wanted = |name: Option<&Name>| {
        wanted.as_deref().is_none_or(|wanted| name.is_some_and(|name| name.as_str() == wanted))
    };
    request.parsed_query().is_ok_and(|document| {
        let mut wanted = document.operations.iter().filter(|(name, _)| is_wanted(*name));
        wanted.all(|(_, operation)| types.contains(&operation.node.ty))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_operations_the_one_that_is_asked_for_says_how_it_is_executed() {
        let document = "query Look { a } mutation Change { b } subscription Watch { c }";
        for (name, expected) in
            [(Some("Look"), true), (Some("Change"), false), (Some("Watch"), false), (None, false)]
        {
            let mut request = Request::new(document);
            request.operation_name = name.map(ToOwned::to_owned);
            assert_eq!(only(&mut request, &[OperationType::Query]), expected, "{name:?}");
        }
        assert!(only(&mut Request::new("{ a }"), &[OperationType::Query]));
        assert!(!only(&mut Request::new("{ a"), &[OperationType::Query]));
    }
}
