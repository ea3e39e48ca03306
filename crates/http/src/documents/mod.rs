//! Documents that a request names instead of sending: what clients had kept here (Apollo's automatic persisted queries),
//! and what the configuration trusts.
//!
//! ```text
//!   query, with its hash or not ──▶ does the hash fit? ──▶ is it trusted? ──▶ limits ──▶ kept, if it came with a hash
//!   hash or documentId alone    ──▶ trusted, else kept  ─────────────────────▶ limits
//! ```
//!
//! Where only trusted documents are executed, what clients had kept counts for nothing: anybody can keep anything.

mod persisted;
mod trusted;

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_graphql::{Request, ServerError};
use aws_lc_rs::digest;
use fleetgraph_core::ErrorCode;
use opentelemetry::metrics::Counter;

use persisted::Persisted;
pub use trusted::DocumentsError;
use trusted::Trusted;

use crate::{
    config::{HttpConfig, TrustMode, TrustedDocumentsConfig},
    files::{self, Followed},
    graphql::coded,
};

/// Apollo's clients compare these words: with the one they send the document, with the other they stop asking.
const NOT_FOUND: &str = "PersistedQueryNotFound";
pub(crate) const NOT_SUPPORTED: &str = "PersistedQueryNotSupported";

/// SHA-256 of a document's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Hash([u8; 32]);

impl Hash {
    pub fn of(text: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Self(hash)
    }

    /// Reads hexadecimal digits of either case.
    pub fn read(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        if text.len() != 2 * hash.len() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(hash))
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How a request names a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// `extensions.persistedQuery.sha256Hash`. Apollo's manifests may have other ids than hashes there.
    Hash(String),
    /// `documentId`, of the appendix to GraphQL over HTTP: `sha256:` and the hash, or an id of a list.
    Id(String),
}

impl Reference {
    fn text(&self) -> &str {
        match self {
            Self::Hash(text) | Self::Id(text) => text,
        }
    }

    pub(crate) fn hash(&self) -> Option<Hash> {
        match self {
            Self::Hash(text) => Hash::read(text),
            Self::Id(text) => Hash::read(text.strip_prefix("sha256:")?),
        }
    }
}

/// A request as it came, in which the document may be missing.
#[derive(Debug)]
pub(crate) struct Sent {
    pub request: Request,
    /// Whether the request has its document in itself.
    pub has_query: bool,
    pub reference: Option<Reference>,
}

/// A request with its document.
#[derive(Debug)]
pub(crate) struct Resolved {
    pub request: Request,
    /// What is to be kept once the limits have let it through.
    pub keep: Option<(Hash, Arc<str>)>,
}

/// The documents that are known. Clones share one state.
#[derive(Debug, Clone)]
pub struct Documents {
    persisted: Arc<Persisted>,
    trusted: Arc<ArcSwap<Trusted>>,
    config: Arc<TrustedDocumentsConfig>,
    /// Of the files that `load` has read.
    fingerprint: u64,
    untrusted: Counter<u64>,
}

impl Documents {
    /// Reads the list of trusted documents, if the mode wants one.
    ///
    /// The meter provider must be installed before.
    ///
    /// # Errors
    /// When it can't be used.
    pub fn load(config: &HttpConfig) -> Result<Self, DocumentsError> {
        let trust = &config.trusted_documents;
        // Before they are read: what changes in between is then seen as a change.
        let fingerprint = trusted::fingerprint(trust);
        let untrusted = opentelemetry::global::meter("fleetgraph")
            .u64_counter("fleetgraph.graphql.untrusted_documents")
            .with_description(
                "Documents that are not in the list of trusted ones, by what was done with them",
            )
            .build();
        Ok(Self {
            persisted: Arc::new(Persisted::new(&config.persisted_queries)),
            trusted: Arc::new(ArcSwap::from_pointee(Trusted::read(trust)?)),
            config: Arc::new(trust.clone()),
            fingerprint,
            untrusted,
        })
    }

    /// Follows the list for ever; whoever loads it runs this beside the server.
    pub async fn follow(self) {
        if self.config.mode == TrustMode::Off {
            return std::future::pending().await;
        }
        let (every, seen) = (self.config.reload_interval, self.fingerprint);
        files::follow(self, every.max(std::time::Duration::from_millis(10)), seen).await;
    }

