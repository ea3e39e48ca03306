//! Executes a query again, while what its caller may see was found out meanwhile.
//!
//! Resolvers never wait for an access decision. Where one has to be asked of a cluster, the object isn't shown, and the
//! question is remembered in the scope; here it is settled, and the query, which has no effects, is executed once more.
//! Almost all queries need one round: their callers are judged by copies of the clusters' rules.

use std::any::TypeId;

use async_graphql::{Executor, Request, Response, parser::types::OperationType};
use kinds::Viewer;

use crate::caller::Caller;

/// Relations that follow each other may ask something new in each round.
const ROUNDS: usize = 8;

pub(crate) async fn execute(roots: impl Executor, mut request: Request) -> Response {
    let Some(viewer) = data::<Viewer>(&request).map(Viewer::again) else {
        return roots.execute(request).await;
    };
    if !only_queries(&mut request) {
        return roots.execute(request).await;
    }
    let (query, name) = (request.query.clone(), request.operation_name.clone());
    let (variables, mode) = (request.variables.clone(), request.introspection_mode);
    let caller = data::<Caller>(&request).cloned().unwrap_or_default();
    let mut response = roots.execute(request).await;
    for _ in 1..ROUNDS {
        if !viewer.scope.settle().await {
            break;
        }
        let mut again = Request::new(query.clone()).variables(variables.clone()).data(viewer.again());
        again = again.data(caller.clone());
        again.operation_name.clone_from(&name);
        again.introspection_mode = mode;
        response = roots.execute(again).await;
    }
    response
}

fn data<T: 'static>(request: &Request) -> Option<&T> {
    request.data.get(&TypeId::of::<T>())?.downcast_ref()
}

fn only_queries(request: &mut Request) -> bool {
    request.parsed_query().is_ok_and(|document| {
        document.operations.iter().all(|(_, operation)| operation.node.ty == OperationType::Query)
    })
}
