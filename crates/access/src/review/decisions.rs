//! What a cluster has lately said of one caller. Reads take no lock; what is learned is published at once for all.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use fleetgraph_core::{KindMeta, Verb};

use super::question::{Action, Place, Question, ways};
use super::reviewer::Answer;

/// As many as a cluster answers within their time to live, which its queries per second bound: older ones go when
/// something is learned, and all of them with the caller.
#[derive(Default)]
pub(crate) struct Decisions(ArcSwap<Tables>);

/// By verb and kind.
type Tables = HashMap<(Action, KindMeta), Table>;

/// By namespace; that of everything, and of what is in none, is empty.
type Table = HashMap<Box<str>, Here>;

#[derive(Clone, Default)]
struct Here {
    whole: Option<Decision>,
    names: HashMap<Box<str>, Decision>,
}

#[derive(Clone, Copy)]
struct Decision {
    allowed: bool,
    until: Instant,
}

impl Decision {
    fn now(&self) -> Option<bool> {
        (Instant::now() < self.until).then_some(self.allowed)
    }
}

impl Here {
    fn forget(&mut self, now: Instant) -> bool {
        self.whole.take_if(|decision| decision.until <= now);
        self.names.retain(|_, decision| now < decision.until);
        self.whole.is_some() || !self.names.is_empty()
    }
}

impl Decisions {
    /// Whether something is allowed, as far as that is known.
    pub fn get(&self, action: Action, kind: &KindMeta, namespace: &str, name: Option<&str>) -> Option<bool> {
        let tables = self.0.load();
        let here = tables.get(&(action, *kind))?.get(namespace)?;
        match name {
            None => here.whole?.now(),
            Some(name) => here.names.get(name)?.now(),
        }
    }

    /// Whether something may be seen in any of the ways there are; `None` while it depends on a question that is open.
    pub fn allow(&self, verb: Verb, kind: &KindMeta, place: &Place) -> Option<bool> {
        let mut denied = true;
        for question in ways(verb, kind, place) {
            match self.of(&question) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => denied = false,
            }
        }
        denied.then_some(false)
    }

    pub fn of(&self, question: &Question) -> Option<bool> {
        let Question { action, kind, place } = question;
        self.get(*action, kind, &place.namespace, place.name.as_deref())
    }

    /// Keeps answers for their time to live.
    pub fn learn(&self, answers: &[(Question, Answer)], ttl: Duration) {
        let now = Instant::now();
        self.0.rcu(|tables| {
            let mut tables = Tables::clone(tables);
            for (Question { action, kind, place: Place { namespace, name } }, answer) in answers {
                let decision = Decision { allowed: answer.allowed, until: answer.asked + ttl };
                let table = tables.entry((*action, *kind)).or_default();
                let here = table.entry(namespace.clone()).or_default();
                match name {
                    None => here.whole = Some(decision),
                    Some(name) => {
                        here.names.insert(name.clone(), decision);
                    }
                }
            }
            tables.retain(|_, table| {
                table.retain(|_, here| here.forget(now));
                !table.is_empty()
            });
            tables
        });
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let all = self.0.load();
        all.values().flat_map(HashMap::values).map(|h| h.names.len() + usize::from(h.whole.is_some())).sum()
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Kind;
    use kinds::Pod;

    use super::*;

    fn question(namespace: &str, name: Option<&str>) -> Question {
        let place = Place { namespace: namespace.into(), name: name.map(Box::from) };
        Question { action: Action::List, kind: Pod::META, place }
    }

    const TTL: Duration = Duration::from_secs(60);

    #[test]
    fn an_answer_is_for_its_own_question() {
        let decisions = Decisions::default();
        let answer = |allowed| Answer { allowed, asked: Instant::now() };
        decisions.learn(&[(question("", None), answer(false)), (question("shop", None), answer(true))], TTL);
        assert_eq!(decisions.of(&question("", None)), Some(false));
        assert_eq!(decisions.of(&question("shop", None)), Some(true));
        assert_eq!(decisions.of(&question("shop", Some("cart"))), None);
        assert_eq!(decisions.get(Action::Watch, &Pod::META, "shop", None), None);
    }

    #[test]
    fn an_answer_that_is_too_old_is_none_and_takes_no_room() {
        let decisions = Decisions::default();
        let asked = Instant::now() - TTL;
        decisions.learn(&[(question("shop", None), Answer { allowed: true, asked })], TTL);
        assert_eq!(decisions.of(&question("shop", None)), None);
        decisions.learn(&[], TTL);
        assert_eq!(decisions.len(), 0);
    }
}
