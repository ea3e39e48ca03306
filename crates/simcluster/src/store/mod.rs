//! The objects of one resource, in order, and the last of what happened to them.
//!
//! ```text
//!   objects   OrdMap<Key, Arc<Object>>      cloning it is a snapshot, in constant time
//!   events    [ rev 7 ADDED ][ rev 9 MODIFIED, before ][ rev 12 DELETED, before ]   bounded; the oldest go first
//!   compacted 6                             nothing before this can be told any more
//! ```
//!
//! Each event holds the object before it, so the state at any revision since `compacted` is the present one with the
//! later events undone: no snapshot is kept for continue tokens or exact lists. Watches read the events with a cursor
//! of their own, so nobody queues anything for anybody; who falls behind `compacted` is ended, as by the real server.

use std::collections::VecDeque;
use std::sync::Arc;

use imbl::OrdMap;
use tokio::sync::watch;

use crate::object::{Key, Object};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    Added,
    Modified,
    Deleted,
}

#[derive(Debug, Clone)]
pub struct Event {
    pub revision: u64,
    pub kind: EventKind,
    /// Of a deletion: the last state, with the deletion's revision.
    pub object: Arc<Object>,
    pub before: Option<Arc<Object>>,
}

#[derive(Debug)]
pub(crate) struct Store {
    pub objects: OrdMap<Key, Arc<Object>>,
    events: VecDeque<Event>,
    compacted: u64,
    /// The newest event that was forgotten: who has seen it has missed nothing, whatever was compacted.
    forgotten: u64,
    capacity: usize,
    /// How many events there ever were.
    pub written: u64,
    changed: Option<watch::Sender<u64>>,
}

/// The history that was asked for is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Compacted;

impl Store {
    pub fn new(capacity: usize, compacted: u64) -> Self {
        Self {
            objects: OrdMap::new(),
            events: VecDeque::new(),
            compacted,
            forgotten: 0,
            capacity,
            written: 0,
            changed: None,
        }
    }

    pub fn apply(&mut self, event: Event) {
        match event.kind {
            EventKind::Deleted => drop(self.objects.remove(&event.object.key)),
            _ => drop(self.objects.insert(event.object.key.clone(), Arc::clone(&event.object))),
        }
        if self.events.len() >= self.capacity
            && let Some(oldest) = self.events.pop_front()
        {
            self.compacted = oldest.revision;
            self.forgotten = oldest.revision;
        }
        self.written += 1;
        let revision = event.revision;
        self.events.push_back(event);
        if let Some(changed) = &self.changed {
            changed.send_replace(revision);
        }
    }

    /// Events after `revision`, at most `limit`.
    pub fn since(&self, revision: u64, limit: usize) -> Result<Vec<Event>, Compacted> {
        if revision < self.compacted {
            return Err(Compacted);
        }
        Ok(self.after(revision, limit))
    }

    /// As [`Store::since`], for one who has seen everything up to `revision`.
    pub fn following(&self, revision: u64, limit: usize) -> Result<Vec<Event>, Compacted> {
        if revision < self.forgotten {
            return Err(Compacted);
        }
        Ok(self.after(revision, limit))
    }

    fn after(&self, revision: u64, limit: usize) -> Vec<Event> {
        let start = self.events.partition_point(|event| event.revision <= revision);
        self.events.range(start..).take(limit).cloned().collect()
    }

    /// All objects as they were at `revision`.
    pub fn at(&self, revision: u64) -> Result<OrdMap<Key, Arc<Object>>, Compacted> {
        if revision < self.compacted {
            return Err(Compacted);
        }
        let mut objects = self.objects.clone();
        for event in self.events.iter().rev().take_while(|event| event.revision > revision) {
            match &event.before {
                Some(before) => drop(objects.insert(before.key.clone(), Arc::clone(before))),
                None => drop(objects.remove(&event.object.key)),
            }
        }
        Ok(objects)
    }

    /// Forgets what happened up to `revision`.
    pub fn compact(&mut self, revision: u64) {
        while let Some(oldest) = self.events.pop_front_if(|event| event.revision <= revision) {
            self.forgotten = oldest.revision;
        }
        self.compacted = self.compacted.max(revision);
    }

    /// Tells of changes by their revision.
    pub fn changes(&mut self) -> watch::Receiver<u64> {
        self.changed.get_or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    pub fn wake(&self) {
        if let Some(changed) = &self.changed {
            changed.send_modify(|_| {});
        }
    }
}
