//! Tokens of OpenID Connect issuers.
//!
//! ```text
//!   Unverified ──(iss)──▶ Issuer ──▶ Keeper: signed by its keys? ──▶ claims: for us, in time ──▶ names
//! ```

mod address;
mod claims;
mod fetch;
mod keeper;
mod keys;
mod token;

use std::sync::Arc;
use std::time::SystemTime;

pub(super) use self::address::Address;
use self::keeper::Keeper;
pub(super) use self::token::Unverified;
use super::names::Claimed;
use super::{Denied, OidcConfig, SigningAlgorithm, SystemNames};

/// One issuer.
pub(super) struct Issuer {
    config: Arc<OidcConfig>,
    keeper: Keeper,
}

/// Who a token is about.
pub(super) struct Subject {
    pub claimed: Claimed,
    pub until: SystemTime,
    /// The token's own id, if it has one.
    pub id: Option<String>,
}

impl Issuer {
    /// The issuer, and the task that follows its keys.
    pub(super) fn new(config: OidcConfig) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let config = Arc::new(config);
        let (keeper, looking) = Keeper::new(Arc::clone(&config));
        (Self { config, keeper }, looking)
    }

    pub(super) fn url(&self) -> &str {
        &self.config.issuer
    }

    pub(super) fn trusts(&self) -> SystemNames {
        self.config.trust_system_names
    }

    /// Verifies a token of this issuer.
    pub(super) async fn verify(&self, token: Unverified<'_>, now: SystemTime) -> Result<Subject, Denied> {
        let algorithm = SigningAlgorithm::named(&token.header.alg)
            .filter(|algorithm| self.config.algorithms.contains(algorithm))
            .ok_or_else(|| self.refused("it is signed by an algorithm that is not among `algorithms`"))?;
        self.keeper.verify(&token, algorithm).await?;
        let claims = token.into_claims();
        // Chosen by it, and so equal; but it must not depend on who chose.
        if claims.text("iss") != Some(&self.config.issuer) {
            return Err(self.refused("it is of another issuer"));
        }
        let (claimed, until) = claims::read(&self.config, &claims, now).map_err(|why| self.refused(&why))?;
        let id = claims.text("jti").filter(|id| id.len() <= 128 && id.chars().all(|c| c.is_ascii_graphic()));
        Ok(Subject { claimed, until, id: id.map(ToOwned::to_owned) })
    }

    pub(super) fn refused(&self, why: &str) -> Denied {
        Denied::Invalid(format!("a token of issuer {:?} is refused: {why}", self.config.issuer))
    }
}
