//! Verified tokens in memory, so that a request costs no question to the database.
//!
//! ```text
//!   verify ──▶ Known { tokens, unknown ids, counter, confirmed }   (one pointer, no lock)
//!     │ miss       ▲ swapped
//!     ▼            │
//!   Catalog     TokenRefresher: twice a second, "which tokens changed after counter 41?" drops them from Known
//! ```
//!
//! - A revocation by another process is obeyed after one period of the refresher: the question is one for all tokens.
//! - A row that was read before a change but arrives after it must not be kept. So whoever misses notes the generation
//!   first, and the answer enters the cache only if nothing was dropped since.
//! - The cache is trusted only while the refresher hears from the catalog. After `trust_for` without a word, each
//!   request asks the database itself, and is refused if that doesn't answer.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use fleetgraph_core::Timestamp;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::{PlainToken, Stored, TokenId, Verdict};
use crate::{Catalog, CatalogError};

/// Bounds of a [`TokenCache`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSettings {
    /// Tokens that are kept. Beyond that, any one makes room.
    pub tokens: usize,
    /// Ids that are remembered as unknown. Beyond that, all are forgotten: whoever makes up ids gains nothing by it.
    pub unknown: usize,
    /// Questions to the database at the same time. More wait.
    pub misses: usize,
    /// How often changes are asked for.
    pub period: Duration,
    /// How long the cache is trusted while the catalog doesn't answer.
    pub trust_for: Duration,
    /// How far apart two uses of a token are that are both written down.
    pub note_use_every: Duration,
}

impl Default for CacheSettings {
    fn default() -> Self {
        Self {
            tokens: 10_000,
            unknown: 10_000,
            misses: 16,
            period: Duration::from_millis(500),
            trust_for: Duration::from_secs(30),
            note_use_every: Duration::from_secs(60),
        }
    }
}

/// Changes that are read at once. After a pause with more, the next question follows at once.
const CHANGES_AT_ONCE: usize = 1000;

/// Answers what the catalog would, from memory where it can. Cheap to clone.
#[derive(Debug, Clone)]
pub struct TokenCache {
    shared: Arc<Shared>,
}

/// Keeps a [`TokenCache`] true. Whoever makes the cache runs this as a task, and ends with it.
#[derive(Debug)]
pub struct TokenRefresher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    catalog: Catalog,
    settings: CacheSettings,
    known: ArcSwap<Known>,
    /// Dropped from `known` with a use that wasn't written down yet. At most as many as the cache may hold: beyond that,
    /// uses are forgotten.
    dropped: Mutex<Vec<Arc<Entry>>>,
    misses: Semaphore,
}

#[derive(Debug, Clone)]
struct Known {
    tokens: imbl::HashMap<TokenId, Arc<Entry>>,
    unknown: imbl::HashSet<TokenId>,
    /// The last change that this follows.
    counter: i64,
    /// Counts the times that something was dropped.
    generation: u64,
    /// When the last question was asked that the catalog answered.
    confirmed: Instant,
}

#[derive(Debug)]
struct Entry {
    stored: Stored,
    /// Microseconds, as of a [`Timestamp`]; [`NEVER`] if it wasn't used yet.
    used: AtomicI64,
    noted: AtomicI64,
}

const NEVER: i64 = i64::MIN;

impl TokenCache {
    /// A cache, empty, and the task that keeps it true.
    ///
    /// # Errors
    /// When the database doesn't answer.
    pub async fn new(
        catalog: Catalog,
        settings: CacheSettings,
    ) -> Result<(Self, TokenRefresher), CatalogError> {
        let confirmed = Instant::now();
        let counter = catalog.changes().await?.tokens;
        let known = Known {
            tokens: imbl::HashMap::new(),
            unknown: imbl::HashSet::new(),
            counter,
            generation: 0,
            confirmed,
        };
        let misses = Semaphore::new(settings.misses);
        let (known, dropped) = (ArcSwap::from_pointee(known), Mutex::default());
        let shared = Arc::new(Shared { catalog, settings, known, dropped, misses });
        Ok((Self { shared: Arc::clone(&shared) }, TokenRefresher { shared }))
    }

    /// Judges a presented token.
    ///
    /// # Errors
    /// When the answer isn't known, or no longer to be trusted, and the database doesn't answer.
    pub async fn verify(&self, presented: &SecretString) -> Result<Verdict, CatalogError> {
        let Some(plain) = PlainToken::parse(presented) else { return Ok(Verdict::Malformed) };
        let known = self.shared.known.load();
        if known.confirmed.elapsed() <= self.shared.settings.trust_for {
            if let Some(entry) = known.tokens.get(plain.id()) {
                return Ok(entry.judge(&plain));
            }
            if known.unknown.contains(plain.id()) {
                return Ok(Verdict::Unknown);
            }
        }
        let generation = known.generation;
        drop(known);
        let stored = self.read(plain.id()).await?;
        let entry = stored.map(|stored| Arc::new(Entry::new(stored)));
        let verdict = entry.as_ref().map_or(Verdict::Unknown, |entry| entry.judge(&plain));
        self.shared.keep(plain.id(), entry.as_ref(), generation);
        Ok(verdict)
    }

