//! `qps` and `burst`, really enforced: a token bucket with a fair queue in front.
//!
//! The queue is a semaphore of one permit, which tokio grants in order of arrival and takes back when a waiter is
//! dropped; whoever holds the turn waits for the bucket, so nobody overtakes and a cancelled call costs no token.
//! At most [`MAX_WAITING`] calls wait; one more is refused at once, because a queue that long means that the
//! limit is wrong and not that waiting would help.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::Instant};

/// Calls that may wait for a token. A fleet's 30 watches for each cluster and its relists are far below.
const MAX_WAITING: usize = 1_000;

#[derive(Debug)]
pub(super) struct Limiter {
    qps: f64,
    burst: f64,
    bucket: Mutex<Bucket>,
    turn: Semaphore,
    waiting: AtomicUsize,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled: Instant,
}

/// Too many calls wait already, or this one waited too long.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Throttled;

impl Limiter {
    /// `qps` and `burst` have been checked to be positive.
    pub(super) fn new(qps: f32, burst: u32) -> Self {
        let burst = f64::from(burst.max(1));
        Self {
            qps: f64::from(qps),
            burst,
            bucket: Mutex::new(Bucket { tokens: burst, filled: Instant::now() }),
            turn: Semaphore::new(1),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Takes a token, waiting at most `patience` for it. Dropping the future takes none.
    pub(super) async fn acquire(&self, patience: Duration) -> Result<(), Throttled> {
        let _place = Place::take(&self.waiting)?;
        let wait = async {
            let _turn = self.turn.acquire().await;
            while let Err(missing) = self.try_take() {
                tokio::time::sleep(missing).await;
            }
        };
        tokio::time::timeout(patience, wait).await.map_err(|_| Throttled)
    }

    /// A token, or the time until there may be one.
    fn try_take(&self) -> Result<(), Duration> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        bucket.tokens = (bucket.tokens + (now - bucket.filled).as_secs_f64() * self.qps).min(self.burst);
        bucket.filled = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            Ok(())
        } else {
            // Rounded up to the timer's resolution, or the last fraction of a token would be waited for in a spin.
            Err(Duration::from_secs_f64((1.0 - bucket.tokens) / self.qps).max(Duration::from_millis(1)))
        }
    }
}

struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, Throttled> {
        let place = Place(waiting);
        if waiting.fetch_add(1, Ordering::AcqRel) >= MAX_WAITING { Err(Throttled) } else { Ok(place) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const PATIENT: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn a_burst_passes_at_once_and_the_rest_at_the_configured_rate() {
        let limiter = Limiter::new(10.0, 5);
        let start = Instant::now();
        for _ in 0..5 {
            limiter.acquire(PATIENT).await.unwrap();
        }
        assert_eq!(start.elapsed(), Duration::ZERO);
        for _ in 0..100 {
            limiter.acquire(PATIENT).await.unwrap();
        }
        let elapsed = start.elapsed().as_secs_f64();
        assert!((9.9..10.5).contains(&elapsed), "100 tokens at 10/s took {elapsed} s");
    }

    #[tokio::test(start_paused = true)]
    async fn waiters_are_served_in_order_of_arrival() {
        let limiter = Arc::new(Limiter::new(1.0, 1));
        limiter.acquire(PATIENT).await.unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..5 {
            let (limiter, served) = (limiter.clone(), served.clone());
            tasks.push(tokio::spawn(async move {
                limiter.acquire(PATIENT).await.unwrap();
                served.lock().unwrap().push(number);
            }));
            tokio::task::yield_now().await;
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*served.lock().unwrap(), [0, 1, 2, 3, 4]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_waiter_takes_no_token_and_does_not_block_the_queue() {
        let limiter = Limiter::new(1.0, 1);
        limiter.acquire(PATIENT).await.unwrap();
        let start = Instant::now();
        for _ in 0..10 {
            let given_up = tokio::time::timeout(Duration::from_millis(1), limiter.acquire(PATIENT)).await;
            assert!(given_up.is_err());
        }
        limiter.acquire(PATIENT).await.unwrap();
        assert!(start.elapsed() <= Duration::from_millis(1_050), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_longer_than_the_patience_is_refused() {
        let limiter = Limiter::new(0.1, 1);
        limiter.acquire(PATIENT).await.unwrap();
        assert_eq!(limiter.acquire(Duration::from_secs(5)).await, Err(Throttled));
        limiter.acquire(Duration::from_secs(6)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_queue_refuses_at_once() {
        let limiter = Arc::new(Limiter::new(0.001, 1));
        limiter.acquire(PATIENT).await.unwrap();
        let waiting: Vec<_> = (0..MAX_WAITING)
            .map(|_| {
                let limiter = limiter.clone();
                tokio::spawn(async move { limiter.acquire(PATIENT).await })
            })
            .collect();
        while limiter.waiting.load(Ordering::Acquire) < MAX_WAITING {
            tokio::task::yield_now().await;
        }
        let start = Instant::now();
        assert_eq!(limiter.acquire(PATIENT).await, Err(Throttled));
        assert_eq!(start.elapsed(), Duration::ZERO);
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