    /// Finds the document of a request. `exempt` callers may send any, whatever the mode.
    pub(crate) fn resolve(&self, sent: Sent, exempt: bool) -> Result<Resolved, ServerError> {
        let only = self.config.mode == TrustMode::Only && !exempt;
        let Sent { request, has_query, reference } = sent;
        match (has_query, reference) {
            (true, reference) => self.sent_in_full(request, reference.as_ref(), only),
            (false, Some(reference)) => self.named(request, &reference, only),
            // The transports refuse this before.
            (false, None) => Err(coded(ErrorCode::BadRequest, "the parameter query is missing")),
        }
    }

    fn sent_in_full(
        &self,
        request: Request,
        reference: Option<&Reference>,
        only: bool,
    ) -> Result<Resolved, ServerError> {
        let hash = reference.map(|reference| {
            let (given, real) = (reference.hash(), Hash::of(&request.query));
            if given == Some(real) { Ok(real) } else { Err(mismatch()) }
        });
        let hash = hash.transpose()?;
        if self.config.mode != TrustMode::Off {
            let real = hash.unwrap_or_else(|| Hash::of(&request.query));
            if self.trusted.load().by_hash(real).is_none() {
                self.note(&real.to_string(), only)?;
            }
        }
        let keep = hash.filter(|_| !only && self.persisted.is_on());
        let keep = keep.map(|hash| (hash, Arc::from(request.query.as_str())));
        Ok(Resolved { request, keep })
    }

    fn named(
        &self,
        mut request: Request,
        reference: &Reference,
        only: bool,
    ) -> Result<Resolved, ServerError> {
        let trusted = self.trusted.load().named(reference);
        if let Some(document) = trusted {
            request.query = document.to_string();
            return Ok(Resolved { request, keep: None });
        }
        let kept = reference.hash().filter(|_| !only).and_then(|hash| self.persisted.get(hash));
        if kept.is_none() && !only {
            return Err(self.unknown());
        }
        if self.config.mode != TrustMode::Off {
            self.note(reference.text(), only)?;
        }
        request.query = kept.as_deref().unwrap_or_default().to_owned();
        Ok(Resolved { request, keep: None })
    }

    /// Keeps a document for whoever sends its hash next.
    pub(crate) fn keep(&self, hash: Hash, text: Arc<str>) {
        self.persisted.keep(hash, text);
    }

    /// Refuses a document that isn't trusted, or only says so.
    fn note(&self, name: &str, only: bool) -> Result<(), ServerError> {
        let outcome = if only { "refused" } else { "let through" };
        self.untrusted.add(1, &[opentelemetry::KeyValue::new("outcome", outcome)]);
        if only {
            let message = "this server executes only documents of its list, and this is none of them";
            return Err(coded(ErrorCode::DocumentNotTrusted, message));
        }
        // The name may be of a client's choice, and long.
        let name: String = name.chars().take(100).collect();
        tracing::info!(document = name, "a document is not in the list of trusted ones");
        Ok(())
    }

    fn unknown(&self) -> ServerError {
        if self.persisted.is_on() || self.config.mode != TrustMode::Off {
            coded(ErrorCode::PersistedQueryNotFound, NOT_FOUND)
        } else {
            coded(ErrorCode::PersistedQueryNotSupported, NOT_SUPPORTED)
        }
    }
}

fn mismatch() -> ServerError {
    coded(
        ErrorCode::PersistedQueryMismatch,
        "the hash is not the SHA-256 of the document that was sent with it",
    )
}

impl Followed for Documents {
    type Error = DocumentsError;
    const NAME: &'static str = "trusted documents";

    fn fingerprint(&self) -> u64 {
        trusted::fingerprint(&self.config)
    }

    fn reload(&self) -> Result<(), DocumentsError> {
        self.trusted.store(Arc::new(Trusted::read(&self.config)?));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_other_tools_and_reads_back() {
        let hash = Hash::of("{ hello }");
        // printf '{ hello }' | sha256sum
        assert_eq!(hash.to_string(), "001c3174e099bd72b729d0c0a529ba9f5a740c446e2a6e1d71b283cb84ec3065");
        assert_eq!(Hash::read(&hash.to_string()), Some(hash));
        assert_eq!(Hash::read(&hash.to_string().to_uppercase()), Some(hash));
        assert_eq!(Hash::read("001c"), None);
        assert_eq!(Hash::read(&"ü".repeat(32)), None);
        assert_eq!(Hash::read(&format!("+{}", &hash.to_string()[1..])), None);
    }
}
