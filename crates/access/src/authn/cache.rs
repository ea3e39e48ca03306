//! What is known of tokens, for a short time: by the hash of a token, never by the token itself.
//!
//! Those who are verified and those who are refused have a place of their own each, so that invented tokens push out
//! nobody. Requests with one token that come together ask once. That something can't be decided now is never kept.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::digest;
use fleetgraph_core::Identity;
use moka::Expiry;
use moka::future::Cache;

use super::Denied;

/// For how long a refusal is kept.
const REFUSED: Duration = Duration::from_secs(2);

/// SHA-256 of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(super) fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }

    /// What an audit names a token by that has no id: too little to find the token again.
    pub(super) fn short(&self) -> String {
        format!("sha256:{}", super::certificate::hex(&self.0[..8]))
    }
}

/// Somebody, and for how long that may be believed without another look.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    pub identity: Identity,
    pub fresh: Duration,
}

pub(super) struct Tokens {
    verified: Cache<TokenHash, Verified>,
    refused: Cache<TokenHash, Arc<str>>,
}

struct WhileFresh;

impl Expiry<TokenHash, Verified> for WhileFresh {
    fn expire_after_create(&self, _: &TokenHash, verified: &Verified, _: Instant) -> Option<Duration> {
        Some(verified.fresh)
    }
}

impl Tokens {
    pub(super) fn new(most: u64) -> Self {
        Self {
            verified: Cache::builder().max_capacity(most).expire_after(WhileFresh).build(),
            refused: Cache::builder().max_capacity(most).time_to_live(REFUSED).build(),
        }
    }

    /// Whose a token is, if that was found out a short time ago and still holds.
    pub(super) async fn known(&self, hash: &TokenHash, now: SystemTime) -> Option<Identity> {
        let identity = self.verified.get(hash).await?.identity;
        identity.until.is_none_or(|until| now < until).then_some(identity)
    }

    /// What is known of a token, or else what `verify` finds out. Never beyond the end of its identity.
    pub(super) async fn get_or<F>(
        &self,
        hash: TokenHash,
        now: SystemTime,
        verify: F,
    ) -> Result<Identity, Denied>
    where
        F: Future<Output = Result<Verified, Denied>>,
    {
        if let Some(why) = self.refused.get(&hash).await {
            return Err(Denied::Invalid(why.to_string()));
        }
        match self.verified.try_get_with(hash, verify).await {
            Ok(Verified { identity, .. }) if identity.until.is_none_or(|until| now < until) => Ok(identity),
            Ok(_) => {
                self.verified.invalidate(&hash).await;
                Err(Denied::Invalid("a token has expired".to_owned()))
            }
            Err(denied) => {
                if let Denied::Invalid(why) = &*denied {
                    self.refused.insert(hash, why.as_str().into()).await;
                }
                Err(Denied::clone(&denied))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use fleetgraph_core::{Method, Principal};

    use super::*;

    fn verified(fresh: Duration, until: Option<SystemTime>) -> Verified {
        let principal = Arc::new(Principal::new("alice"));
        Verified {
            identity: Identity { principal, until, method: Method::Oidc, credential: "c".into() },
            fresh,
        }
    }

    #[tokio::test]
    async fn a_verified_token_is_looked_at_once_while_it_is_fresh() {
        let (tokens, looks, now) = (Tokens::new(10), AtomicUsize::new(0), SystemTime::now());
        let ask = |token: &'static str, fresh| {
            let looks = &looks;
            let look = async move {
                looks.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(verified(fresh, None))
            };
            tokens.get_or(TokenHash::of(token), now, look)
        };
        let hour = Duration::from_secs(3600);
        let together = futures::join!(ask("a", hour), ask("a", hour), ask("a", hour));
        assert!(together.0.is_ok() && together.1.is_ok() && together.2.is_ok());
        assert_eq!(looks.load(Ordering::Relaxed), 1, "those who come together ask once");
        ask("b", Duration::ZERO).await.unwrap();
        ask("b", Duration::ZERO).await.unwrap();
        assert_eq!(looks.load(Ordering::Relaxed), 3, "what is not fresh is looked at again");
    }

    #[tokio::test]
    async fn no_token_is_believed_beyond_its_end() {
        let (tokens, now) = (Tokens::new(10), SystemTime::now());
        let second = Duration::from_secs(1);
        let ask = |now| {
            let verified = verified(second * 3600, Some(SystemTime::UNIX_EPOCH + second * 4_000_000_000));
            tokens.get_or(TokenHash::of("a"), now, async { Ok(verified) })
        };
        ask(now).await.unwrap();
        let end = SystemTime::UNIX_EPOCH + second * 4_000_000_000;
        assert!(matches!(ask(end).await, Err(Denied::Invalid(_))));
        assert!(ask(end - second).await.is_ok());
    }

    #[tokio::test]
    async fn refusals_are_kept_and_outages_are_not() {
        let (tokens, now) = (Tokens::new(10), SystemTime::now());
        let answer = |token, denied| tokens.get_or(TokenHash::of(token), now, async { Err(denied) });
        let (no, later) = (Denied::Invalid("no".into()), Denied::Unavailable("later".into()));
        assert_eq!(answer("a", no.clone()).await.unwrap_err(), no);
        assert_eq!(answer("a", later.clone()).await.unwrap_err(), no);
        assert_eq!(answer("b", later.clone()).await.unwrap_err(), later);
        let good = async { Ok(verified(Duration::from_secs(1), None)) };
        assert!(tokens.get_or(TokenHash::of("b"), now, good).await.is_ok());
    }

    #[tokio::test]
    async fn there_are_never_more_than_the_bound() {
        let (tokens, now) = (Tokens::new(10), SystemTime::now());
        for number in 0..1000 {
            let hash = TokenHash::of(&number.to_string());
            let _ = tokens.get_or(hash, now, async { Ok(verified(Duration::from_secs(60), None)) }).await;
            let hash = TokenHash::of(&format!("refused {number}"));
            let _ = tokens.get_or(hash, now, async { Err(Denied::Invalid("no".into())) }).await;
        }
        tokens.verified.run_pending_tasks().await;
        tokens.refused.run_pending_tasks().await;
        assert!(tokens.verified.entry_count() <= 10 && tokens.refused.entry_count() <= 10);
    }
}
