//! The body of an answer, bounded: in size, in time, and, for a watch, in the length of each event.
//!
//! It also holds its stream's place on the connection ([`Lanes`](super::lanes::Lanes)) until it is read or dropped.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Sleep;
use tower::BoxError;

use super::{error::CallError, lanes::Stream};

/// What an answer may cost, and the errors for one that costs more.
pub(super) struct Bounds {
    /// Bytes of the whole, or of one line of an endless answer.
    pub(super) bytes: u64,
    pub(super) endless: bool,
    pub(super) too_large: CallError,
    /// Absent for an endless answer.
    pub(super) deadline: Option<(Pin<Box<Sleep>>, CallError)>,
}

pub(super) struct Answer {
    body: Incoming,
    _stream: Stream,
    bounds: Bounds,
    /// Bytes so far, of the whole or of the current line.
    seen: u64,
}

impl Answer {
    pub(super) fn new(body: Incoming, stream: Stream, bounds: Bounds) -> Self {
        Self { body, _stream: stream, bounds, seen: 0 }
    }

    fn count(&mut self, data: &[u8]) -> Result<(), CallError> {
        let len = data.len() as u64;
        self.seen += len;
        let within = self.seen <= self.bounds.bytes;
        if self.bounds.endless
            && let Some(newline) = data.iter().rposition(|byte| *byte == b'\n')
        {
            self.seen = len - newline as u64 - 1;
        }
        if within { Ok(()) } else { Err(self.bounds.too_large.clone()) }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    let counted = self.count(data);
                    if let Err(error) = counted {
                        return Poll::Ready(Some(Err(error.into())));
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                let Some((sleep, late)) = &mut self.bounds.deadline else { return Poll::Pending };
                sleep.as_mut().poll(cx).map(|()| Some(Err(late.clone().into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
