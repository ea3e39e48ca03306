//! Two times that HTTP's own code does not bound: how long a client may leave open which version it speaks, and how long
//! it may refuse to take what is written to it.
//!
//! hyper-util reads up to 24 bytes to tell HTTP/2 from HTTP/1.1, and its time for a header begins only then: a client
//! that connects and says nothing, or `PRI *` and no more, would hold its connection for ever. Nothing of hyper's bounds a
//! write: a client that asks for a long answer and never reads would hold that answer in memory.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// What a client that speaks HTTP/2 sends first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) struct Guarded<IO> {
    io: IO,
    /// Until it is clear which version the client speaks.
    opening: Option<Opening>,
    write_timeout: Duration,
    /// Set while a write can't go on.
    stalled: Option<Pin<Box<Sleep>>>,
}

struct Opening {
    /// How much of the preface has come.
    matched: usize,
    deadline: Pin<Box<Sleep>>,
}

impl<IO> Guarded<IO> {
    pub fn new(io: IO, opening: Duration, write_timeout: Duration) -> Self {
        let opening = Opening { matched: 0, deadline: Box::pin(sleep(opening)) };
        Self { io, opening: Some(opening), write_timeout, stalled: None }
    }

    /// Passes the outcome of a write on, and ends one that has stalled for too long.
    fn written<T>(&mut self, context: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_ready() {
            self.stalled = None;
            return outcome;
        }
        let within = self.write_timeout;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(within)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(timed_out("the client takes nothing off the wire")))
    }
}

fn timed_out(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, why)
}

impl Opening {
    /// Whether it is clear now.
    fn is_over(&mut self, read: &[u8]) -> bool {
        for byte in read {
            if PREFACE.get(self.matched) != Some(byte) {
                return true;
            }
            self.matched += 1;
        }
        self.matched == PREFACE.len()
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Guarded<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut this.io).poll_read(context, buffer);
        let Some(opening) = &mut this.opening else { return outcome };
        match outcome {
            Poll::Ready(outcome) => {
                let read = &buffer.filled()[before..];
                if read.is_empty() || opening.is_over(read) {
                    this.opening = None;
                }
                Poll::Ready(outcome)
            }
            Poll::Pending => {
                ready!(opening.deadline.as_mut().poll(context));
                Poll::Ready(Err(timed_out("the client does not say which HTTP it speaks")))
            }
        }
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Guarded<IO> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write(context, bytes);
        self.written(context, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.io).poll_write_vectored(context, bytes);
        self.written(context, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_flush(context);
        self.written(context, outcome)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let outcome = Pin::new(&mut self.io).poll_shutdown(context);
        self.written(context, outcome)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const SHORT: Duration = Duration::from_secs(10);
    const LONG: Duration = Duration::from_secs(3600);

    fn guarded(buffer: usize) -> (Guarded<DuplexStream>, DuplexStream) {
        let (near, far) = duplex(buffer);
        (Guarded::new(near, SHORT, SHORT), far)
    }

    async fn read_after(said: &[u8]) -> io::Result<usize> {
        let (mut near, mut far) = guarded(1024);
        far.write_all(said).await.unwrap();
        let mut buffer = [0; 1024];
        if !said.is_empty() {
            assert_eq!(near.read(&mut buffer).await.unwrap(), said.len());
        }
        let outcome = tokio::time::timeout(LONG, near.read(&mut buffer)).await;
        drop(far);
        outcome.unwrap_or(Ok(0))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_leaves_its_version_open_is_not_waited_for() {
        for said in ["", "P", "PRI * HTTP/2.0\r\n"] {
            let error = read_after(said.as_bytes()).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{said:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_whose_version_is_clear_may_be_silent() {
        for said in ["G", "POST", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "PRI * HTTP/1.1\r\n"] {
            assert_eq!(read_after(said.as_bytes()).await.unwrap(), 0, "{said:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_version_is_clear_at_the_same_byte_however_they_come(
            tail in "[ -~\r\n]{0,8}", kept in 0..=PREFACE.len(), cut in 0..30_usize,
        ) {
            let said = [&PREFACE[..kept], tail.as_bytes()].concat();
            let opening = || Opening { matched: 0, deadline: Box::pin(sleep(SHORT)) };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let _entered = runtime.enter();
            let (first, second) = said.split_at(cut.min(said.len()));
            let mut split = opening();
            let over = split.is_over(first) || split.is_over(second);
            proptest::prop_assert_eq!(over, opening().is_over(&said));
            proptest::prop_assert_eq!(over, !PREFACE.starts_with(&said) || said.len() >= PREFACE.len());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_nobody_takes_ends_and_one_that_is_taken_slowly_does_not() {
        let (mut near, far) = guarded(10);
        near.write_all(&[0; 10]).await.unwrap();
        assert_eq!(near.write_all(&[0; 10]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        drop(far);

        let (mut near, mut far) = guarded(10);
        let reading = async {
            let mut taken = 0;
            while taken < 100 {
                tokio::time::sleep(SHORT * 9 / 10).await;
                taken += far.read(&mut [0; 10]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(near.write_all(&[0; 100]), reading);
        written.unwrap();
    }
}
