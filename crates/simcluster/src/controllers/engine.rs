//! The one scheduler of all controllers of all clusters: reads what changed, turns it into tasks, runs those that are
//! due. It owns no thread, so that a test can drive it with a clock of its own.
//!
//! ```text
//!   tap ─▶ Hub ─▶ subscription.ready() ─▶ Index ─▶ Agenda ─▶ a controller ─▶ Cluster (create, update, delete)
//!          which      what happened        what is   what is     one function for each kind        └─▶ tap …
//!          cluster                         known     to be done
//! ```
//!
//! After each task the cluster's own events are read before its next task runs, so that no controller decides on what
//! it changed itself a moment ago.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::StdRng;

use super::churn::Mover;
use super::context::Context;
use super::hub::{Hub, Taps};
use super::index::Index;
use super::task::{Agenda, Task};
use super::{ControllerOptions, kinds, route};
use crate::cluster::{Cluster, WatchEnd};
use crate::resources::Storage;

struct Member {
    cluster: Cluster,
    /// Up to here nothing has been looked at.
    base: u64,
    index: Option<Box<Index>>,
}

/// Drives the controllers step by step; [`super::Controllers`] gives it a thread.
pub struct Engine {
    hub: Arc<Hub>,
    _taps: Taps,
    members: Vec<Member>,
    agenda: Agenda,
    random: StdRng,
    churn: Option<Mover>,
    options: ControllerOptions,
}

impl Engine {
    pub fn new(clusters: &[Cluster], options: ControllerOptions) -> Self {
        let (hub, taps) = Hub::new(clusters);
        let members = clusters
            .iter()
            .map(|cluster| Member { cluster: cluster.clone(), base: cluster.revision(), index: None })
            .collect();
        let mut engine = Self {
            hub,
            _taps: taps,
            members,
            agenda: Agenda::default(),
            random: StdRng::seed_from_u64(options.seed),
            churn: None,
            options,
        };
        for member in 0..engine.members.len() {
            if clusters.len() <= engine.options.awake {
                engine.wake(member);
            }
            if engine.options.lease_interval_ms > 0 {
                // Spread, so that a thousand clusters don't beat at once.
                let first = engine.steady() + 1 + member as i64 * 97 % engine.options.lease_interval_ms;
                engine.agenda.at(first, member, Task::Leases);
            }
        }
        engine
    }

    pub(super) fn set_churn(&mut self, churn: Mover) {
        self.churn = Some(churn);
        self.agenda.now(0, Task::Churn);
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Changes of anything but leases since the engine was made.
    pub fn changes(&self) -> u64 {
        self.hub.changes()
    }

    /// How time passes: one clock for all, since those of the clusters may be wrong.
    pub(super) fn steady(&self) -> i64 {
        self.members.first().map_or(0, |member| member.cluster.clock().steady_ms())
    }

    fn now(&self, member: usize) -> i64 {
        self.members.get(member).map_or(0, |member| member.cluster.clock().now().as_millisecond())
    }

    /// Makes the index of a cluster, and looks at everything in it once.
    fn wake(&mut self, member: usize) {
        let Some(found) = self.members.get_mut(member) else { return };
        if found.index.is_some() {
            return;
        }
        let index = Box::new(Index::build(&found.cluster));
        found.index = Some(index);
        route::everything(&found.cluster, member, &mut self.agenda);
    }

    /// Reads what happened in a cluster since the last time.
    fn read(&mut self, member: usize) {
        for place in self.hub.places(member) {
            self.wake(member);
            let Some(found) = self.members.get_mut(member) else { return };
            let Some(index) = found.index.as_mut() else { return };
            if let Err(end) = drain(&found.cluster, found.base, index, &place, member, &mut self.agenda) {
                tracing::debug!(%end, place = %place, "the controllers look at a cluster anew");
                found.base = found.cluster.revision();
                found.index = None;
                self.wake(member);
                return;
            }
        }
    }

    /// Does all that is due now; gives the time of what is next, in milliseconds.
    pub fn step(&mut self) -> Option<i64> {
        while let Some(members) = self.hub.members() {
            for member in members {
                self.read(member);
            }
            self.agenda.ripen(self.steady());
            let Some((member, task)) = self.agenda.next() else { break };
            self.run(member, task);
            self.read(member);
        }
        self.agenda.next_at()
    }

    fn run(&mut self, member: usize, task: Task) {
        if task == Task::Churn {
            return self.churn();
        }
        if task == Task::Leases {
            let now = self.now(member);
            super::node::renew(&self.members[member].cluster, now);
            return self.agenda.at(self.steady() + self.options.lease_interval_ms, member, task);
        }
        if let Some(mut context) = self.context(member) {
            route::run(&mut context, task);
        }
    }

    /// What a controller has of a cluster, which is woken for it.
    fn context(&mut self, member: usize) -> Option<Context<'_>> {
        self.wake(member);
        let (now, steady) = (self.now(member), self.steady());
        let found = self.members.get_mut(member)?;
        let index = found.index.as_mut()?;
        let (agenda, random) = (&mut self.agenda, &mut self.random);
        Some(Context { member, cluster: &found.cluster, index, agenda, random, now, steady })
    }

    fn churn(&mut self) {
        let steady = self.steady();
        let Some(mut churn) = self.churn.take() else { return };
        for member in churn.members(steady, self.members.len(), self.hub.changes()) {
            if let Some(mut context) = self.context(member) {
                churn.act(&mut context);
                self.read(member);
            }
        }
        self.agenda.at(steady + churn.pause_ms(), 0, Task::Churn);
        self.churn = Some(churn);
    }

    /// For tests: lets so much time pass on the clusters' frozen clocks, in steps from one thing that is due to the
    /// next.
    pub fn advance(&mut self, milliseconds: i64) {
        let mut now = self.steady();
        let end = now + milliseconds;
        loop {
            let next = self.step().unwrap_or(end).clamp(now + 1, end.max(now + 1));
            if next > end || now >= end {
                break;
            }
            now = next;
            for member in &self.members {
                member.cluster.clock().freeze_at_ms(now);
            }
        }
    }
}

fn drain(
    cluster: &Cluster,
    base: u64,
    index: &mut Index,
    place: &Storage,
    member: usize,
    agenda: &mut Agenda,
) -> Result<(), WatchEnd> {
    if !index.subscriptions.contains_key(place) {
        let Some(resource) = kinds::of(cluster, place) else { return Ok(()) };
        index.subscriptions.insert(Arc::clone(place), cluster.subscribe(&resource, base));
    }
    loop {
        let Some(subscription) = index.subscriptions.get_mut(place) else { return Ok(()) };
        let events = subscription.ready()?;
        if events.is_empty() {
            return Ok(());
        }
        for event in &events {
            let before = index.pods.get(&event.object.key).cloned().filter(|_| &**place == "pods");
            index.apply(place, event);
            route::event(index, place, event, before.as_ref(), member, agenda);
        }
    }
}