    /// How many tokens, and how many unknown ids, are held: for metrics.
    #[must_use]
    pub fn held(&self) -> (usize, usize) {
        let known = self.shared.known.load();
        (known.tokens.len(), known.unknown.len())
    }

    async fn read(&self, id: &TokenId) -> Result<Option<Stored>, CatalogError> {
        let catalog = &self.shared.catalog;
        let turn =
            catalog.within(async { self.shared.misses.acquire().await.map_err(|_| CatalogError::Closed) });
        let _turn = turn.await?;
        catalog.stored_token(id).await
    }
}

impl Entry {
    fn new(stored: Stored) -> Self {
        let noted = stored.token.last_used_at.map_or(NEVER, Timestamp::micros);
        Self { stored, used: AtomicI64::new(noted), noted: AtomicI64::new(noted) }
    }

    fn judge(&self, plain: &PlainToken) -> Verdict {
        let now = Timestamp::now();
        let verdict = self.stored.judge(plain, now);
        if matches!(verdict, Verdict::Valid(_)) {
            self.used.fetch_max(now.micros(), Ordering::Relaxed);
        }
        verdict
    }

    /// The last use, if it isn't written down and lies further from the one that is than `apart`.
    fn to_note(&self, apart: Duration) -> Option<Timestamp> {
        let used = self.used.load(Ordering::Relaxed);
        let noted = self.noted.load(Ordering::Relaxed);
        let far = Timestamp::from_micros(noted).until(Timestamp::from_micros(used)) >= apart;
        (used != noted && (noted == NEVER || far)).then(|| Timestamp::from_micros(used))
    }
}

impl Shared {
    fn keep(&self, id: &TokenId, entry: Option<&Arc<Entry>>, generation: u64) {
        let mut dropped = None;
        self.known.rcu(|known| {
            if known.generation != generation {
                dropped = entry.cloned();
                return Arc::clone(known);
            }
            dropped = None;
            let mut next = Known::clone(known);
            match entry {
                Some(entry) => {
                    if next.tokens.len() >= self.settings.tokens {
                        let any = next.tokens.keys().next().cloned();
                        dropped = any.and_then(|any| next.tokens.remove(&any));
                    }
                    next.tokens.insert(id.clone(), Arc::clone(entry));
                }
                None => {
                    if next.unknown.len() >= self.settings.unknown {
                        next.unknown.clear();
                    }
                    next.unknown.insert(id.clone());
                }
            }
            Arc::new(next)
        });
        self.remember_uses(dropped.into_iter().collect());
    }

    /// Drops what changed. Whether the catalog has more to tell is in the answer.
    async fn refresh(&self) -> Result<bool, CatalogError> {
        let asked = Instant::now();
        let counter = self.known.load().counter;
        let changed = self.catalog.tokens_changed_after(counter, CHANGES_AT_ONCE).await?;
        let more = changed.len() == CHANGES_AT_ONCE;
        let mut dropped = Vec::new();
        self.known.rcu(|known| {
            dropped.clear();
            let mut next = Known::clone(known);
            for (id, counter) in &changed {
                dropped.extend(next.tokens.remove(id));
                next.unknown.remove(id);
                next.counter = next.counter.max(*counter);
            }
            if !changed.is_empty() {
                next.generation += 1;
            }
            if !more {
                next.confirmed = asked;
            }
            Arc::new(next)
        });
        self.remember_uses(dropped);
        Ok(more)
    }

    fn remember_uses(&self, dropped: Vec<Arc<Entry>>) {
        let mut all = self.dropped.lock().unwrap_or_else(PoisonError::into_inner);
        let places = self.settings.tokens.saturating_sub(all.len());
        all.extend(dropped.into_iter().filter(|entry| entry.to_note(Duration::ZERO).is_some()).take(places));
    }

