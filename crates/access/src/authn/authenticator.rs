//! Decides which one proof of those that a request presents counts, and has it checked.
//!
//! ```text
//!   headers of the trusted proxy ─▶ a bearer token ─▶ the client's certificate ─▶ Missing
//!                                    ├ fgt_…                    ─▶ ApiTokens
//!                                    ├ iss of an issuer         ─▶ Issuer
//!                                    └ anything else            ─▶ Reviewers
//! ```
//!
//! The first that is there decides. One that is invalid is refused, and nothing weaker is looked at after it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cluster_registry::Registry;
use fleetgraph_core::{Identity, Method, Principal};
use secrecy::ExposeSecret;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::Instrument;

use super::cache::{TokenHash, Tokens, Verified};
use super::config::AuthenticationConfig;
use super::names::{AUTHENTICATED, MASTERS, Names};
use super::oidc::{Issuer, Unverified};
use super::review::Reviewer;
use super::{ApiTokens, ClientCertificate, Denied, PREFIX, Presented, SignedBy, headers};

/// Longer tokens are refused unread. In bytes.
const LONGEST_TOKEN: usize = 16 * 1024;
/// How long an identity is believed without another look, by who has proven it: an issuer's keys are here, a cluster
/// has to be asked, and an API token may be revoked at any time.
const ISSUED: Duration = Duration::from_secs(60);
const REVIEWED: Duration = Duration::from_secs(10);
const API_TOKEN: Duration = Duration::from_secs(2);

/// Finds out who is calling.
pub struct Authenticator {
    config: AuthenticationConfig,
    names: Names,
    issuers: HashMap<String, Issuer>,
    reviewers: Vec<Reviewer>,
    api_tokens: Option<Arc<dyn ApiTokens>>,
    tokens: Tokens,
    /// Ends the tasks that follow the issuers' keys.
    _tasks: DropGuard,
}

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
#[error("the configuration of authentication can't be used: {}", listed(.0))]
pub struct Unusable(pub Vec<(String, String)>);

fn listed(faults: &[(String, String)]) -> String {
    faults.iter().map(|(key, message)| format!("{key}: {message}")).collect::<Vec<_>>().join("; ")
}

impl Authenticator {
    /// Starts to follow the issuers' keys, for as long as the authenticator lives. Needs a tokio runtime. An issuer that
    /// can't be reached is tried again; until then its tokens are [`Denied::Unavailable`].
    ///
    /// # Errors
    /// When the configuration is wrong: whatever [`AuthenticationConfig::check`] says.
    pub fn start(
        config: AuthenticationConfig,
        registry: &Registry,
        api_tokens: Option<Arc<dyn ApiTokens>>,
    ) -> Result<Self, Unusable> {
        let faults = config.check();
        if !faults.is_empty() {
            return Err(Unusable(faults));
        }
        let stop = CancellationToken::new();
        let follow = |config: &super::OidcConfig| {
            let (issuer, looking) = Issuer::new(config.clone());
            let span = tracing::info_span!("task", name = "authn.keys", issuer = config.issuer);
            let stop = stop.clone();
            tokio::spawn(async move { stop.run_until_cancelled_owned(looking).await }.instrument(span));
            (config.issuer.clone(), issuer)
        };
        let reviewer = |config: &super::TokenReviewConfig| Reviewer::new(config.clone(), registry.clone());
        Ok(Self {
            names: Names::new(&config),
            issuers: config.oidc.iter().map(follow).collect(),
            reviewers: config.token_reviews.iter().map(reviewer).collect(),
            api_tokens,
            tokens: Tokens::new(config.cached_tokens),
            _tasks: stop.drop_guard(),
            config,
        })
    }

    /// Who is calling. To be asked at each request, and again and again for whoever stays connected.
    ///
    /// # Errors
    /// Why somebody isn't let in, for operators.
    pub async fn authenticate(&self, presented: &Presented) -> Result<Identity, Denied> {
        let now = SystemTime::now();
        let certificate = presented.certificate.as_deref();
        if let Some(proxy) = certificate.filter(|certificate| self.is_proxy(certificate))
            && let Some(identity) = self.proxied(proxy, presented, now)?
        {
            return Ok(identity);
        }
        if let Some(token) = &presented.bearer {
            return self.bearer(token.expose_secret(), now).await;
        }
        match certificate {
            Some(certificate) if !self.is_proxy(certificate) => self.certified(certificate, now),
            _ => Err(Denied::Missing),
        }
    }

    fn is_proxy(&self, certificate: &ClientCertificate) -> bool {
        headers::is_proxy(&self.config.trusted_proxy, certificate)
    }

    fn proxied(
        &self,
        proxy: &ClientCertificate,
        presented: &Presented,
        now: SystemTime,
    ) -> Result<Option<Identity>, Denied> {
        let config = &self.config.trusted_proxy;
        let refused = |why: String| Denied::Invalid(format!("proxy {:?}: {why}", proxy.common_name));
        let Some(claimed) = headers::read(config, &presented.headers).map_err(refused)? else {
            return Ok(None);
        };
        proxy.holds(now)?;
        if presented.bearer.is_some() {
            return Err(refused("it names a user, and there is a bearer token, too".to_owned()));
        }
        let principal = self.names.principal(claimed, config.trust_system_names).map_err(refused)?;
        Ok(Some(Identity {
            principal: Arc::new(principal),
            until: Some(proxy.not_after),
            method: Method::TrustedHeaders,
            credential: format!("proxy {}", proxy.common_name).into(),
        }))
    }

