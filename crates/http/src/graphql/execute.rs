//! Runs a prepared operation within its time, so that neither a slow resolver nor a panicking one leaves a caller
//! without an answer.

use std::panic::AssertUnwindSafe;

use async_graphql::{Executor, Response, parser::types::OperationType};
use fleetgraph_core::ErrorCode;
use futures::FutureExt;
use tracing::Instrument;

use super::{answer::refusal, operation::Operation};
use crate::{app::App, request_id::RequestId};

/// Executes a query or a mutation.
///
/// A mutation runs in a task of its own, tracked until the server stops: a caller who hangs up, or the time limit,
/// must not end it between a write to a cluster and the record of that write.
pub(crate) async fn execute<E: Executor>(app: &App<E>, operation: Operation, id: &RequestId) -> Response {
    let executor = app.executor.clone();
    let running = async move { executor.execute(operation.request).await };
    let guarded = AssertUnwindSafe(running).catch_unwind();
    let within = app.config.request_timeout;
    let outcome = if operation.kind == OperationType::Mutation {
        let task = app.shutdown.tasks().spawn(guarded.in_current_span());
        tokio::time::timeout(within, async { task.await.unwrap_or_else(|error| Err(Box::new(error))) }).await
    } else {
        tokio::time::timeout(within, guarded).await
    };
    match outcome {
        Ok(Ok(response)) => response,
        Ok(Err(panic)) => panicked(&*panic, id),
        Err(_) if operation.kind == OperationType::Mutation => refusal(
            ErrorCode::Timeout,
            format!("no result within {} ms; the mutation goes on, look at its object", within.as_millis()),
        ),
        Err(_) => refusal(ErrorCode::Timeout, format!("no result within {} ms", within.as_millis())),
    }
}

/// What a caller is told about a panic; the log gets its text.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send), id: &RequestId) -> Response {
    tracing::error!(request_id = %id, panic = panic_text(panic), "execution panicked");
    refusal(ErrorCode::Internal, "internal error; the log has more under this requestId")
}

/// The text of a panic, as far as it has one.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&'static str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a text")
}
