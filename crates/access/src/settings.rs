//! The bounds of what is kept and asked to judge callers.

use std::time::Duration;

/// How callers are judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// How old the copies of a cluster's roles and bindings may be, while the cluster can't be heard. Until then callers
    /// see its objects as they last were, by the rules as they last were; from then on nothing, since what was revoked
    /// meanwhile can't be known. Below some seconds, the pauses between one watch and the next count, too.
    pub max_rules_age: Duration,
    /// How often it is looked at who decides in a cluster, besides each time that its watches had broken.
    pub recheck: Duration,
    /// How many callers are remembered.
    pub callers: u64,
    /// How long an answer to a review holds, from when it was asked. A revocation takes effect within this time and that
    /// of one more review.
    pub review_ttl: Duration,
    /// The longest time for one review, and for all that one request waits for at once.
    pub review_patience: Duration,
    /// Reviews of one cluster that are under way at once. They share its queries per second with everything else.
    pub reviews_at_once: usize,
    /// Places and objects that one request may ask reviews for, each time that it is executed. What is beyond is not
    /// shown, and the answer says so.
    pub reviews_per_request: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_rules_age: Duration::from_secs(300),
            recheck: Duration::from_secs(60),
            callers: 10_000,
            review_ttl: Duration::from_secs(3),
            review_patience: Duration::from_secs(2),
            reviews_at_once: 16,
            reviews_per_request: 2_000,
        }
    }
}
