//! Asks one cluster: each question once at a time, however many wait for its answer, and a bounded number at once.
//!
//! An authorizer that hangs must not hold up everybody who waits for other clusters as well. So when a question got no
//! answer in time, and nothing else did meanwhile, the cluster is *stalled*: callers aren't made to wait for it any
//! more, and only fleetgraph's own look at it, every second or so, finds out that it answers again.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cluster_registry::connection::{ClusterError, Connection};
use fleetgraph_core::ErrorCode;
use futures::FutureExt;
use futures::future::{BoxFuture, WeakShared};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::call::{Status, review};
use super::question::{Question, Subject};

/// What a cluster said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub allowed: bool,
    /// When it was asked: the decision may have been taken at any time since.
    pub asked: Instant,
}

/// Why there is no answer. None of these is remembered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    #[error("nothing was answered in time")]
    Late,
    #[error("the cluster answers no reviews at the moment")]
    Stalled,
    #[error("{0}")]
    Undecided(String),
    #[error("{}", .0.message)]
    Call(ClusterError),
    #[error("there is no connection to the cluster")]
    Unconnected,
    #[error("the request would need too many reviews")]
    TooMany,
}

impl Failure {
    /// The code of the error that a caller sees.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Late | Self::Stalled => ErrorCode::ClusterTimeout,
            Self::Undecided(_) | Self::Unconnected => ErrorCode::ClusterUnavailable,
            Self::Call(error) => error.code,
            Self::TooMany => ErrorCode::ComplexityLimit,
        }
    }

    /// What a caller is told: nothing of what the cluster's authorizers said.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Late | Self::Stalled => "it answers no access reviews at the moment; ask again later",
            Self::Undecided(_) => "its authorizer fails; ask again later",
            Self::Call(error) if error.code == ErrorCode::ClusterForbidden => {
                "fleetgraph may not ask it for access reviews; its operators can grant that"
            }
            Self::Call(_) | Self::Unconnected => "it can't be asked now; ask again later",
            Self::TooMany => {
                "it would take too many access reviews; name a namespace, or ask for less at once"
            }
        }
    }
}

type Outcome = Result<Answer, Failure>;
type Flight = WeakShared<BoxFuture<'static, Outcome>>;

pub(crate) struct Reviewer {
    slots: Arc<Semaphore>,
    patience: Duration,
    /// The questions that are under way. Held for a look at the table only, and never by a look-up.
    flights: Mutex<HashMap<(Arc<Subject>, Question), Flight>>,
    health: Arc<Health>,
}

struct Health {
    stalled: AtomicBool,
    answered: Mutex<Instant>,
}

/// How many flights are looked through for those that ended with nobody waiting.
const SWEEP: usize = 1_024;

impl Reviewer {
    pub fn new(at_once: usize, patience: Duration) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(at_once.max(1))),
            patience,
            flights: Mutex::default(),
            health: Arc::new(Health {
                stalled: AtomicBool::new(false),
                answered: Mutex::new(Instant::now()),
            }),
        }
    }

    pub fn stalled(&self) -> bool {
        self.health.stalled.load(Ordering::Acquire)
    }

    /// The cluster answered a review that somebody else sent.
    pub fn answers(&self) {
        self.health.answered();
    }

    /// Somebody waited since `begun` and gave up.
    pub fn late(&self, begun: Instant) {
        self.health.late(begun);
    }

    /// Asks, or waits for who is asking the same.
    pub async fn ask(
        &self,
        connection: Arc<Connection>,
        subject: &Arc<Subject>,
        question: &Question,
    ) -> Outcome {
        if self.stalled() {
            return Err(Failure::Stalled);
        }
        let key = (Arc::clone(subject), question.clone());
        let flight = {
            let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
            if flights.len() >= SWEEP {
                flights.retain(|_, flight| flight.upgrade().is_some());
            }
            if let Some(flight) = flights.get(&key).and_then(WeakShared::upgrade) {
                flight
            } else {
                let flight = self.fly(connection, key.clone()).boxed().shared();
                if let Some(weak) = flight.downgrade() {
                    flights.insert(key.clone(), weak);
                }
                flight
            }
        };
        let outcome = flight.await;
        // At worst it is the next flight that is forgotten, and flown twice.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        outcome
    }

    fn fly(
        &self,
        connection: Arc<Connection>,
        (subject, question): (Arc<Subject>, Question),
    ) -> impl Future<Output = Outcome> + Send + use<> {
        let (slots, health, patience) = (Arc::clone(&self.slots), Arc::clone(&self.health), self.patience);
        async move {
            let begun = Instant::now();
            let call = async {
                // It is never closed.
                let _slot = slots.acquire().await;
                let asked = Instant::now();
                let status = review(&connection, &subject, &question.attributes()).await;
                (asked, status)
            };
            match timeout(patience, call).await {
                Ok((asked, Ok(status))) => {
                    let outcome = judged(asked, status);
                    if outcome.is_ok() {
                        health.answered();
                    }
                    outcome
                }
                Ok((_, Err(error))) => Err(Failure::Call(error)),
                Err(_) => {
                    health.late(begun);
                    Err(Failure::Late)
                }
            }
        }
    }
}

/// An authorizer that allows has decided, whatever else failed before it; one that fails may have denied for that reason.
fn judged(asked: Instant, status: Status) -> Outcome {
    match status {
        Status { allowed: true, denied: false, .. } => Ok(Answer { allowed: true, asked }),
        Status { evaluation_error, .. } if !evaluation_error.is_empty() => {
            Err(Failure::Undecided(evaluation_error))
        }
        Status { .. } => Ok(Answer { allowed: false, asked }),
    }
}

impl Health {
    fn answered(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.stalled.store(false, Ordering::Release);
    }

    fn late(&self, begun: Instant) {
        if *self.answered.lock().unwrap_or_else(PoisonError::into_inner) < begun {
            self.stalled.store(true, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(allowed: bool, denied: bool, error: &str) -> Status {
        Status { allowed, denied, evaluation_error: error.to_owned() }
    }

    #[test]
    fn a_denial_that_comes_of_an_error_is_no_decision() {
        let asked = Instant::now();
        let answer = |allowed| Ok(Answer { allowed, asked });
        assert_eq!(judged(asked, status(true, false, "")), answer(true));
        assert_eq!(judged(asked, status(true, false, "a role is missing")), answer(true));
        assert_eq!(judged(asked, status(false, false, "")), answer(false));
        assert_eq!(judged(asked, status(false, true, "")), answer(false));
        assert_eq!(judged(asked, status(true, true, "")), answer(false), "both at once is none");
        for (allowed, denied) in [(false, false), (false, true), (true, true)] {
            assert!(judged(asked, status(allowed, denied, "the webhook is down")).is_err());
        }
    }

    #[test]
    fn a_cluster_is_stalled_when_nothing_was_answered_since_the_question() {
        let reviewer = Reviewer::new(1, Duration::ZERO);
        let begun = Instant::now() + Duration::from_millis(1);
        reviewer.health.late(begun - Duration::from_secs(1));
        assert!(!reviewer.stalled(), "something else was answered");
        reviewer.health.late(begun);
        assert!(reviewer.stalled());
        reviewer.answers();
        assert!(!reviewer.stalled());
    }
}