    fn certified(&self, certificate: &ClientCertificate, now: SystemTime) -> Result<Identity, Denied> {
        let config = &self.config.client_certificates;
        if !config.is_configured() || certificate.signed_by != SignedBy::Clients {
            return Err(certificate.refused("it was not signed by an authority of clients"));
        }
        let claimed = certificate.claims(now)?;
        let principal = self.names.principal(claimed, config.trust_system_names);
        Ok(Identity {
            principal: Arc::new(principal.map_err(|why| certificate.refused(&why))?),
            until: Some(certificate.not_after),
            method: Method::ClientCertificate,
            credential: format!("X509SHA256={}", certificate.fingerprint).into(),
        })
    }

    async fn bearer(&self, token: &str, now: SystemTime) -> Result<Identity, Denied> {
        if token.len() > LONGEST_TOKEN {
            return Err(Denied::Invalid(format!("a bearer token of more than {LONGEST_TOKEN} bytes")));
        }
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Denied::Invalid("a bearer token with characters that no token has".to_owned()));
        }
        let hash = TokenHash::of(token);
        // Those who stay connected ask every few seconds: before anything is read of the token.
        if let Some(identity) = self.tokens.known(&hash, now).await {
            return Ok(identity);
        }
        if token.starts_with(PREFIX) {
            let tokens = self.api_tokens.as_ref();
            let tokens = tokens.ok_or_else(|| Denied::Invalid("there are no API tokens here".to_owned()))?;
            return self.tokens.get_or(hash, now, api_token(&**tokens, token)).await;
        }
        let parsed = Unverified::parse(token);
        let issuer = parsed.as_ref().and_then(Unverified::issuer);
        if let Some(issuer) = issuer.and_then(|issuer| self.issuers.get(issuer))
            && let Some(parsed) = parsed
        {
            return self.tokens.get_or(hash, now, self.issued(issuer, parsed, hash, now)).await;
        }
        let reviewers: Vec<&Reviewer> =
            self.reviewers.iter().filter(|reviewer| reviewer.takes(issuer)).collect();
        if reviewers.is_empty() {
            let whose = issuer.map_or_else(
                || "that is no JSON web token".to_owned(),
                |issuer| format!("of issuer {:?}", issuer.chars().take(200).collect::<String>()),
            );
            return Err(Denied::Invalid(format!("nobody is configured to verify a bearer token {whose}")));
        }
        self.tokens.get_or(hash, now, self.reviewed(&reviewers, token, hash)).await
    }

    async fn issued(
        &self,
        issuer: &Issuer,
        token: Unverified<'_>,
        hash: TokenHash,
        now: SystemTime,
    ) -> Result<Verified, Denied> {
        let subject = issuer.verify(token, now).await?;
        let principal = self.names.principal(subject.claimed, issuer.trusts());
        let identity = Identity {
            principal: Arc::new(principal.map_err(|why| issuer.refused(&why))?),
            until: Some(subject.until),
            method: Method::Oidc,
            credential: subject
                .id
                .map_or_else(|| hash.short(), |id| format!("{} JTI={id}", issuer.url()))
                .into(),
        };
        Ok(Verified { identity, fresh: ISSUED })
    }

    /// Asks the clusters one after another, until one accepts the token.
    async fn reviewed(
        &self,
        reviewers: &[&Reviewer],
        token: &str,
        hash: TokenHash,
    ) -> Result<Verified, Denied> {
        let mut denied = Denied::Missing;
        for reviewer in reviewers {
            let reviewed = match reviewer.review(token).await {
                Ok(reviewed) => reviewed,
                // Whoever can't be asked might have accepted it.
                Err(Denied::Invalid(_)) if matches!(denied, Denied::Unavailable(_)) => continue,
                Err(why) => {
                    denied = why;
                    continue;
                }
            };
            let principal = self.names.principal(reviewed.claimed, reviewer.trusts());
            let principal = principal.map_err(|why| reviewer.refused_for(&why))?;
            let identity = Identity {
                principal: Arc::new(principal),
                until: reviewed.until,
                method: Method::TokenReview,
                credential: reviewed.id.unwrap_or_else(|| hash.short()).into(),
            };
            return Ok(Verified { identity, fresh: REVIEWED });
        }
        Err(denied)
    }
}

async fn api_token(tokens: &dyn ApiTokens, token: &str) -> Result<Verified, Denied> {
    let identity = tokens.verify(token).await?;
    let mut identity =
        identity.ok_or_else(|| Denied::Invalid("an API token that doesn't hold".to_owned()))?;
    // Whoever made the token was somebody here; and nobody here is in that group without a setting that says so.
    if identity.principal.groups.iter().any(|group| **group == *MASTERS) {
        return Err(Denied::Invalid(format!("an API token in {MASTERS}")));
    }
    let groups = identity.principal.groups.iter().cloned().chain([AUTHENTICATED.into()]);
    identity.principal = Arc::new(Principal::clone(&identity.principal).in_groups(groups));
    Ok(Verified { identity, fresh: API_TOKEN })
}
