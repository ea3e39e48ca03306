//! A lively fleet: what people, loads and faults do to it, at a true rate of changes.
//!
//! ```text
//!   budget = rate × time − changes so far      while there is some: a cluster, a move in it
//!   moves   few large (a rollout, a scale, a lost node: the controllers make tens of changes of each)
//!           many small (a configuration, a load, an event), which fill what the large ones leave
//! ```
//!
//! Every change in the fleet counts but leases, whoever makes it, so the rate holds over some seconds. Moves are chosen
//! by the seed alone. What a move breaks, a later one repairs, and nothing grows: events have a bound, jobs have their
//! history's limit, replicas stay near their number.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::context::Context;
use super::moves::{self, Repair};
use crate::object::Key;

/// How lively a fleet is.
#[derive(Debug, Clone)]
pub struct ChurnOptions {
    /// Changes of objects over the whole fleet.
    pub per_second: f64,
    pub seed: u64,
}

/// Repairs that wait; with more broken than this, nothing else breaks.
const REPAIRS: usize = 256;

/// Chooses and makes the moves.
pub(super) struct Mover {
    options: ChurnOptions,
    random: StdRng,
    began: Option<(i64, u64)>,
    repairs: Vec<(i64, usize, Repair)>,
    due: Vec<Repair>,
}

impl Mover {
    pub fn new(options: ChurnOptions) -> Self {
        let random = StdRng::seed_from_u64(options.seed);
        Self { options, random, began: None, repairs: Vec::new(), due: Vec::new() }
    }

    /// Until the next look, in milliseconds.
    pub fn pause_ms(&self) -> i64 {
        if self.options.per_second >= 20.0 { 50 } else { 200 }
    }

    /// In which clusters something happens now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "rates of changes are far below where it matters"
    )]
    pub fn members(&mut self, now_ms: i64, count: usize, changes: u64) -> Vec<usize> {
        let (since, base) = *self.began.get_or_insert((now_ms, changes));
        let mut chosen: Vec<usize> = Vec::new();
        while let Some(at) = self.repairs.iter().position(|(due, _, _)| *due <= now_ms) {
            let (_, member, repair) = self.repairs.swap_remove(at);
            chosen.push(member);
            self.due.push(repair);
        }
        // Repairs are taken from the end, in the order of the members that were chosen for them.
        self.due.reverse();
        let wanted = self.options.per_second * (now_ms - since) as f64 / 1000.0;
        let missing = wanted - changes.saturating_sub(base) as f64;
        // A burst after a stall is spread over the next looks.
        let most = (self.options.per_second * self.pause_ms() as f64 / 1000.0 * 2.0).max(1.0);
        if count > 0 && missing >= 1.0 {
            chosen.extend((0..missing.min(most) as usize).map(|_| self.random.random_range(0..count)));
        }
        if missing > self.options.per_second * 5.0 {
            // It can't be caught up with; the rate goes on from here.
            self.began = Some((now_ms, changes));
        }
        chosen
    }

    pub fn act(&mut self, context: &mut Context<'_>) {
        if let Some(repair) = self.due.pop() {
            return moves::repair(context, repair);
        }
        let may_break = self.repairs.len() < REPAIRS;
        let member = context.member;
        let made = match self.random.random_range(0..1000) {
            0..40 => moves::rollout(context, &mut self.random, may_break),
            40..80 => moves::scale(context, &mut self.random),
            80..130 if may_break => moves::crash(context, &mut self.random),
            130..160 => moves::lose_pod(context, &mut self.random),
            160..164 if may_break => moves::lose_node(context, &mut self.random),
            164..200 => moves::run_job(context, &mut self.random),
            200..450 => moves::load(context, &mut self.random),
            450..650 => moves::configure(context, &mut self.random),
            650..800 => moves::release(context, &mut self.random),
            _ => moves::heartbeat(context, &mut self.random),
        };
        if let Some((after_ms, repair)) = made {
            self.repairs.push((context.steady + after_ms, member, repair));
        }
    }
}

/// One of some keys.
pub(super) fn pick(random: &mut StdRng, keys: &[Key]) -> Option<Key> {
    if keys.is_empty() { None } else { keys.get(random.random_range(0..keys.len())).cloned() }
}
