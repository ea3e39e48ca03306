//! Watches: what exists (if asked for), then each change, bookmarks between them, and an end at the time-out.
//!
//! ```text
//!   Initial ──(sendInitialEvents: bookmark with k8s.io/initial-events-end)──▶ Following ──▶ ended: time-out, too slow
//!      └──(the history it asks for is gone)──▶ ERROR 410
//! ```

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use rand::RngExt;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::answer::{self, Answer};
use super::body;
use super::entry::Call;
use super::mangle::{self, Place};
use super::read::{self, Form};
use crate::cluster::{Cluster, ListOptions, Subscription, VersionMatch, WatchEnd};
use crate::error::{ApiError, Cause};
use crate::faults::Faults;
use crate::object::Object;
use crate::resources::Resource;
use crate::selector::Selection;
use crate::store::{Event, EventKind};

/// The real server sends them about once a minute.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);

struct Watch {
    resource: Arc<Resource>,
    form: Form,
    selection: Selection,
    subscription: Subscription,
    initial: VecDeque<Arc<Object>>,
    /// The revision of the initial state, until its bookmark was sent.
    initial_end: Option<u64>,
    bookmarks: bool,
    next_bookmark: Instant,
    deadline: Instant,
    ended: bool,
    cluster: Cluster,
    faults: watch::Receiver<Faults>,
    cut: CancellationToken,
    /// The rest is to be cut off.
    broken: bool,
}

/// What the cluster's faults leave of a watch.
enum Standing {
    /// Until it goes down, if it flaps.
    Up(Option<Instant>),
    Down,
    Stalled,
}

pub(crate) fn answer(call: &Call) -> Result<Answer, ApiError> {
    let form = Form::asked(call)?;
    let selection = read::selection(call)?;
    let version = read::version(call)?;
    let bookmarks = call.query.flag("allowWatchBookmarks");
    let send_initial = check_initial(call)?;
    let resource = Arc::clone(&call.resource);
    let legacy = version.is_none_or(|version| version == 0) && !call.query.has("sendInitialEvents");
    let (mut initial, mut initial_end) = (VecDeque::new(), None);
    let from = if send_initial || legacy {
        let options = ListOptions {
            selection: selection.clone(),
            resource_version: version,
            version_match: VersionMatch::NotOlderThan,
            ..ListOptions::default()
        };
        let list = call.cluster.list(&resource, &options)?;
        initial = list.items.into();
        initial_end = (send_initial && bookmarks).then_some(list.revision);
        list.revision
    } else {
        match version {
            None | Some(0) => call.cluster.revision(),
            Some(version) => version,
        }
    };
    let now = Instant::now();
    let seconds = call.query.text("timeoutSeconds").parse::<u64>().ok().filter(|s| *s > 0);
    // Between half an hour and an hour, as the server picks it, so that not all end at once.
    let seconds = seconds.unwrap_or_else(|| rand::rng().random_range(1800..3600));
    let watch = Watch {
        subscription: call.cluster.subscribe(&resource, from),
        resource,
        form,
        selection,
        initial,
        initial_end,
        bookmarks,
        next_bookmark: now + BOOKMARK_EVERY,
        deadline: now + Duration::from_secs(seconds.min(7200)),
        ended: false,
        faults: call.cluster.0.faults.changes(),
        cluster: call.cluster.clone(),
        cut: call.cut.clone(),
        broken: false,
    };
    let chunks = stream::unfold(watch, |mut watch| async move { Some((watch.next().await?, watch)) });
    Ok(answer::with_body(200, "application/json", body::stream(chunks)))
}

