//! Keeps an issuer's keys as current as tokens need them, with one request under way at most.
//!
//! ```text
//!   verify(token) ── known key ───────────────────────────────▶ verdict
//!        │  unknown key, or no keys: asks for a look, and waits for its end
//!        ▼
//!   one task for each issuer ──(every keys_refresh; sooner if asked, never before keys_least_interval)──▶ fetch
//! ```
//!
//! Whoever sends tokens with invented key ids makes the task look once in a `keys_least_interval`, no more. Few of them
//! may wait for that; the others are told that it can't be decided now.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::fetch;
use super::keys::{KeySet, Verdict};
use super::token::Unverified;
use crate::authn::{Denied, OidcConfig, SigningAlgorithm};

/// How many may wait for the next look at once.
const WAITING: usize = 64;
/// Looks that fail become rarer down to this.
const SLOWEST_RETRY: Duration = Duration::from_secs(60);

pub(super) struct Keeper {
    config: Arc<OidcConfig>,
    known: watch::Receiver<Known>,
    /// How many looks somebody waits for. Never lowered.
    wanted: watch::Sender<u64>,
    waiting: Semaphore,
}

/// What the looks so far have found.
#[derive(Clone, Default)]
struct Known {
    keys: Option<(Arc<KeySet>, Instant)>,
    /// Looks that have begun, and those that have ended.
    begun: u64,
    ended: u64,
    /// Why the last look failed, if it did.
    failure: Option<Arc<str>>,
}

impl Known {
    fn keys(&self, max_age: Duration) -> Option<&KeySet> {
        let (keys, fetched) = self.keys.as_ref()?;
        (fetched.elapsed() <= max_age).then_some(&**keys)
    }
}

impl Keeper {
    /// The keeper, and the task that looks, which ends when the keeper is dropped.
    pub(super) fn new(config: Arc<OidcConfig>) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, known) = watch::channel(Known::default());
        let (wanted, asked) = watch::channel(0);
        let looking = look(Arc::clone(&config), sender, asked);
        (Self { config, known, wanted, waiting: Semaphore::new(WAITING) }, looking)
    }

    /// Whether the issuer has signed a token.
    pub(super) async fn verify(
        &self,
        token: &Unverified<'_>,
        algorithm: SigningAlgorithm,
    ) -> Result<(), Denied> {
        let verdict =
            |known: &Known| known.keys(self.config.keys_max_age).map(|keys| keys.verdict(token, algorithm));
        let mut seen = self.known.borrow().clone();
        let mut found = verdict(&seen);
        if matches!(found, None | Some(Verdict::NoKey)) {
            seen = self.next_look(seen).await?;
            found = verdict(&seen);
        }
        let kid = || token.header.kid.as_deref().unwrap_or_default().chars().take(100).collect::<String>();
        match (found, seen.failure) {
            (Some(Verdict::Signed), _) => Ok(()),
            (Some(Verdict::Forged), _) => Err(self.invalid("its signature is wrong")),
            (Some(Verdict::NoKey), None) => {
                Err(self.invalid(&format!("there is no key {:?} for {}", kid(), token.header.alg)))
            }
            (Some(Verdict::NoKey), Some(failure)) => Err(self.unavailable(&format!(
                "there is no key {:?} among those known, and a look for it failed: {failure}",
                kid()
            ))),
            (None, failure) => {
                Err(self.unavailable(failure.as_deref().unwrap_or("its keys are not known yet")))
            }
        }
    }

    /// What is known after the next look, which this asks for.
    async fn next_look(&self, seen: Known) -> Result<Known, Denied> {
        let Ok(_waiting) = self.waiting.try_acquire() else {
            return Err(self.unavailable("too many tokens wait for its keys"));
        };
        // A key that isn't known may be younger than a look that is under way; any look will do if there are none.
        let enough = if seen.keys.is_some() { seen.begun + 1 } else { seen.ended + 1 };
        self.wanted.send_if_modified(|wanted| {
            let more = enough > *wanted;
            *wanted = enough.max(*wanted);
            more
        });
        // It did not answer a moment ago, so nobody waits for it; once it does, those who ask again are served.
        if seen.failure.is_some() {
            return Ok(seen);
        }
        let mut known = self.known.clone();
        // What a look under way, the least interval and one more can take together.
        let longest = self.config.keys_least_interval + 2 * self.config.timeout;
        let next = timeout(longest, known.wait_for(|known| known.ended >= enough)).await;
        Ok(match next {
            Ok(Ok(known)) => known.clone(),
            Ok(Err(_)) => return Err(self.unavailable("its keys are no longer looked for")),
            Err(_) => seen,
        })
    }

    fn invalid(&self, why: &str) -> Denied {
        Denied::Invalid(format!("a token of issuer {:?} is refused: {why}", self.config.issuer))
    }

    fn unavailable(&self, why: &str) -> Denied {
        Denied::Unavailable(format!("tokens of issuer {:?} can't be verified: {why}", self.config.issuer))
    }
}

async fn look(config: Arc<OidcConfig>, known: watch::Sender<Known>, mut wanted: watch::Receiver<u64>) {
    let mut failures = 0;
    while !known.is_closed() {
        let began = Instant::now();
        known.send_modify(|known| known.begun += 1);
        let outcome = timeout(config.timeout, fetch::key_set(&config)).await;
        let outcome = outcome.unwrap_or_else(|_| Err(format!("no answer within {:?}", config.timeout)));
        let pause = match outcome {
            Ok(keys) => {
                if failures > 0 || known.borrow().ended == 0 {
                    tracing::info!(issuer = config.issuer, keys = keys.len(), "the issuer's keys are known");
                }
                failures = 0;
                known.send_modify(|known| {
                    known.keys = Some((Arc::new(keys), began));
                    known.failure = None;
                    known.ended += 1;
                });
                config.keys_refresh
            }
            Err(failure) => {
                tracing::warn!(issuer = config.issuer, failure, "the issuer's keys can't be fetched");
                failures = (failures + 1).min(16);
                known.send_modify(|known| {
                    known.failure = Some(failure.into());
                    known.ended += 1;
                });
                (config.keys_least_interval * (1 << failures)).min(SLOWEST_RETRY).min(config.keys_refresh)
            }
        };
        let ended = known.borrow().ended;
        let asked = async { wanted.wait_for(|wanted| *wanted > ended).await.is_ok() };
        tokio::select! {
            () = sleep_until(began + pause.max(config.keys_least_interval)) => {}
            () = known.closed() => {}
            true = asked => sleep_until(began + config.keys_least_interval).await,
        }
    }
}
