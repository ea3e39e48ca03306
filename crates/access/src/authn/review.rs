//! Tokens that a cluster is asked about: `TokenReview` of `authentication.k8s.io/v1`.
//!
//! What the cluster says of a token that it refuses stays here: its text may quote the token's contents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cluster_registry::Registry;
use cluster_registry::connection::classify;
use fleetgraph_core::{Bounds, Scope};
use http::Request;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::names::Claimed;
use super::oidc::Unverified;
use super::{Denied, SystemNames, TokenReviewConfig};

const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
/// Key of the attribute by which API servers name a credential.
const CREDENTIAL_ID: &str = "authentication.kubernetes.io/credential-id";
/// Time for a review, with the wait for a place.
const PATIENCE: Duration = Duration::from_secs(5);
/// Reviews under way in a cluster at most, so that invented tokens leave it time for others. Further ones wait.
const AT_ONCE: usize = 16;

/// A cluster that reviews tokens.
pub(super) struct Reviewer {
    config: TokenReviewConfig,
    registry: Registry,
    places: Semaphore,
}

/// Who a token is about.
#[derive(Debug)]
pub(super) struct Reviewed {
    pub claimed: Claimed,
    pub until: Option<SystemTime>,
    pub id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct Status {
    authenticated: bool,
    user: User,
    audiences: Vec<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct User {
    username: String,
    uid: String,
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
}

impl Reviewer {
    pub(super) fn new(config: TokenReviewConfig, registry: Registry) -> Self {
        Self { config, registry, places: Semaphore::new(AT_ONCE) }
    }

    /// Whether tokens of an issuer are shown to this cluster; `None` stands for tokens that name none.
    pub(super) fn takes(&self, issuer: Option<&str>) -> bool {
        self.config.issuers.is_empty()
            || issuer.is_some_and(|issuer| self.config.issuers.iter().any(|known| known == issuer))
    }

    pub(super) fn trusts(&self) -> SystemNames {
        self.config.trust_system_names
    }

    /// Whose a token is, by this cluster.
    pub(super) async fn review(&self, token: &str) -> Result<Reviewed, Denied> {
        let answer = timeout(PATIENCE, self.ask(token)).await;
        let answer = answer.unwrap_or_else(|_| Err(self.unavailable("no answer in time")))?;
        self.read(token, answer)
    }

    fn read(&self, token: &str, Answer { status }: Answer) -> Result<Reviewed, Denied> {
        if !status.authenticated || status.user.username.is_empty() {
            return Err(self.refused());
        }
        // A server that does not know audiences says nothing of them, and the token may be for anybody.
        let wanted = &self.config.audiences;
        if !wanted.is_empty() && !status.audiences.iter().any(|audience| wanted.contains(audience)) {
            return Err(self.refused());
        }
        let User { username, uid, groups, extra } = status.user;
        let id = extra.get(CREDENTIAL_ID).and_then(|ids| ids.first()).cloned();
        let claimed = Claimed {
            user: username,
            uid,
            groups,
            extra,
            tenants: self.config.tenants.clone(),
            tenants_decided: false,
            bounds: self.bounds(),
        };
        Ok(Reviewed { claimed, until: Unverified::parse(token).and_then(|token| token.end()), id })
    }

    async fn ask(&self, token: &str) -> Result<Answer, Denied> {
        let Ok(_place) = self.places.acquire().await else {
            return Err(self.unavailable("it is shutting down"));
        };
        let cluster = self.registry.cluster(&Scope::everything(), &self.config.cluster);
        // A cluster that somebody has connected under this id doesn't say who callers are.
        let cluster = cluster.filter(|cluster| cluster.spec().guard.is_none());
        let connection = cluster.and_then(|cluster| cluster.connection());
        let connection = connection.ok_or_else(|| self.unavailable("there is no connection to it"))?;
        let mut spec = json!({ "token": token });
        if !self.config.audiences.is_empty() {
            spec["audiences"] = json!(self.config.audiences);
        }
        let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec });
        let request = Request::post(PATH)
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(review.to_string().into_bytes())
            .map_err(|_| self.unavailable("the review can't be asked for"))?;
        let answer = connection.client().request::<Answer>(request).await;
        answer.map_err(|error| self.unavailable(&classify(&error).message))
    }

    fn bounds(&self) -> Bounds {
        let named = &self.config.clusters;
        if named.iter().any(|id| id == "*") {
            return Bounds::default();
        }
        let ids = if named.is_empty() { std::slice::from_ref(&self.config.cluster) } else { named };
        let ids: BTreeSet<Arc<str>> = ids.iter().map(|id| Arc::from(id.as_str())).collect();
        Bounds { clusters: Some(Arc::new(ids)), ..Bounds::default() }
    }

    /// Why a token that the cluster accepts is refused nevertheless.
    pub(super) fn refused_for(&self, why: &str) -> Denied {
        Denied::Invalid(format!("a token that cluster {} accepts is refused: {why}", self.config.cluster))
    }

    fn refused(&self) -> Denied {
        Denied::Invalid(format!("cluster {} does not accept a token", self.config.cluster))
    }

    fn unavailable(&self, why: &str) -> Denied {
        Denied::Unavailable(format!("cluster {} can't review tokens: {why}", self.config.cluster))
    }
}

#[cfg(test)]
mod tests {
    use cluster_registry::Settings;
    use serde_json::Value;

    use super::*;

    fn read(config: TokenReviewConfig, status: Value) -> Result<Reviewed, Denied> {
        let registry = Registry::new(kinds::kind_set(), Settings::default());
        let answer = serde_json::from_value(json!({ "kind": "TokenReview", "status": status })).unwrap();
        Reviewer::new(config, registry).read("opaque", answer)
    }

    fn config(audiences: &[&str]) -> TokenReviewConfig {
        let audiences = audiences.iter().map(ToString::to_string).collect();
        TokenReviewConfig { cluster: "prod".to_owned(), audiences, ..TokenReviewConfig::default() }
    }

    #[test]
    fn an_answer_counts_only_when_it_says_that_the_token_holds_and_whose_it_is() {
        let user = json!({ "username": "alice", "uid": "7", "groups": ["dev"], "extra": { "a": ["b"] } });
        let good = read(config(&[]), json!({ "authenticated": true, "user": user })).unwrap();
        assert_eq!((good.claimed.user.as_str(), good.claimed.uid.as_str()), ("alice", "7"));
        assert_eq!(
            (good.claimed.groups, &good.claimed.extra["a"]),
            (vec!["dev".to_owned()], &vec!["b".to_owned()])
        );
        for status in [
            json!({}),
            json!({ "user": user }),
            json!({ "authenticated": false, "user": user, "error": "s3cret" }),
            json!({ "authenticated": true }),
            json!({ "authenticated": true, "user": { "username": "" } }),
        ] {
            let Err(Denied::Invalid(why)) = read(config(&[]), status.clone()) else { panic!("{status}") };
            assert_eq!(why, "cluster prod does not accept a token", "nothing of what the cluster says");
        }
    }

    #[test]
    fn a_server_that_does_not_say_for_whom_a_token_is_has_not_looked() {
        let status = |audiences: &[&str]| json!({ "authenticated": true, "user": { "username": "alice" }, "audiences": audiences });
        assert!(read(config(&["fleet", "other"]), status(&["fleet"])).is_ok());
        assert!(read(config(&["fleet"]), status(&[])).is_err());
        assert!(read(config(&["fleet"]), status(&["another"])).is_err());
    }
}
