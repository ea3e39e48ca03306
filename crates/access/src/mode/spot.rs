//! Judgements of late, put before the cluster itself.
//!
//! What an API server lists for fleetgraph's account says nothing of a policy file that names others. So every look takes
//! some callers who were judged by roles, and asks the cluster what these may list: everywhere, and in a namespace at
//! random. One who shows that roles aren't all that decides is asked for again each time, for as long as that is so.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cluster_registry::Cluster;
use cluster_registry::connection::Connection;
use fleetgraph_core::{KindMeta, Principal, Verb};
use kinds::Namespace;
use rand::RngExt;

use super::detect::{ATTEMPTS, BETWEEN, bounded};
use crate::member::Member;
use crate::rbac::{self, Rights};
use crate::review::{Attributes, Place, Question, Subject, review, ways};

/// How many callers are kept, and how many of them are asked for at a look.
const KEPT: usize = 64;
const ASKED: usize = 8;

/// Of one cluster.
#[derive(Default)]
pub(crate) struct Samples(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    recent: VecDeque<Sample>,
    contradiction: Option<Sample>,
}

/// A caller, and what was judged by roles.
#[derive(Clone, PartialEq, Eq)]
struct Sample {
    principal: Arc<Principal>,
    question: Question,
}

impl Samples {
    /// Notes that a caller's rights to list or watch a kind were evaluated. The oldest go.
    pub fn note(&self, principal: &Arc<Principal>, verb: Verb, kind: &KindMeta) {
        let everywhere = Place { namespace: Box::from(""), name: None };
        let Some(question) = ways(verb, kind, &everywhere).into_iter().next() else { return };
        let mut inner = self.lock();
        if inner.recent.len() == KEPT {
            inner.recent.pop_front();
        }
        inner.recent.push_back(Sample { principal: Arc::clone(principal), question });
    }

    fn some(&self) -> Vec<Sample> {
        let mut inner = self.lock();
        let contradiction = inner.contradiction.clone();
        // Those that are asked for go to the end, so that each has its turn.
        let count = inner.recent.len().min(ASKED);
        let asked: Vec<Sample> = inner.recent.iter().take(count).cloned().collect();
        inner.recent.rotate_left(count);
        contradiction.into_iter().chain(asked).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What speaks against local evaluation, if the cluster says otherwise of a caller than its roles do.
pub(super) async fn contradiction(
    connection: &Connection,
    cluster: &Cluster,
    member: &Member,
) -> Option<String> {
    for Sample { principal, question } in member.samples.some() {
        let mut questions = vec![question.clone()];
        if question.kind.namespaced && question.place.namespace.is_empty() {
            questions.extend(any_namespace(cluster).map(|namespace| {
                let place = Place { namespace, name: None };
                Question { place, ..question.clone() }
            }));
        }
        for question in questions {
            if let Some(reason) = contradicts(connection, cluster, member, &principal, &question).await {
                member.samples.lock().contradiction = Some(Sample { principal, question });
                return Some(reason);
            }
        }
    }
    member.samples.lock().contradiction = None;
    None
}

async fn contradicts(
    connection: &Connection,
    cluster: &Cluster,
    member: &Member,
    principal: &Principal,
    question: &Question,
) -> Option<String> {
    let subject = Subject::of(principal);
    let attributes = question.attributes();
    for attempt in 1.. {
        // Who doesn't answer doesn't contradict.
        let status = bounded(review(connection, &subject, &attributes)).await.ok()?;
        if !status.allowed && !status.evaluation_error.is_empty() {
            return None;
        }
        let rules = member.rules(cluster)?;
        if allows(&rules.policy.rights(principal), &attributes) == (status.allowed && !status.denied) {
            return None;
        }
        if attempt == ATTEMPTS {
            let Attributes { verb, resource, .. } = attributes;
            let says = if status.allowed { "allows" } else { "denies" };
            return Some(format!(
                "the cluster {says} a caller to {verb} {resource}, and its roles say otherwise"
            ));
        }
        tokio::time::sleep(BETWEEN).await;
    }
    None
}

fn allows(rights: &Rights, attributes: &Attributes<'_>) -> bool {
    let Attributes { verb, group, resource, namespace, name, .. } = *attributes;
    rights.allow(&rbac::Attributes { verb, group, resource, subresource: "", namespace, name })
}

fn any_namespace(cluster: &Cluster) -> Option<Box<str>> {
    let namespaces = cluster.store::<Namespace>()?.snapshot();
    let number = rand::rng().random_range(0..namespaces.len().max(1));
    namespaces.iter().nth(number).map(|namespace| namespace.meta.name.clone())
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Kind;
    use kinds::Pod;

    use super::*;

    #[test]
    fn each_of_the_callers_that_are_kept_has_its_turn() {
        let samples = Samples::default();
        for number in 0..KEPT + 8 {
            samples.note(&Arc::new(Principal::new(format!("user-{number}"))), Verb::List, &Pod::META);
        }
        let turns = (0..KEPT / ASKED).flat_map(|_| samples.some());
        let mut users: Vec<_> = turns.map(|sample| sample.principal.user.to_string()).collect();
        users.sort_unstable();
        users.dedup();
        assert_eq!(users.len(), KEPT);
        assert!(!users.contains(&"user-0".to_owned()), "the oldest went");
    }
}
