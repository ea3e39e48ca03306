//! The listener that Prometheus scrapes. It is separate from the GraphQL server, so that scrapes are answered whatever
//! happens there, and so that each can be opened to a network of its own.

use std::{convert::Infallible, sync::Arc, time::Duration};

use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::Registry;
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::prometheus::{CONTENT_TYPE, text};

/// Connections at once; a further one waits in the system's backlog until one of these ends.
const CONNECTIONS: usize = 16;
/// Time to send the head of a request. It also ends idle connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers scrapes until `stop` is cancelled, and then finishes the running ones.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    registry: Registry,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    while let Some(Ok(slot)) = stop.run_until_cancelled(slots.clone().acquire_owned()).await {
        let accepted = match stop.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok((socket, _))) => socket,
            Some(Err(error)) => {
                // Too many open files, or a peer that went away: neither ends by trying again at once.
                tracing::warn!(%error, "a metrics connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (registry, stop) = (registry.clone(), stop.clone());
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let answer = answer(&request, &registry);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(accepted), service);
            let mut connection = std::pin::pin!(connection);
            let ended = tokio::select! {
                ended = &mut connection => ended,
                () = stop.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "a metrics connection ended early");
            }
            drop(slot);
        });
    }
    connections.close();
    connections.wait().await;
    Ok(())
}

fn answer(request: &Request<Incoming>, registry: &Registry) -> Response<Full<Bytes>> {
    let plain = |status: StatusCode, text: &'static str| {
        let mut response = Response::new(Full::from(text));
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/metrics" {
        return plain(StatusCode::NOT_FOUND, "metrics are at /metrics\n");
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match text(registry) {
        Ok(text) => {
            let mut response = Response::new(Full::from(text));
            let content_type = header::HeaderValue::from_static(CONTENT_TYPE);
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
            response
        }
        Err(error) => {
            tracing::error!(%error, "metrics could not be encoded");
            plain(StatusCode::INTERNAL_SERVER_ERROR, "metrics could not be encoded\n")
        }
    }
}
