//! One cluster while it is being made: what has been decided about it, and its objects so far.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::fleet::Place;
use super::form::Forms;
use super::nodes::Machine;
use crate::cluster::{Cluster, Seed};
use crate::object::{Key, Slot, Uid, intern};
use crate::resources::{Resource, Storage};

pub(super) const DAY: i64 = 86_400;

/// Where an object goes.
pub(super) struct At<'a> {
    pub namespace: &'a str,
    pub name: Arc<str>,
    /// Unix seconds.
    pub created: i64,
    pub uid: Uid,
}

pub(super) struct Site<'a> {
    pub forms: &'a mut Forms,
    pub cluster: Cluster,
    pub place: Place,
    pub rng: StdRng,
    /// Unix seconds: the moment that the world begins with.
    pub now: i64,
    pub machines: Vec<Machine>,
    out: BTreeMap<Storage, (Arc<Resource>, Vec<Seed>)>,
    count: usize,
    next_pod: u32,
    next_service: u32,
}

impl<'a> Site<'a> {
    pub fn new(forms: &'a mut Forms, cluster: Cluster, place: Place, seed: u64, now: i64) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self {
            forms,
            cluster,
            place,
            rng,
            now,
            machines: Vec::new(),
            out: BTreeMap::new(),
            count: 0,
            next_pod: 0,
            next_service: 0,
        }
    }

    pub fn uid(&mut self) -> Uid {
        Uid::from_bits(self.rng.random())
    }

    /// A moment before now, between two ages in seconds.
    pub fn ago(&mut self, least: i64, most: i64) -> i64 {
        self.now - self.rng.random_range(least..most.max(least + 1))
    }

    /// Letters that spell no words, as the server's generated names.
    pub fn suffix(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..length).map(|_| char::from(LETTERS[self.rng.random_range(0..LETTERS.len())])).collect()
    }

    pub fn hex(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"0123456789abcdef";
        (0..length).map(|_| char::from(LETTERS[self.rng.random_range(0..LETTERS.len())])).collect()
    }

    pub fn pod_address(&mut self) -> Arc<str> {
        self.next_pod += 1;
        Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 244, 0, 10)) + self.next_pod).to_string().into()
    }

    pub fn service_address(&mut self) -> Arc<str> {
        self.next_service += 1;
        Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 96, 0, 20)) + self.next_service).to_string().into()
    }

    /// `("apps", "v1", "deployments")`, with what the definitions of this cluster add.
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Resource>> {
        self.cluster.resource(group, version, plural)
    }

    /// Adds an object of a form that is made on its first use. `resource` is `v1/pods` or `apps/v1/deployments`.
    pub fn add(
        &mut self,
        resource: &str,
        form: &str,
        at: At<'_>,
        slots: &[(&str, Slot)],
        build: impl FnOnce() -> Value,
    ) -> Uid {
        let uid = at.uid;
        let (group_version, plural) = resource.rsplit_once('/').unwrap_or(("", resource));
        let (group, version) = group_version.rsplit_once('/').unwrap_or(("", group_version));
        let Some(resource) = self.resource(group, version, plural) else {
            self.forms.faults.push(format!("no resource {resource}"));
            return uid;
        };
        let Some(form) = self.forms.get(&resource, form, build) else { return uid };
        let seed = Seed {
            key: Key { namespace: intern(at.namespace), name: at.name },
            template: Arc::clone(form.template()),
            slots: form.order(slots),
            created: at.created,
            uid,
        };
        let storage = Arc::clone(&resource.storage);
        self.out.entry(storage).or_insert_with(|| (resource, Vec::new())).1.push(seed);
        self.count += 1;
        uid
    }

    /// How many objects it has by now.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Puts everything into the cluster.
    pub fn finish(self) {
        for (resource, seeds) in self.out.into_values() {
            self.cluster.seed(&resource, seeds);
        }
    }
}

pub(super) fn text(text: &str) -> Slot {
    Slot::Text(intern(text))
}

/// A number that follows from a text, for what should look random and be the same everywhere.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// `length` characters that follow from a text.
pub(super) fn spelled(seed: &str, letters: &[u8], length: usize) -> String {
    let mut state = hash(seed) | 1;
    (0..length)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(state >> 33).unwrap_or(0) % letters.len();
            char::from(letters[at])
        })
        .collect()
}

pub(super) fn safe(seed: &str, length: usize) -> String {
    spelled(seed, b"bcdfghjklmnpqrstvwxz2456789", length)
}

pub(super) fn hex(seed: &str, length: usize) -> String {
    spelled(seed, b"0123456789abcdef", length)
}
