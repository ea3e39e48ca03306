//! Subscriptions as server-sent events, one HTTP request each (the distinct connections mode of graphql-sse).
//!
//! ```text
//!   event: next            one result          event: complete       the operation has ended
//!   data: {"data":…}                           data:
//! ```
//!
//! Nothing is queued here: the connection asks for the next event when it has room, so a slow client slows only the
//! polling of its own subscription, which then lags behind its source by that source's rules. A client that goes
//! away drops the body, and with it the subscription.

use std::{convert::Infallible, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use async_graphql::{Executor, Response as GraphqlResponse, ServerError, parser::types::OperationType};
use axum::{body::Body, response::Response};
use bytes::Bytes;
use fleetgraph_core::Error;
use futures::{FutureExt, Stream, StreamExt, stream};
use http::{HeaderValue, header};
use tokio_util::sync::CancellationToken;

use super::{
    answer::{Answer, refusal},
    execute,
    operation::Operation,
};
use crate::{
    app::App, caller::until_ended, context::RequestContext, failure::Failure, request_id::RequestId,
};

/// Answers with an event stream.
pub(crate) fn respond<E: Executor>(
    app: &Arc<App<E>>,
    prepared: Result<Operation, Vec<ServerError>>,
    context: &RequestContext,
) -> Result<Response, Failure> {
    let id = &context.request_id;
    let Ok(slot) = Arc::clone(&app.sse_slots).try_acquire_owned() else {
        return Err(Failure::busy("too many event streams are open; try again later"));
    };
    let ended = until_ended(Arc::clone(&app.gate), context.clone());
    let results = until(results(app, prepared, id), ended);
    let active = app.metrics.subscription("sse");
    let (metrics, id) = (app.metrics.clone(), id.clone());
    let events = results
        .map(move |response| event("next", &Answer::new(response, &id, &metrics).body))
        .chain(stream::once(async { event("complete", b"") }));
    let events = with_keep_alive(events, app.config.sse.keep_alive);
    let events = until_closing(events, app.shutdown.closing().clone()).map(move |bytes| {
        let _open_as_long_as_the_body = (&slot, &active);
        Ok::<_, Infallible>(bytes)
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold events back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Ends a stream when its caller may no longer be served, with the reason as the last result.
fn until(
    results: stream::BoxStream<'static, GraphqlResponse>,
    ended: impl Future<Output = Error> + Send + 'static,
) -> impl Stream<Item = GraphqlResponse> + Send {
    stream::unfold(Some((results, Box::pin(ended))), |open| async {
        let (mut results, mut ended) = open?;
        tokio::select! {
            biased;
            error = &mut ended => Some((refusal(error.code, error.message), None)),
            next = results.next() => Some((next?, Some((results, ended)))),
        }
    })
}

/// The results of any operation; a refused one has its errors as the only result.
fn results<E: Executor>(
    app: &Arc<App<E>>,
    prepared: Result<Operation, Vec<ServerError>>,
    id: &RequestId,
) -> stream::BoxStream<'static, GraphqlResponse> {
    let id = id.clone();
    match prepared {
        Err(errors) => stream::once(async move { GraphqlResponse::from_errors(errors) }).boxed(),
        Ok(operation) if operation.kind == OperationType::Subscription => {
            let results = app.executor.execute_stream(operation.request, None);
            guarded(results, id).boxed()
        }
        Ok(operation) => {
            let app = Arc::clone(app);
            stream::once(async move { execute::execute(&app, operation, &id).await }).boxed()
        }
    }
}

/// Ends a subscription that panics with an error, instead of the connection that polls it.
pub(crate) fn guarded(
    results: impl Stream<Item = GraphqlResponse> + Send + 'static,
    id: RequestId,
) -> impl Stream<Item = GraphqlResponse> + Send {
    AssertUnwindSafe(results)
        .catch_unwind()
        .map(move |outcome| outcome.unwrap_or_else(|panic| execute::panicked(&*panic, &id)))
}

/// Sends a comment whenever nothing else was sent for a while.
fn with_keep_alive(
    events: impl Stream<Item = Bytes> + Send,
    every: Duration,
) -> impl Stream<Item = Bytes> + Send {
    stream::unfold(Box::pin(events), move |mut events| async move {
        let next = match tokio::time::timeout(every, events.next()).await {
            Ok(next) => next?,
            Err(_) => Bytes::from_static(b":\n\n"),
        };
        Some((next, events))
    })
}

/// Ends the stream when the server closes, without `complete`: the subscription is not over, and clients connect
/// again when a stream ends like this.
fn until_closing(
    events: impl Stream<Item = Bytes> + Send,
    closing: CancellationToken,
) -> impl Stream<Item = Bytes> + Send {
    events.take_until(closing.cancelled_owned().boxed())
}

/// JSON has no line breaks outside strings, and none unescaped in them, so one `data` line holds it.
fn event(name: &str, data: &[u8]) -> Bytes {
    let mut bytes = Vec::with_capacity(data.len() + name.len() + 16);
    bytes.extend_from_slice(b"event: ");
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"\ndata: ");
    bytes.extend_from_slice(data);
    bytes.extend_from_slice(b"\n\n");
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_form_that_the_protocol_draws() {
        assert_eq!(event("next", b"{}"), "event: next\ndata: {}\n\n");
        assert_eq!(event("complete", b""), "event: complete\ndata: \n\n");
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_filled_with_comments_and_loses_no_event() {
        let slow = stream::once(async {
            tokio::time::sleep(Duration::from_secs(25)).await;
            Bytes::from_static(b"late")
        });
        let sent: Vec<Bytes> = with_keep_alive(slow, Duration::from_secs(10)).collect().await;
        assert_eq!(sent, [&b":\n\n"[..], b":\n\n", b"late"]);
    }

    #[tokio::test]
    async fn a_closing_server_ends_the_stream_without_complete() {
        let closing = CancellationToken::new();
        closing.cancel();
        let endless = stream::pending::<Bytes>();
        assert_eq!(until_closing(endless, closing).count().await, 0);
    }

    #[tokio::test]
    async fn a_panic_becomes_the_last_result() {
        let results = stream::iter([1, 2]).map(|n| {
            assert!(n == 1, "a fault");
            GraphqlResponse::new(n)
        });
        let seen: Vec<_> = guarded(results, RequestId::random()).collect().await;
        assert_eq!(seen.len(), 2);
        assert!(seen[0].is_ok() && seen[1].is_err());
    }
}
