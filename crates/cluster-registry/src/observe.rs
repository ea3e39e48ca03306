//! Sees what `kube::runtime::watcher` does not tell: that a watch was established again after a fault, and that
//! bytes (bookmarks included) arrive on it.
//!
//! The watcher yields changes only. After a broken connection it resumes quietly, and on a quiet kind nothing
//! would say for minutes that the copy is current again. So each watch gets a client whose service looks at
//! its own requests and responses on their way.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use fleetgraph_core::Timestamp;
use futures::future::BoxFuture;
use http::{HeaderValue, Request, Response, header};
use http_body::{Frame, SizeHint};
use kube::client::Body;
use tokio::sync::watch;
use tower::{BoxError, Service};

/// Passes requests on, and notes what comes back.
#[derive(Clone)]
struct Observe {
    inner: kube::Client,
    established: Arc<watch::Sender<u64>>,
    last_event: Arc<AtomicI64>,
    metadata_only: bool,
}

/// What makes the API server leave out everything but the metadata.
pub(crate) const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const METADATA_WATCH: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// A client for one watch. The receiver changes each time that a watch request is answered with success.
pub(crate) fn observed(
    client: kube::Client,
    last_event: Arc<AtomicI64>,
    metadata_only: bool,
) -> (kube::Client, watch::Receiver<u64>) {
    let (sender, receiver) = watch::channel(0);
    let namespace = client.default_namespace().to_owned();
    let service = Observe { inner: client, established: Arc::new(sender), last_event, metadata_only };
    (kube::Client::new(service, namespace), receiver)
}

impl Service<Request<Body>> for Observe {
    type Response = Response<ObservedBody>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        // The client waits for its own service in `send`.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let watches = request
            .uri()
            .query()
            .is_some_and(|query| query.split('&').any(|pair| pair == "watch=true" || pair == "watch=1"));
        if self.metadata_only {
            let accept = if watches { METADATA_WATCH } else { METADATA_LIST };
            request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static(accept));
        }
        let client = self.inner.clone();
        let (established, last_event) = (Arc::clone(&self.established), Arc::clone(&self.last_event));
        Box::pin(async move {
            let answer = client.send(request).await?;
            if watches && answer.status().is_success() {
                established.send_modify(|count| *count += 1);
            }
            Ok(answer.map(|inner| ObservedBody { inner, last_event }))
        })
    }
}

struct ObservedBody {
    inner: Body,
    last_event: Arc<AtomicI64>,
}

impl http_body::Body for ObservedBody {
    type Data = Bytes;
    type Error = kube::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, kube::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if matches!(frame, Poll::Ready(Some(Ok(_)))) {
            self.last_event.store(Timestamp::now().micros(), Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
