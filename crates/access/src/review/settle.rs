//! Asks one cluster for all that a request wants of it: what is allowed for all is not asked for each.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use cluster_registry::Cluster;
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use super::decisions::Decisions;
use super::question::{Question, Subject, ways};
use super::reviewer::{Failure, Reviewer};
use super::wants::Want;

/// Who asks whom.
pub(crate) struct Asked<'a> {
    pub cluster: &'a Cluster,
    pub reviewer: &'a Reviewer,
    pub subject: &'a Arc<Subject>,
    pub decisions: &'a Decisions,
    pub ttl: Duration,
}

/// Whether something became known, and why something did not.
pub(crate) async fn settle(
    asked: &Asked<'_>,
    wanted: &HashSet<Want>,
    deadline: Instant,
) -> (bool, Option<Failure>) {
    let (mut learned, mut failure) = (false, None);
    // Each once: an answer that came late may have passed its time to live already.
    let mut sent: HashSet<Question> = HashSet::new();
    loop {
        let mut open = HashSet::new();
        for want in wanted {
            match next(asked.decisions, want) {
                // Another request may have asked in the meantime.
                None => learned = true,
                Some(question) if sent.contains(&question) => {}
                Some(question) => {
                    open.insert(question);
                }
            }
        }
        sent.extend(open.iter().cloned());
        if open.is_empty() {
            return (learned, failure);
        }
        let Some(connection) = asked.cluster.connection() else {
            return (learned, Some(Failure::Unconnected));
        };
        let begun = std::time::Instant::now();
        let mut flights: FuturesUnordered<_> = open
            .into_iter()
            .map(async |question| {
                let flight = asked.reviewer.ask(Arc::clone(&connection), asked.subject, &question);
                let Ok(outcome) = timeout_at(deadline, flight).await else {
                    asked.reviewer.late(begun);
                    return (question, Err(Failure::Late));
                };
                (question, outcome)
            })
            .collect();
        let mut answers = Vec::new();
        while let Some((question, outcome)) = flights.next().await {
            match outcome {
                Ok(answer) => answers.push((question, answer)),
                Err(why) => {
                    tracing::debug!(cluster = %asked.cluster.spec().id, %why, "a review brought no decision");
                    failure = Some(why);
                }
            }
        }
        if answers.is_empty() {
            return (learned, failure);
        }
        learned = true;
        asked.decisions.learn(&answers, asked.ttl);
    }
}

/// The question on which it depends whether something may be seen; `None` if that is known.
fn next(decisions: &Decisions, want: &Want) -> Option<Question> {
    for question in ways(want.verb, &want.kind, &want.place) {
        match decisions.of(&question) {
            Some(true) => return None,
            Some(false) => {}
            None => return Some(question),
        }
    }
    None
}
