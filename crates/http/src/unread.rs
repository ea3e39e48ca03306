//! Lets go of an answer that nobody takes.
//!
//! A client of HTTP/2 may ask for long answers and give them no room (flow control, RFC 9113, 5.2) while it answers every
//! ping: nothing stalls on its socket, and each answer would stay in memory for as long as it likes. An answer of which
//! nothing was taken for a while is dropped; its stream ends in an error if the client ever goes on. The connection stays,
//! since it may be a gateway's, with other people's requests on it.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio_util::task::AbortOnDropHandle;

/// Shorter answers are not worth a timer: they fit into what each stream may buffer anyway.
const WATCHED_FROM: usize = 64 * 1024;
const CHUNK: usize = 64 * 1024;

/// The body of an answer.
pub(crate) fn body(answer: impl Into<Bytes>, within: Duration) -> Body {
    let answer = answer.into();
    if answer.len() < WATCHED_FROM { Body::from(answer) } else { Body::new(Watched::new(answer, within)) }
}

struct Watched {
    shared: Arc<Shared>,
    left: u64,
    _watchdog: AbortOnDropHandle<()>,
}

struct Shared {
    /// `None` once it was let go of.
    rest: Mutex<Option<Bytes>>,
    taken: AtomicBool,
}

impl Watched {
    fn new(answer: Bytes, within: Duration) -> Self {
        let left = answer.len() as u64;
        let shared = Arc::new(Shared { rest: Mutex::new(Some(answer)), taken: AtomicBool::new(false) });
        let watched = Arc::clone(&shared);
        let watchdog = tokio::spawn(async move {
            loop {
                tokio::time::sleep(within).await;
                if !watched.taken.swap(false, Relaxed) {
                    *watched.rest.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    tracing::debug!("an answer that nobody takes was dropped");
                    return;
                }
            }
        });
        Self { shared, left, _watchdog: AbortOnDropHandle::new(watchdog) }
    }

    fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.left == 0 {
            return None;
        }
        self.shared.taken.store(true, Relaxed);
        let mut rest = self.shared.rest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rest) = rest.as_mut() else {
            self.left = 0;
            return Some(Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing")));
        };
        let chunk = rest.split_to(rest.len().min(CHUNK));
        self.left -= chunk.len() as u64;
        Some(Ok(chunk))
    }
}

impl hyper::body::Body for Watched {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Poll::Ready(self.next().map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    const SOON: Duration = Duration::from_secs(30);

    /// Says when it is dropped.
    struct Long(Vec<u8>, Arc<AtomicBool>);

    impl AsRef<[u8]> for Long {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    impl Drop for Long {
        fn drop(&mut self) {
            self.1.store(true, Relaxed);
        }
    }

    fn long() -> (Bytes, Arc<AtomicBool>) {
        let gone = Arc::new(AtomicBool::new(false));
        (Bytes::from_owner(Long(vec![b'x'; 10 * CHUNK], Arc::clone(&gone))), gone)
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_taken_slowly_arrives_whole() {
        let (answer, _) = long();
        let mut body = body(answer, SOON);
        let mut length = 0;
        while let Some(frame) = body.frame().await {
            length += frame.unwrap().into_data().unwrap().len();
            tokio::time::sleep(SOON * 9 / 10).await;
        }
        assert_eq!(length, 10 * CHUNK);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_taken_is_let_go_of_and_ends_in_an_error() {
        let (answer, gone) = long();
        let mut body = body(answer, SOON);
        assert!(body.frame().await.unwrap().is_ok());
        tokio::time::sleep(SOON / 2).await;
        assert!(!gone.load(Relaxed));
        tokio::time::sleep(SOON * 2).await;
        assert!(gone.load(Relaxed), "the answer is still in memory");
        assert!(body.frame().await.unwrap().is_err());
        assert!(body.frame().await.is_none());
    }

    #[tokio::test]
    async fn a_short_answer_is_sent_as_it_is() {
        let body = body("short", SOON).collect().await.unwrap();
        assert_eq!(body.to_bytes(), "short");
    }
}