    async fn note_uses(&self, apart: Duration) {
        let mut entries = std::mem::take(&mut *self.dropped.lock().unwrap_or_else(PoisonError::into_inner));
        entries.extend(self.known.load().tokens.values().map(Arc::clone));
        let mut due: Vec<_> =
            entries.iter().filter_map(|entry| entry.to_note(apart).map(|at| (entry, at))).collect();
        // In one order everywhere, so that two processes don't wait for each other's rows.
        due.sort_by(|(a, _), (b, _)| a.stored.token.id.cmp(&b.stored.token.id));
        let uses: Vec<_> = due.iter().map(|(entry, at)| (entry.stored.token.id.clone(), *at)).collect();
        if uses.is_empty() {
            return;
        }
        match self.catalog.tokens_used(&uses).await {
            Ok(()) => {
                for (entry, at) in due {
                    entry.noted.store(at.micros(), Ordering::Relaxed);
                }
            }
            Err(error) => tracing::warn!(%error, "uses of API tokens are not written down yet"),
        }
    }
}

impl TokenRefresher {
    /// Runs until `stop`, then writes down the last uses.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut ticks = tokio::time::interval(self.shared.settings.period);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut failing = false;
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => break,
                _ = ticks.tick() => {}
            }
            match self.shared.refresh().await {
                Ok(more) => {
                    if std::mem::take(&mut failing) {
                        tracing::info!("API tokens are checked against the catalog again");
                    }
                    if more {
                        ticks.reset_immediately();
                    }
                    self.shared.note_uses(self.shared.settings.note_use_every).await;
                }
                Err(error) if !std::mem::replace(&mut failing, true) => {
                    tracing::warn!(%error, trusted_for = ?self.shared.settings.trust_for,
                        "the catalog doesn't say which API tokens changed; cached ones are trusted for a while");
                }
                Err(_) => {}
            }
        }
        self.shared.note_uses(Duration::ZERO).await;
    }
}

#[cfg(test)]
mod tests {
    use fleetgraph_core::Principal;

    use super::*;
    use crate::seal::Sealer;
    use crate::{Issued, Location, NewToken, Settings};

    async fn in_memory() -> (Catalog, TokenCache, TokenRefresher) {
        let settings = Settings::new(Location::Memory);
        let catalog = Catalog::open(&settings, Sealer::without_keys()).await.unwrap();
        let (cache, refresher) = TokenCache::new(catalog.clone(), CacheSettings::default()).await.unwrap();
        (catalog, cache, refresher)
    }

    async fn issue(catalog: &Catalog) -> Issued {
        let (name, principal) = ("a token".to_owned(), Principal::new("alice"));
        let new = NewToken { name, principal, expires_at: None, created_by: "admin".to_owned() };
        catalog.issue_token(new).await.unwrap()
    }

    #[tokio::test]
    async fn a_row_that_was_read_before_its_change_is_not_kept_after_it() {
        let (catalog, cache, refresher) = in_memory().await;
        let issued = issue(&catalog).await;
        let id = &issued.token.id;
        refresher.shared.refresh().await.unwrap();

        let generation = cache.shared.known.load().generation;
        let read = Arc::new(Entry::new(catalog.stored_token(id).await.unwrap().unwrap()));
        catalog.revoke_token(id, "admin").await.unwrap();
        refresher.shared.refresh().await.unwrap();
        cache.shared.keep(id, Some(&read), generation);

        assert!(matches!(cache.verify(&issued.plain).await.unwrap(), Verdict::Revoked(_)));
    }

    #[tokio::test]
    async fn a_cache_far_behind_is_confirmed_when_it_has_caught_up() {
        let (catalog, cache, refresher) = in_memory().await;
        for _ in 0..CHANGES_AT_ONCE + 1 {
            issue(&catalog).await;
        }
        let last = issue(&catalog).await;
        cache.verify(&last.plain).await.unwrap();
        catalog.revoke_token(&last.token.id, "admin").await.unwrap();
        let before = cache.shared.known.load().confirmed;

        assert!(refresher.shared.refresh().await.unwrap(), "there is more");
        assert_eq!(cache.shared.known.load().confirmed, before);
        assert!(cache.verify(&last.plain).await.unwrap().valid().is_some(), "its change is among the rest");
        assert!(!refresher.shared.refresh().await.unwrap());
        assert!(cache.shared.known.load().confirmed > before);
        assert!(cache.verify(&last.plain).await.unwrap().valid().is_none());
    }

    #[tokio::test]
    async fn a_use_between_reading_and_dropping_is_written_down() {
        let (catalog, cache, refresher) = in_memory().await;
        let issued = issue(&catalog).await;
        cache.verify(&issued.plain).await.unwrap();
        refresher.shared.refresh().await.unwrap();
        assert_eq!(cache.held(), (0, 0), "the refresher has seen that it was issued, and dropped it");
        refresher.shared.note_uses(Duration::ZERO).await;
        assert!(catalog.token(&issued.token.id).await.unwrap().unwrap().last_used_at.is_some());
    }
}
