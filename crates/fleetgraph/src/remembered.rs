//! The catalog as the other parts need it: opened as configured, asked for API tokens, told who did what.

use std::sync::Arc;
use std::time::Duration;

use access::authn::{ApiTokens, Denied};
use anyhow::Context;
use catalog::{
    CacheSettings, Catalog, Location, Settings, TokenCache, TokenRefresher, Verdict,
    seal::{KeySource, Sealer},
};
use fleetgraph_core::{Identity, Method, Timestamp};
use futures::future::BoxFuture;
use secrecy::SecretString;

use crate::config::CatalogConfig;

/// Opens the catalog where the configuration says.
///
/// # Errors
/// When it can't be reached or read, or a key is none.
pub async fn open(config: &CatalogConfig) -> anyhow::Result<Catalog> {
    let location = if !config.postgres_dsn.is_empty() {
        Location::Postgres(config.postgres_dsn.get())
    } else if config.is_kept() {
        Location::Directory(config.directory.clone())
    } else {
        Location::Memory
    };
    let files = config.key_files.iter().cloned().map(KeySource::File);
    let variables = config.key_variables.iter().cloned().map(KeySource::Environment);
    let sources: Vec<KeySource> = files.chain(variables).collect();
    let sealer = if sources.is_empty() { Sealer::without_keys() } else { Sealer::new(&sources)? };
    Catalog::open(&Settings::new(location), sealer).await.context("the catalog can't be opened")
}

/// How soon a token that was revoked elsewhere is refused here, at the latest, while the catalog answers.
const FOLLOW: Duration = Duration::from_millis(500);

/// API tokens, from memory, and the task that keeps that true.
///
/// # Errors
/// When the catalog doesn't answer.
pub async fn tokens(catalog: &Catalog) -> anyhow::Result<(Arc<dyn ApiTokens>, TokenRefresher)> {
    let settings = CacheSettings { period: FOLLOW, ..CacheSettings::default() };
    let (cache, refresher) = TokenCache::new(catalog.clone(), settings).await?;
    Ok((Arc::new(Tokens(cache)), refresher))
}

struct Tokens(TokenCache);

impl ApiTokens for Tokens {
    fn verify<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<Identity>, Denied>> {
        Box::pin(async move {
            let verdict = self.0.verify(&SecretString::from(token)).await;
            match verdict.map_err(|error| Denied::Unavailable(error.to_string()))? {
                Verdict::Valid(token) => Ok(Some(Identity {
                    principal: Arc::clone(&token.principal),
                    until: token.expires_at.and_then(Timestamp::system_time),
                    method: Method::ApiToken,
                    credential: token.id.as_str().into(),
                })),
                Verdict::Expired(token) => {
                    Err(Denied::Invalid(format!("API token {} has expired", token.id)))
                }
                Verdict::Revoked(token) => {
                    Err(Denied::Invalid(format!("API token {} was revoked", token.id)))
                }
                Verdict::Malformed | Verdict::Unknown => Ok(None),
            }
        })
    }
}