/// The rules for `sendInitialEvents`.
fn check_initial(call: &Call) -> Result<bool, ApiError> {
    let matching = call.query.text("resourceVersionMatch");
    let mut causes = Vec::new();
    if !call.query.has("sendInitialEvents") {
        if !matching.is_empty() {
            causes.push(Cause::forbidden(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
            ));
            return Err(read::options_invalid(&causes));
        }
        return Ok(false);
    }
    if matching.is_empty() {
        causes.push(Cause::forbidden(
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
    } else if matching != "NotOlderThan" {
        causes.push(Cause::forbidden(
            "resourceVersionMatch",
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
        causes.push(Cause::unsupported("resourceVersionMatch", &json!(matching), &["NotOlderThan"]));
    }
    if causes.is_empty() {
        Ok(call.query.flag("sendInitialEvents"))
    } else {
        Err(read::options_invalid(&causes))
    }
}

impl Watch {
    /// The next piece, or `None` at the end.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.broken {
            // What was said so far gets onto the wire first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.cut.cancel();
            self.ended = true;
            return Some(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.ended {
            return None;
        }
        let mut out = Vec::new();
        while let Some(object) = self.initial.pop_front() {
            self.frame("ADDED", &object, &mut out);
            if out.len() > 64 * 1024 {
                return Some(Ok(out.into()));
            }
        }
        if let Some(revision) = self.initial_end.take() {
            self.bookmark(revision, true, &mut out);
        }
        loop {
            if self.broken {
                return Some(Ok(out.into()));
            }
            let flips = match self.standing() {
                Standing::Up(flips) => flips,
                Standing::Down => {
                    self.broken = true;
                    continue;
                }
                Standing::Stalled => {
                    if self.faults.changed().await.is_err() {
                        return None;
                    }
                    continue;
                }
            };
            match self.subscription.ready() {
                Ok(events) if events.is_empty() => {}
                Ok(events) => {
                    for event in events {
                        self.event(&event, &mut out);
                    }
                    continue;
                }
                Err(end) => {
                    self.ended = true;
                    // As the real server: who is too slow is let go without a word, and told when it comes back.
                    if end == WatchEnd::Expired {
                        self.expired(&mut out);
                    }
                    return (!out.is_empty()).then(|| Ok(out.into()));
                }
            }
            if !out.is_empty() {
                return Some(Ok(out.into()));
            }
            let wake = self.next_bookmark.min(self.deadline);
            let events = tokio::select! {
                events = self.subscription.next() => Some(events),
                _changed = self.faults.changed() => continue,
                () = tokio::time::sleep_until(flips.unwrap_or(wake)), if flips.is_some_and(|flips| flips < wake) => continue,
                () = tokio::time::sleep_until(wake) => None,
            };
            match events {
                Some(Ok(events)) => {
                    for event in events {
                        self.event(&event, &mut out);
                    }
                }
                Some(Err(_)) => {}
                None if Instant::now() >= self.deadline => return None,
                None => {
                    self.next_bookmark = Instant::now() + BOOKMARK_EVERY;
                    if self.bookmarks {
                        self.bookmark(self.subscription.cursor(), false, &mut out);
                    }
                }
            }
        }
    }

    /// What a change is for this selection: an object may come into it or leave it.
    fn event(&mut self, event: &Event, out: &mut Vec<u8>) {
        let faults = self.faults.borrow().clone();
        if self.broken || faults.loses(event.revision) {
            return;
        }
        let start = out.len();
        self.change(event, out);
        if out.len() > start && faults.cuts(event.revision) {
            out.truncate(start + (out.len() - start) / 2);
            self.broken = true;
        }
    }

    fn standing(&self) -> Standing {
        let faults = self.faults.borrow();
        match self.cluster.0.faults.down(&faults) {
            (true, _) => Standing::Down,
            _ if faults.stall => Standing::Stalled,
            (false, flips) => Standing::Up(flips),
        }
    }

    fn change(&mut self, event: &Event, out: &mut Vec<u8>) {
        let after = event.kind != EventKind::Deleted && self.selection.matches(&event.object);
        let before = event.before.as_ref().is_some_and(|before| self.selection.matches(before));
        match (before, after) {
            (false, true) => self.frame("ADDED", &event.object, out),
            (true, true) => self.frame("MODIFIED", &event.object, out),
            (true, false) => match &event.before {
                // As it was when it was last selected, with the revision of the change.
                Some(before) if event.kind != EventKind::Deleted => {
                    self.frame("DELETED", &before.at_revision(event.revision), out);
                }
                _ => self.frame("DELETED", &event.object, out),
            },
            (false, false) => {}
        }
    }

    fn frame(&mut self, kind: &str, object: &Object, out: &mut Vec<u8>) {
        out.extend_from_slice(format!(r#"{{"type":"{kind}","object":"#).as_bytes());
        if let Form::Table(table) = &mut self.form {
            table.now = self.cluster.clock().now();
        }
        let faults = self.faults.borrow().clone();
        mangle::write(&faults, Place::Event, self.form, &self.resource, object, out);
        if let Form::Table(table) = &mut self.form {
            table.headers = false;
        }
        out.extend_from_slice(b"}\n");
    }

    fn bookmark(&self, revision: u64, initial_end: bool, out: &mut Vec<u8>) {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if initial_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let of = |kind: &str, api_version: &str| json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
        let object = match self.form {
            Form::Whole => of(&self.resource.kind, &self.resource.api_version()),
            Form::Metadata => of("PartialObjectMetadata", "meta.k8s.io/v1"),
            Form::Table(table) => table.bookmark(&self.resource, &metadata),
        };
        let frame = json!({"type": "BOOKMARK", "object": object});
        out.extend_from_slice(format!("{frame}\n").as_bytes());
    }

    fn expired(&self, out: &mut Vec<u8>) {
        let message = format!("too old resource version: {}", self.subscription.cursor());
        let frame = json!({"type": "ERROR", "object": ApiError::expired(message).status()});
        out.extend_from_slice(format!("{frame}\n").as_bytes());
    }
}
