//! Random scripts over a few objects, replayable by their seed.

use crate::Pair;

pub async fn run(_pair: &Pair) -> Vec<String> {
    Vec::new()
}
