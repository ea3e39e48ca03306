//! What the engine may have to look at again, and when.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use crate::object::{Key, Uid};

/// One thing to bring in order, in one cluster. Tasks are idempotent, so the same one is queued once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Task {
    Deployment(Key),
    ReplicaSet(Key),
    StatefulSet(Key),
    DaemonSet(Key),
    Job(Key),
    CronJob(Key),
    /// Finds a node for a pod.
    Schedule(Key),
    /// What the pod's kubelet does next.
    Kubelet(Key),
    /// The endpoint slices of a service.
    Endpoints(Key),
    Budget(Key),
    Autoscaler(Key),
    Claim(Key),
    Namespace(Key),
    Node(Key),
    /// Objects whose owner has gone.
    Collect(Uid),
    /// An object that waits for its finalizers: which resource, and which object.
    Finalize(std::sync::Arc<str>, Key),
    /// The leases of all nodes.
    Leases,
    /// Not of a cluster: the churn's next move.
    Churn,
}

/// Tasks that are due, and tasks of later.
#[derive(Default)]
pub(super) struct Agenda {
    due: VecDeque<(usize, Task)>,
    queued: HashSet<(usize, Task)>,
    /// By time in milliseconds, then in the order in which they came.
    later: BTreeMap<(i64, u64), (usize, Task)>,
    /// Where each stands in `later`: once, at its earliest. A task that comes too early says itself when it comes back.
    times: HashMap<(usize, Task), (i64, u64)>,
    number: u64,
}

impl Agenda {
    pub fn now(&mut self, member: usize, task: Task) {
        if self.queued.insert((member, task.clone())) {
            self.due.push_back((member, task));
        }
    }

    pub fn at(&mut self, time_ms: i64, member: usize, task: Task) {
        let entry = (member, task);
        if let Some(known) = self.times.get(&entry) {
            if known.0 <= time_ms {
                return;
            }
            self.later.remove(known);
        }
        self.number += 1;
        self.times.insert(entry.clone(), (time_ms, self.number));
        self.later.insert((time_ms, self.number), entry);
    }

    pub fn next(&mut self) -> Option<(usize, Task)> {
        let next = self.due.pop_front()?;
        self.queued.remove(&next);
        Some(next)
    }

    /// Makes due what is due by then.
    pub fn ripen(&mut self, now_ms: i64) {
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now_ms
        {
            let entry = entry.remove();
            self.times.remove(&entry);
            self.now(entry.0, entry.1);
        }
    }

    /// When the next one is due.
    pub fn next_at(&self) -> Option<i64> {
        if !self.due.is_empty() {
            return Some(0);
        }
        self.later.first_key_value().map(|((time, _), _)| *time)
    }
}
