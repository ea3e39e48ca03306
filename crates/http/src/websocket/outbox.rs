//! The bounded way from a connection's operations to its socket.
//!
//! Bounded twice: by messages (the channel) and by bytes (the semaphore, whose permits travel with a message until it
//! is written). When either is used up, `send` waits, so the operation is not polled meanwhile: its source's rules for
//! laggards apply, and the memory of a slow client's connection stays what the configuration says. A message longer
//! than all bytes together takes all of them, so it goes out alone.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::session::Serial;

/// A message of an operation.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub id: Arc<str>,
    pub serial: Serial,
    pub text: String,
    /// Whether the operation has ended with this message.
    pub last: bool,
    /// The message's share of the bytes, to be given back once it is written.
    pub room: Option<OwnedSemaphorePermit>,
}

#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    messages: mpsc::Sender<Outgoing>,
    bytes: Arc<Semaphore>,
    max_bytes: u32,
}

impl Outbox {
    pub fn new(max_messages: usize, max_bytes: u32) -> (Self, mpsc::Receiver<Outgoing>) {
        let (messages, receiver) = mpsc::channel(max_messages.max(1));
        let bytes = Arc::new(Semaphore::new(max_bytes as usize));
        (Self { messages, bytes, max_bytes }, receiver)
    }

    /// Waits for room, then hands the message over. `false` when the connection is gone.
    pub async fn send(&self, id: &Arc<str>, serial: Serial, text: String, last: bool) -> bool {
        let wanted = u32::try_from(text.len()).unwrap_or(u32::MAX).min(self.max_bytes);
        let room = Arc::clone(&self.bytes).acquire_many_owned(wanted).await.ok();
        let message = Outgoing { id: Arc::clone(id), serial, text, last, room };
        self.messages.send(message).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_full_outbox_makes_the_sender_wait_until_a_message_is_written() {
        let (outbox, mut receiver) = Outbox::new(64, 100);
        let id: Arc<str> = "1".into();
        assert!(outbox.send(&id, 0, "x".repeat(60), false).await);
        let mut second = Box::pin(outbox.send(&id, 0, "y".repeat(60), false));
        assert!(second.as_mut().now_or_never().is_none(), "120 of 100 bytes were let in");
        let first = receiver.recv().await.unwrap();
        assert!(second.as_mut().now_or_never().is_none(), "the bytes are free before the message is written");
        drop(first);
        assert!(second.await);
    }

    #[tokio::test]
    async fn a_message_longer_than_the_bound_goes_out_alone() {
        let (outbox, mut receiver) = Outbox::new(64, 100);
        assert!(outbox.send(&"1".into(), 0, "x".repeat(5_000), true).await);
        assert_eq!(receiver.recv().await.unwrap().text.len(), 5_000);
        drop(receiver);
        assert!(!outbox.send(&"1".into(), 0, "x".to_owned(), true).await);
    }
}
