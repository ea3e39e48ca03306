//! The loop that keeps one store like its cluster: list, watch, relist, retry.
//!
//! ```text
//!   take a slot ─▶ Init: buffer the list ─▶ InitDone: swap, Live; give the slot back
//!                                                 │ Apply / Delete: commit as soon as nothing more is ready
//!                                                 │ error: Stale; wait (back-off, or until the cluster answers)
//!                                                 │ established again: Live
//!                                                 │ an audit finds what the watch lost: list again
//!                                                 └ resync period over: list again and repair
//! ```

use std::{pin::pin, sync::Arc, time::Duration};

use fleetgraph_core::{ClusterId, ErrorCode, WatchState};
use futures::{
    FutureExt, Stream, StreamExt,
    future::{BoxFuture, OptionFuture},
};
use kube::{
    Api,
    runtime::watcher::{self, Event, InitialListStrategy, watcher},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use crate::{
    audit::{self, Audit, Finding, Suspect},
    breaker::Breaker,
    connection::{classify_watch, is_ahead},
    observe::observed,
    raw::Raw,
    store::AnyWriter,
};

/// Changes that are published together at most.
const BATCH: usize = 256;
const PAGE: u32 = 500;
const MIN_DELAY: Duration = Duration::from_millis(500);
const MAX_DELAY: Duration = Duration::from_secs(30);
/// A right that is missing or a kind that isn't served is asked for again this often.
const DENIED_DELAY: Duration = Duration::from_secs(30);
/// A streamed list that says nothing for so long is taken for one that the server does not support.
const STREAMED_LIST_SILENCE: Duration = Duration::from_secs(30);

/// What bounds the lists that run at the same time: a list is the most expensive request there is.
#[derive(Clone)]
pub(crate) struct ListSlots {
    pub fleet: Arc<Semaphore>,
    pub cluster: Arc<Semaphore>,
}

impl ListSlots {
    /// Places of a cluster's own, beside those that it shares with the fleet.
    pub(crate) fn new(fleet: Arc<Semaphore>, places: usize) -> Self {
        Self { fleet, cluster: Arc::new(Semaphore::new(places.max(1))) }
    }
}

/// What a watch needs besides its kind.
#[derive(Clone)]
pub(crate) struct WatchParts {
    pub client: kube::Client,
    pub breaker: Breaker,
    pub slots: ListSlots,
    /// How often everything is listed again and compared; zero for never.
    pub resync: Duration,
    /// How often the versions are compared with the cluster's; zero for never.
    pub audit: Duration,
    pub audits: Arc<Semaphore>,
    /// Whether the server can send the list as a watch.
    pub streamed: bool,
    /// Whether only the metadata of the objects is asked for.
    pub metadata_only: bool,
    /// Whether the kind is known at run time only: one of many that somebody installed.
    pub open: bool,
}

/// The watch of one kind of one cluster. It does not know the kind's type, so that it is compiled once.
pub(crate) struct Watch {
    cluster: ClusterId,
    parts: WatchParts,
    writer: Box<dyn AnyWriter>,
    /// Whether the last audit found something to repair.
    repaired: bool,
}

/// Why a stream of events was left.
enum Left {
    Cancelled,
    /// The list is due again.
    Resync,
    /// An audit found that the watch lost something.
    Repair,
    /// The list failed, or the history after it is gone.
    ListAgain,
    /// The server does not stream lists after all.
    NotStreamed,
}

/// A list that says nothing for so long gives its place among the fleet's to others: a slow cluster must not hold
/// up the start of those that answer. One of a custom resource also gives its place in the cluster: behind a conversion
/// webhook that hangs, the other kinds would wait for nothing.
const STALLED_LIST: Duration = Duration::from_secs(5);

/// The right to list. Its parts are held until the list is complete, or stalls.
struct Slot {
    cluster: Option<OwnedSemaphorePermit>,
    fleet: Option<OwnedSemaphorePermit>,
}

impl Watch {
    pub(crate) fn new(cluster: ClusterId, parts: WatchParts, writer: Box<dyn AnyWriter>) -> Self {
        Self { cluster, parts, writer, repaired: false }
    }

    /// Runs until cancelled; then drops the copy.
    pub(crate) async fn run(mut self, cancel: CancellationToken) {
        let mut failures = 0;
        loop {
            let (client, established) =
                observed(self.parts.client.clone(), self.writer.last_event(), self.parts.metadata_only);
            let kind = self.writer.kind();
            let api: Api<Raw> = match self.writer.namespace() {
                Some(namespace) => Api::namespaced_with(client, namespace, &kind),
                None => Api::all_with(client, &kind),
            };
            let config = watcher::Config {
                page_size: Some(PAGE),
                initial_list_strategy: if self.parts.streamed {
                    InitialListStrategy::StreamingList
                } else {
                    InitialListStrategy::ListWatch
                },
                ..watcher::Config::default()
            };
            let left = self.follow(watcher(api, config), established, &mut failures, &cancel).await;
            match left {
                Left::Cancelled => return self.writer.clear(),
                Left::Resync => {
                    tracing::debug!(cluster = %self.cluster, kind = self.writer.kind().kind, "resync")
                }
                Left::Repair | Left::ListAgain => {}
                Left::NotStreamed => {
                    tracing::info!(cluster = %self.cluster, kind = self.writer.kind().kind, "the server does not stream lists; using pages");
                    self.parts.streamed = false;
                }
            }
        }
    }

    async fn follow(
        &mut self,
        events: impl Stream<Item = Result<Event<Raw>, watcher::Error>>,
        mut established: watch::Receiver<u64>,
        failures: &mut u32,
        cancel: &CancellationToken,
    ) -> Left {
        let mut events = pin!(events);
        let mut slot: Option<Slot> = None;
        // Whether the next thing that the watcher does is to list.
        let mut lists_next = true;
        let mut staged = 0;
        let resync_at = self.resync_at();
        // At any time within the period, so that the kinds and clusters of a fleet are spread over it.
        let mut audit_at =
            if self.repaired { self.audit_at() } else { Instant::now() + jitter(self.parts.audit) };
        let mut audit: Option<BoxFuture<'static, _>> = None;
        let mut spoke = Instant::now();
        loop {
            if lists_next && slot.is_none() {
                tokio::select! {
                    () = cancel.cancelled() => return Left::Cancelled,
                    taken = self.slot() => slot = Some(taken),
                }
                spoke = Instant::now();
            }
            let event = match (staged > 0).then(|| events.next().now_or_never()) {
                Some(Some(event)) if staged < BATCH => event,
                Some(ready) => {
                    self.writer.commit();
                    staged = 0;
                    match ready {
                        Some(event) => event,
                        None => continue,
                    }
                }
                None => tokio::select! {
                    () = cancel.cancelled() => return Left::Cancelled,
                    () = sleep_until(resync_at), if !lists_next && !self.parts.resync.is_zero() => return Left::Resync,
                    () = sleep_until(audit_at), if audit.is_none() && !lists_next && !self.parts.audit.is_zero() => {
                        audit_at = self.audit_at();
                        if self.parts.breaker.reachable() && self.writer.state() == WatchState::Live {
                            audit = Some(self.audit().run().boxed());
                        }
                        continue;
                    }
                    Some(found) = OptionFuture::from(audit.as_mut()) => {
                        audit = None;
                        match found {
                            Ok(found) => {
                                audit::count(&self.cluster, 1, 0);
                                self.repaired = self.differs(&found);
                                if self.repaired {
                                    return Left::Repair;
                                }
                            }
                            Err(error) => {
                                tracing::debug!(cluster = %self.cluster, kind = self.writer.kind().kind, %error, "no audit");
                            }
                        }
                        audit_at = self.audit_at();
                        continue;
                    }
                    () = sleep_until(spoke + STALLED_LIST), if slot.as_ref().is_some_and(|slot| slot.fleet.is_some()) => {
                        if let Some(slot) = &mut slot {
                            slot.fleet = None;
                            if self.parts.open {
                                slot.cluster = None;
                            }
                        }
                        continue;
                    }
                    () = sleep_until(spoke + STREAMED_LIST_SILENCE), if lists_next && self.parts.streamed => {
                        return Left::NotStreamed;
                    }
                    Ok(()) = established.changed() => {
                        if !lists_next {
                            *failures = 0;
                            self.writer.resumed();
                        }
                        continue;
                    }
                    event = events.next() => event,
                },
            };
            spoke = Instant::now();
            match event {
                Some(Ok(Event::Init)) => {
                    self.writer.begin_list();
                    (lists_next, audit) = (true, None);
                }
                Some(Ok(Event::InitApply(object))) => self.writer.read_listed(&object),
                Some(Ok(Event::InitDone)) => {
                    self.writer.end_list();
                    (lists_next, slot, *failures) = (false, None, 0);
                }
                Some(Ok(Event::Apply(object))) => {
                    self.alive();
                    self.writer.apply(&object);
                    staged += 1;
                }
                Some(Ok(Event::Delete(object))) => {
                    self.alive();
                    self.writer.delete(&object);
                    staged += 1;
                }
                Some(Err(error)) => {
                    // It would go on after the wait, and find what the watch has yet to bring.
                    audit = None;
                    // What came before the error is shown before the wait.
                    self.writer.commit();
                    staged = 0;
                    let code = self.failed(&error);
                    let ahead = is_ahead(&error);
                    if ahead {
                        self.writer.distrust();
                    }
                    // A watch cache that never gets ready, as behind a broken conversion webhook, says so without
                    // a reason. A list in pages goes past it, and tells.
                    let unready =
                        code == ErrorCode::ClusterRateLimited && error.to_string().contains("initializing");
                    let refused =
                        unready || matches!(code, ErrorCode::BadRequest | ErrorCode::ClusterProtocol);
                    if refused && lists_next && self.parts.streamed {
                        return Left::NotStreamed;
                    }
                    slot = None;
                    *failures = failures.saturating_add(1);
                    tokio::select! {
                        () = cancel.cancelled() => return Left::Cancelled,
                        () = self.pause(*failures) => {}
                    }
                    // The watcher would go on in the middle of a list that an error interrupted, and take its rest
                    // for the whole; and not every 410 makes it list again. A new one lists from the start.
                    if lists_next || ahead || code == ErrorCode::ClusterGone {
                        return Left::ListAgain;
                    }
                }
                // The watcher never ends; if it did, starting anew is right.
                None => return Left::Resync,
            }
        }
    }

    /// A change arrived, so the watch lives, whatever was said of it before.
    fn alive(&mut self) {
        if self.writer.state() != WatchState::Live {
            self.writer.resumed();
        }
    }

    /// Notes an error.
    fn failed(&mut self, error: &watcher::Error) -> ErrorCode {
        let error = classify_watch(error, self.writer.kind()).of_cluster(&self.cluster);
        let state = match error.code {
            ErrorCode::ClusterForbidden => WatchState::Forbidden,
            ErrorCode::NotFound => WatchState::Absent,
            _ if self.writer.synced() => WatchState::Stale,
            _ => WatchState::Syncing,
        };
        // History that is gone is the normal way into a relist, not a fault.
        if error.code == ErrorCode::ClusterGone {
            tracing::debug!(cluster = %self.cluster, kind = self.writer.kind().kind, "the watch's history is gone; listing again");
            self.writer.set_state(state, None);
            return error.code;
        }
        tracing::warn!(cluster = %self.cluster, kind = self.writer.kind().kind, code = %error.code, "watch failed: {}", error.message);
        let code = error.code;
        self.writer.set_state(state, Some(error));
        code
    }

    /// Waits before the next try: back-off with jitter, or until the cluster answers again.
    async fn pause(&self, failures: u32) {
        if !self.parts.breaker.reachable() {
            self.parts.breaker.closed().await;
            // Not all watches of a recovered cluster in the same instant.
            sleep(jitter(MIN_DELAY)).await;
            return;
        }
        let delay = match self.writer.state() {
            // What was just defined may not be served by each API server yet.
            WatchState::Absent if self.parts.open && failures < 8 => MIN_DELAY * failures,
            WatchState::Forbidden | WatchState::Absent => DENIED_DELAY,
            _ => MIN_DELAY.saturating_mul(1 << (failures.saturating_sub(1)).min(6)).min(MAX_DELAY),
        };
        tokio::select! {
            () = sleep(delay / 2 + jitter(delay / 2)) => {}
            () = self.parts.breaker.opened() => self.parts.breaker.closed().await,
        }
    }

    async fn slot(&self) -> Slot {
        // The cluster's own first, so that a waiting cluster doesn't hold a slot of the fleet. Neither
        // semaphore is ever closed.
        let cluster = Arc::clone(&self.parts.slots.cluster).acquire_owned().await;
        let fleet = Arc::clone(&self.parts.slots.fleet).acquire_owned().await;
        match (cluster, fleet) {
            (Ok(cluster), Ok(fleet)) => Slot { cluster: Some(cluster), fleet: Some(fleet) },
            _ => std::future::pending().await,
        }
    }

    fn audit(&self) -> Audit {
        Audit::of(&*self.writer, self.parts.client.clone(), Arc::clone(&self.parts.audits))
    }

    /// Whether an audit found something to repair.
    fn differs(&mut self, found: &Finding) -> bool {
        let kind = self.writer.kind();
        match found {
            Finding::Equal => false,
            Finding::Lost(lost) => {
                let unknown = |object: &&Suspect| !self.writer.leaves_out(&object.namespace, &object.name);
                let lost: Vec<&Suspect> = lost.iter().filter(unknown).collect();
                let Some(first) = lost.first() else { return false };
                tracing::warn!(
                    cluster = %self.cluster, kind = kind.kind, lost = lost.len(),
                    namespace = &*first.namespace, name = &*first.name,
                    "the watch lost changes without a word, of this object for one; listing again"
                );
                audit::count(&self.cluster, 0, lost.len());
                self.writer.distrust();
                true
            }
            Finding::WentBack => {
                tracing::warn!(
                    cluster = %self.cluster, kind = kind.kind,
                    "the cluster's versions went back, as after a restored backup; listing again"
                );
                self.writer.distrust();
                true
            }
        }
    }

    fn audit_at(&self) -> Instant {
        // Where lists must be repeated, audits wait longer: what is late looks lost, and lists make it later. But what is
        // lost then must still be found within a minute.
        let period = if self.repaired { self.parts.audit * 4 / 3 } else { self.parts.audit };
        Instant::now() + period - jitter(period / 5)
    }

    fn resync_at(&self) -> Instant {
        // A tenth of jitter keeps the kinds and clusters from listing at the same time.
        Instant::now() + self.parts.resync - jitter(self.parts.resync / 10)
    }
}

fn jitter(up_to: Duration) -> Duration {
    up_to.mul_f64(rand::random::<f64>())
}
