//! GraphQL over HTTP (the specification's draft of 2025): one path, chosen by method and headers.
//!
//! ```text
//!   GET  + upgrade: websocket   → websocket
//!   GET  ?query=…               → queries only: a link or an image tag must not be able to change anything
//!   POST application/json       → any operation
//!   … + accept: text/event-stream, or a subscription  → event stream, but for who is over a quota: status 429
//! ```
//!
//! A GET needs no custom header: it can't have effects, and without CORS headers no foreign page can read its answer.

mod answer;
pub(crate) mod body;
mod execute;
mod media;
mod operation;
mod params;
mod sse;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use async_graphql::{Executor, parser::types::OperationType};
use axum::{
    body::Body,
    extract::{ConnectInfo, State},
    response::Response,
};
use fleetgraph_core::ErrorCode;
use http::{HeaderMap, Method, Request, request::Parts};

pub(crate) use answer::{Answer, coded, refusal};
pub(crate) use execute::{execute, panic_text, panicked};
pub(crate) use media::{Accepted, Media};
pub(crate) use operation::Operation;
pub(crate) use params::from_map;
#[cfg(test)]
pub(crate) use params::{from_body, from_uri};
pub(crate) use sse::guarded;

use crate::{
    app::App,
    caller,
    context::{RequestContext, Transport},
    failure::Failure,
    observe::OperationKind,
    request_id::RequestId,
    unread, websocket,
};

const METHODS: &str = "GET, POST";

/// Handles everything at `/graphql`.
pub(crate) async fn handle<E: Executor>(State(app): State<Arc<App<E>>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let accepted = Accepted::of(&parts.headers);
    let context = context_of(&parts);
    let id = context.request_id.clone();
    let answered = if is_upgrade(&parts.headers) {
        websocket::upgrade(&app, parts, context).await
    } else {
        respond(&app, parts, body, context, accepted).await
    };
    answered.unwrap_or_else(|failure| {
        app.metrics.error(failure.code.as_str());
        failure.into_response(accepted.for_failure(), &id)
    })
}

async fn respond<E: Executor>(
    app: &Arc<App<E>>,
    parts: Parts,
    body: Body,
    mut context: RequestContext,
    accepted: Accepted,
) -> Result<Response, Failure> {
    if parts.method != Method::GET && parts.method != Method::POST {
        return Err(Failure::method(METHODS, "send a GET or a POST"));
    }
    if accepted.single.is_none() && !accepted.stream {
        let message = "an answer is application/graphql-response+json, application/json or text/event-stream";
        return Err(Failure::new(ErrorCode::NotAcceptable, message));
    }
    // Strangers' bodies aren't read.
    context.caller = caller::identify(&*app.gate, &context).await.map_err(Failure::from)?;
    let request = if parts.method == Method::GET {
        params::from_uri(&parts.uri)?
    } else {
        body::check_type(&parts.headers)?;
        body::check_length(&parts.headers, app.config.max_body_bytes)?;
        params::from_body(&body::read(body, app.config.max_body_bytes, app.config.body_timeout).await?)?
    };
    if accepted.prefers_stream {
        context.transport = Transport::Sse;
    }
    let prepared = Operation::prepare(&*app.gate, &app.documents, &context, request);
    let kind = prepared.as_ref().ok().map(|operation| operation.kind);
    if kind == Some(OperationType::Mutation) && parts.method == Method::GET {
        return Err(Failure::method("POST", "a mutation needs a POST"));
    }
    let id = &context.request_id;
    let over_quota = prepared.as_ref().is_err_and(|errors| answer::is_over_quota(errors));
    let mut response = if !over_quota
        && (accepted.prefers_stream || (kind == Some(OperationType::Subscription) && accepted.stream))
    {
        sse::respond(app, prepared, &context)?
    } else if kind == Some(OperationType::Subscription) {
        let message = "a subscription needs accept: text/event-stream, or a WebSocket";
        return Err(Failure::new(ErrorCode::NotAcceptable, message));
    } else {
        let media = accepted.for_failure();
        let executed = match prepared {
            Ok(operation) => execute(app, operation, id).await,
            Err(errors) => async_graphql::Response::from_errors(errors),
        };
        single(Answer::new(executed, id, &app.metrics), media, app.config.write_timeout)
    };
    if let Some(kind) = kind {
        response.extensions_mut().insert(OperationKind(kind));
    }
    Ok(response)
}

fn single(answer: Answer, media: Media, taken_within: Duration) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status(media);
    *response.body_mut() = unread::body(answer.body, taken_within);
    let headers = response.headers_mut();
    headers.extend(answer.headers);
    headers.insert(http::header::CONTENT_TYPE, media.content_type());
    headers.insert(http::header::VARY, http::HeaderValue::from_static("accept"));
    response
}

fn context_of(parts: &Parts) -> RequestContext {
    RequestContext {
        request_id: RequestId::given(&parts.extensions),
        transport: Transport::Http,
        headers: Arc::new(parts.headers.clone()),
        peer: parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0),
        connection_params: None,
        extensions: parts.extensions.clone(),
        caller: None,
    }
}

fn is_upgrade(headers: &HeaderMap) -> bool {
    headers
        .get(http::header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}
