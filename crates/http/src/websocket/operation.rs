//! One operation of a socket, in a task of its own, so that a long query does not hold up the others.

use std::{panic::AssertUnwindSafe, sync::Arc};

use async_graphql::{Executor, Response, parser::types::OperationType};
use fleetgraph_core::ErrorCode;
use futures::{FutureExt, StreamExt, stream, stream::BoxStream};
use serde_json::{Map, Value};

use super::{message, outbox::Outbox, session::Serial};
use crate::{
    app::App,
    context::RequestContext,
    graphql::{self, Answer, Operation},
};

pub(crate) struct Started {
    pub id: Arc<str>,
    pub serial: Serial,
    pub payload: Map<String, Value>,
}

/// Runs the operation to its end: `next` for each result, then `complete`; or `error` when it can't be executed,
/// or fails in a way that only a fault of ours explains.
pub(crate) async fn run<E: Executor>(
    app: Arc<App<E>>,
    context: RequestContext,
    started: Started,
    outbox: Outbox,
) {
    let Started { id, serial, payload } = started;
    let reply = Reply { app, context, outbox, id, serial };
    if let Err(panic) = AssertUnwindSafe(reply.run(payload)).catch_unwind().await {
        let _ = reply.send(graphql::panicked(&*panic, &reply.context.request_id)).await;
    }
}

struct Reply<E> {
    app: Arc<App<E>>,
    context: RequestContext,
    outbox: Outbox,
    id: Arc<str>,
    serial: Serial,
}

impl<E: Executor> Reply<E> {
    async fn run(&self, payload: Map<String, Value>) {
        let prepared = match graphql::from_map(payload) {
            Ok(sent) => {
                let App { gate, documents, .. } = &*self.app;
                Operation::prepare(&**gate, documents, &self.context, sent)
            }
            Err(failure) => Err(vec![graphql::coded(failure.code, failure.message)]),
        };
        let operation = match prepared {
            Ok(operation) => operation,
            Err(errors) => {
                let _ = self.send(Response::from_errors(errors)).await;
                return;
            }
        };
        let is_subscription = operation.kind == OperationType::Subscription;
        let _active = is_subscription.then(|| self.app.metrics.subscription("websocket"));
        let mut results = self.results(operation);
        while let Some(response) = results.next().await {
            if !self.send(response).await {
                return;
            }
        }
        let _ = self.outbox.send(&self.id, self.serial, message::complete(&self.id), true).await;
    }

    fn results(&self, operation: Operation) -> BoxStream<'static, Response> {
        let request_id = self.context.request_id.clone();
        if operation.kind == OperationType::Subscription {
            graphql::guarded(self.app.executor.execute_stream(operation.request, None), request_id).boxed()
        } else {
            let app = Arc::clone(&self.app);
            stream::once(async move { graphql::execute(&app, operation, &request_id).await }).boxed()
        }
    }

    /// Sends a result, or the error that ends the operation. `false` when no further result may follow.
    async fn send(&self, response: Response) -> bool {
        let answer = Answer::new(response, &self.context.request_id, &self.app.metrics);
        let (kind, payload, last) = match &answer.request_errors {
            Some(errors) => ("error", errors, true),
            None => ("next", &answer.body, false),
        };
        let text = message::with_payload(kind, &self.id, payload);
        self.outbox.send(&self.id, self.serial, text, last).await && !last
    }
}

/// The answer to an operation more than the socket may run.
pub(crate) fn too_many<E>(app: &App<E>, context: &RequestContext, id: &str) -> String {
    let max = app.config.websocket.max_operations;
    let refused = graphql::refusal(
        ErrorCode::RateLimited,
        format!("this connection runs {max} operations already; complete one first"),
    );
    let answer = Answer::new(refused, &context.request_id, &app.metrics);
    message::with_payload("error", id, &answer.request_errors.unwrap_or_default())
}
