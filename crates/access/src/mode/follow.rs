//! Looks at each cluster when it comes, when its watches had broken, and every now and then.
//!
//! An API server that comes back may have been given other authorizers; one that reads its authorizers from a file takes
//! up another file without a break. Hence both.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use cluster_registry::Cluster;
use fleetgraph_core::{ClusterId, Scope};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::detect::{Found, detect};
use super::{AccessKind, AccessMode};
use crate::access::Judges;
use crate::member::Member;
use crate::rules::{Copied, copied};

/// A watch that broke shows for half a second at least, which is the shortest time before it is tried again.
const TICK: Duration = Duration::from_millis(250);
/// Before a look that found nothing is repeated.
const AGAIN: Duration = Duration::from_secs(1);
/// One cluster, as the task follows it.
struct Followed {
    member: Arc<Member>,
    /// Whether its rules could be read when it was last heard; `None` while it can't be, and before it was.
    readable: Option<bool>,
    /// Whether something changed since the last look began.
    changed: bool,
    looking: bool,
    next: Instant,
    /// When a look last found something.
    found: Option<Instant>,
}

/// Runs until the judges are gone.
pub(crate) async fn follow(judges: Weak<Judges>) {
    let mut followed: HashMap<ClusterId, Followed> = HashMap::new();
    let mut looks: JoinSet<(ClusterId, Arc<Member>, Found)> = JoinSet::new();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            Some(look) = looks.join_next() => {
                let Some(judges) = judges.upgrade() else { return };
                match look {
                    Ok((id, member, found)) => {
                        if let Some(entry) = followed.get_mut(&id).filter(|of| Arc::ptr_eq(&of.member, &member)) {
                            entry.take(&id, found, &judges.settings);
                        }
                    }
                    // Whose it was isn't known: each may look again.
                    Err(_) => followed.values_mut().for_each(|entry| entry.looking = false),
                }
                continue;
            }
        }
        let Some(judges) = judges.upgrade() else { return };
        let clusters = judges.registry.clusters(&Scope::everything());
        followed.retain(|id, _| judges.registry.cluster(&Scope::everything(), id.as_str()).is_some());
        for cluster in clusters {
            let id = cluster.spec().id.clone();
            let Some((cluster, member)) = judges.member(&id) else { continue };
            let entry = match followed.get_mut(&id) {
                Some(entry) if Arc::ptr_eq(&entry.member, &member) => entry,
                _ => followed.entry(id.clone()).insert_entry(Followed::new(Arc::clone(&member))).into_mut(),
            };
            if entry.is_due(&cluster) {
                entry.looking = true;
                entry.changed = false;
                looks.spawn(async move {
                    let found = detect(&cluster, &member).await;
                    (id, member, found)
                });
            }
        }
    }
}

impl Followed {
    fn new(member: Arc<Member>) -> Self {
        Self { member, readable: None, changed: false, looking: false, next: Instant::now(), found: None }
    }

    fn is_due(&mut self, cluster: &Cluster) -> bool {
        let readable = match copied(cluster) {
            _ if !cluster.reachable() => None,
            Copied::Live => Some(true),
            Copied::Never(_) => Some(false),
            Copied::Aged(_) | Copied::Coming => None,
        };
        self.changed |= readable.is_some() && readable != self.readable;
        self.readable = readable;
        let now = Instant::now();
        let rested = self.found.is_none_or(|found| now >= found + AGAIN);
        let stalled = self.member.reviewer.stalled() && rested;
        !self.looking && cluster.reachable() && (self.changed || stalled || now >= self.next)
    }

    fn take(&mut self, id: &ClusterId, found: Found, settings: &crate::Settings) {
        let now = Instant::now();
        self.looking = false;
        let before = self.member.mode.load_full();
        let mode = match found {
            Found::Mode(mode) => {
                self.found = Some(now);
                self.next = now + settings.recheck;
                mode
            }
            Found::Unknown(why) => {
                self.next = now + AGAIN;
                let holds = before.kind == AccessKind::Rbac
                    && self.found.is_some_and(|found| now < found + settings.max_rules_age);
                if holds {
                    return;
                }
                AccessMode::new(AccessKind::Reviews, format!("who decides in it isn't known yet: {why}"))
            }
        };
        if *before != mode {
            tracing::info!(cluster = %id, mode = %mode.kind, reason = %mode.reason, "how callers are judged");
            self.member.mode.store(Arc::new(mode));
        }
    }
}
