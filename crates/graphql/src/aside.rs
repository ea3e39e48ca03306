//! Work over very many objects, done beside the threads that serve requests: these go on answering meanwhile.

use std::{
    num::NonZero,
    panic::resume_unwind,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::available_parallelism,
};

use fleetgraph_core::{Error, ErrorCode};
use kinds::graphql_error;
use tokio::{sync::Semaphore, task::spawn_blocking};
use tracing::Span;

/// As many at a time as leave a processor to everybody else; further ones wait.
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| {
    let processors = available_parallelism().map_or(1, NonZero::get);
    Semaphore::new(processors.saturating_sub(1).max(1))
});

/// Runs work that looks now and then at the flag that it gets: once that is set, nobody waits for the result.
pub async fn run<T: Send + 'static>(
    work: impl FnOnce(&AtomicBool) -> T + Send + 'static,
) -> async_graphql::Result<T> {
    let place = PLACES.acquire().await.map_err(|_| stopped())?;
    let (guard, span) = (StopOnDrop::default(), Span::current());
    let flag = Arc::clone(&guard.0);
    let done = spawn_blocking(move || {
        let _place = place;
        span.in_scope(|| work(&flag))
    });
    match done.await {
        Ok(result) => Ok(result),
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_) => Err(stopped()),
    }
}

/// The runtime ends.
fn stopped() -> async_graphql::Error {
    graphql_error(&Error::new(ErrorCode::Internal, "the server is stopping"))
}

/// Sets its flag when who waits gives up: at the request's time limit, or when the caller is gone.
#[derive(Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_told_and_gives_its_place_to_the_next() {
        let (begun, mut begins) = tokio::sync::mpsc::unbounded_channel();
        let (ended, ends) = mpsc::channel();
        let waiting = tokio::spawn(run(move |stopped| {
            begun.send(()).unwrap();
            while !stopped.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            ended.send(()).unwrap();
        }));
        begins.recv().await.unwrap();
        waiting.abort();
        assert_eq!(run(move |_| ends.recv_timeout(Duration::from_secs(20))).await.unwrap(), Ok(()));
    }
}
